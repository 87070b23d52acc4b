//! Ways to lose a slot.

use crate::world::{DEADLINE, World, eventually};

/// Whoever reads it is ended; the next one may be quicker than the drop.
pub async fn drop(world: &World) {
    let end = "select pg_terminate_backend(active_pid, 1000) from pg_replication_slots
                where slot_name = $1 and active_pid is not null";
    let drop = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1";
    eventually(DEADLINE, "the slot dropped", async || {
        world.query(end, &[&world.slot()]).await;
        let dropped = world.client().await.query_opt(drop, &[&world.slot()]).await;
        dropped.ok().map(|_| ())
    })
    .await;
}

/// The server takes it away, as it holds more WAL than it may.
pub async fn invalidate(world: &World) {
    world.sql("alter system set max_slot_wal_keep_size = '1MB'").await;
    world.sql("select pg_reload_conf()").await;
    let lost = "select from pg_replication_slots where slot_name = $1 and wal_status <> 'lost'";
    eventually(DEADLINE, "the slot lost", async || {
        if world.query(lost, &[&world.slot()]).await.is_empty() {
            return Some(());
        }
        let write = "insert into diary (text) select repeat('x', 1000) from generate_series(1, 15000)";
        world.sql(write).await;
        world.sql("select pg_switch_wal()").await;
        world.sql("checkpoint").await;
        None
    })
    .await;
    world.sql("alter system reset max_slot_wal_keep_size").await;
    world.sql("select pg_reload_conf()").await;
}
