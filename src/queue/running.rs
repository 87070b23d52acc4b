//! What makes the documents that are being sent, kept so that another configuration can be compared with it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::{GenericClient, Transaction};

use super::RouteId;
use crate::config::Sync;
use crate::pg;
use crate::plan::SyncPlan;

/// The essentials of a sync as it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// See [`SyncPlan::build_sql`].
    pub build_sql: String,
    /// JSON pointers that are not compared.
    pub ignore: Vec<String>,
}

impl Running {
    pub fn of(plan: &SyncPlan, sync: &Sync) -> Self {
        Self {
            build_sql: plan.build_sql.clone(),
            ignore: sync.ignore.iter().map(|pointer| pointer.written()).collect(),
        }
    }
}

/// A route as it runs.
#[derive(Debug, Clone)]
pub struct RunningRoute {
    pub id: RouteId,
    pub sync: String,
    pub sink: String,
    pub fingerprint: String,
    /// `None` before it has worked.
    pub running: Option<Running>,
}

/// Every route, those of syncs that are no longer configured too.
pub async fn read_running(client: &impl GenericClient) -> Result<Vec<RunningRoute>, pg::Error> {
    let rows = client.query(include_str!("../../sql/queue/running.sql"), &[]).await?;
    let route = |row: &tokio_postgres::Row| RunningRoute {
        id: RouteId(row.get("id")),
        sync: row.get("sync"),
        sink: row.get("sink"),
        fingerprint: row.get("fingerprint"),
        running: row
            .get::<_, Option<Value>>("running")
            .and_then(|running| serde_json::from_value(running).ok()),
    };
    Ok(rows.iter().map(route).collect())
}

/// From now on documents are made like this.
pub async fn set_running(tx: &Transaction<'_>, route: RouteId, running: &Running) -> Result<(), pg::Error> {
    let running = serde_json::to_value(running).expect("texts are plain data");
    let sql = include_str!("../../sql/queue/set_running.sql");
    tx.execute(sql, &[&route.0, &running]).await?;
    Ok(())
}
