//! The second server of a failover.

use walsift::demo::{Cluster, ClusterSettings, Shutdown};

use crate::world::{DEADLINE, Proxy, World, eventually};

/// Follows the server of the world, which it makes wait for it with every commit.
pub struct Standby(Cluster);

impl Standby {
    /// The server of the world is restarted for it.
    pub async fn new(world: &World) -> Standby {
        // One that was promoted has the marks of having been one.
        world
            .sql(
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_type = 'physical' and not active",
            )
            .await;
        let settings = ClusterSettings::default().with("wal_retrieve_retry_interval", "200ms");
        let standby = world.cluster().standby(settings).await.unwrap();
        let follows =
            "select count(*) = 1 from pg_stat_replication where application_name = 'standby' and state = 'streaming'";
        eventually(DEADLINE, "the standby follows", async || {
            let row = world.client().await.query_one(follows, &[]).await;
            row.is_ok_and(|row| row.get(0)).then_some(())
        })
        .await;
        world
            .sql("alter system set synchronous_standby_names = 'standby'")
            .await;
        world.sql("select pg_reload_conf()").await;
        Standby(standby)
    }

    /// The server of the world dies, and this one takes its place.
    pub async fn take_over(self, world: &World, proxy: &Proxy) {
        world.cluster().halt(Shutdown::Kill).await.unwrap();
        self.0.promote().await.unwrap();
        world.follow(self.0);
        proxy.lead_to(&world.url());
        proxy.cut_all();
    }
}
