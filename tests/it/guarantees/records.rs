//! What the engine has written down.

use serde_json::Value;
use tokio_postgres::types::PgLsn;

use crate::world::{DEADLINE, World, eventually};

impl World {
    /// How far the slot is confirmed, `None` if there is no slot.
    pub async fn confirmed(&self) -> Option<PgLsn> {
        let statement = "select confirmed_flush_lsn from pg_replication_slots where slot_name = $1";
        let rows = self.query(statement, &[&self.slot()]).await;
        rows.first().and_then(|row| row.get(0))
    }

    /// Waits until the slot is confirmed up to here.
    pub async fn wait_until_confirmed(&self, lsn: PgLsn) {
        let what = format!("confirmed up to {lsn}");
        eventually(DEADLINE, &what, async || (self.confirmed().await? >= lsn).then_some(())).await;
    }

    /// Waits until this statement yields `true`.
    pub async fn wait_until_true(&self, statement: &str) {
        eventually(DEADLINE, statement, async || {
            self.value::<bool>(statement).await.then_some(())
        })
        .await;
    }

    /// Counts of `walsift status` for the route of a sync, such as `/suppressed/equal`; 0 where there is none.
    pub async fn count(&self, config: &std::path::Path, sync: &str, pointer: &str) -> i64 {
        let output = self
            .walsift(&["status", "--json", "--config", config.to_str().unwrap()])
            .await;
        let status: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let routes = status["routes"].as_array().unwrap();
        let route = routes
            .iter()
            .find(|route| route["sync"] == sync)
            .expect("the sync has run");
        route.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
    }
}
