//! The tables change under a running engine: who can no longer be built is paused, the others go on, and everything is right
//! again by itself once the tables are.

mod following;
mod meaning;
mod pausing;
mod publication;
mod restarting;

use crate::world::{DEADLINE, Engine, SHOP, World, eventually, try_eventually};

/// The shop, and a second sync that only reads customers, to `/customers/{id}`.
fn shop_and_customers(world: &World) -> String {
    format!(
        "{SHOP}
         [sinks.crm]
         type = \"http\"
         url  = \"{}/customers/{{id}}\"
         [syncs.customers]
         table    = \"customers\"
         sink     = \"crm\"
         document = {{ name = \"first_name\", email = \"email\" }}",
        world.receiver().url()
    )
}

const CUSTOMERS: &str =
    "select '/customers/' || id, jsonb_build_object('name', first_name, 'email', email) from customers";

/// One sync over a table of its own, to `/items/{id}`.
fn items(world: &World, more: &str) -> String {
    format!(
        "[sinks.shop_api]
         url = \"{}/items/{{id}}\"
         [syncs.items]
         table = \"items\"
         sink  = \"shop_api\"
         {more}",
        world.receiver().url()
    )
}

impl World {
    /// Waits until the sync is paused; why.
    async fn paused(&self, sync: &str) -> String {
        let ask = async || {
            let rows = self
                .query("select paused from walsift.route where sync = $1", &[&sync])
                .await;
            rows.first()?.get::<_, Option<String>>(0)
        };
        eventually(DEADLINE, "a paused sync", ask).await
    }

    /// Waits until the sync works.
    async fn at_work(&self, sync: &str) {
        let ask = async || {
            let statement =
                "select count(*) from walsift.route where sync = $1 and (paused is not null or fingerprint = '')";
            let resting: i64 = self.query_one(statement, &[&sync]).await.get(0);
            (resting == 0).then_some(())
        };
        eventually(DEADLINE, "a sync at work", ask).await;
    }

    /// Waits until the receiver holds what the database yields.
    async fn converges(&self, sync_sql: &str, path_prefix: &str) {
        let mut divergence = None;
        let ask = async || {
            divergence = self.divergence(sync_sql, path_prefix).await;
            divergence.is_none().then_some(())
        };
        let converged = try_eventually(DEADLINE, ask).await.is_some();
        let divergence = divergence.unwrap_or_default();
        assert!(
            converged,
            "the receiver does not hold what the database yields\n{divergence}"
        );
    }

    async fn buried(&self) -> i64 {
        self.value("select count(*) from walsift.finished_job where state in ('failed', 'dead')")
            .await
    }
}

/// How often an engine has gone over to other tables.
fn generations(engine: &Engine) -> usize {
    let said = |line: &&String| line.contains("the tables are others than they were");
    engine.log().iter().filter(said).count()
}
