//! What makes the documents that are being sent, kept so that another configuration can be compared with it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::{GenericClient, Row, Transaction};

use super::RouteId;
use crate::config::{Pointer, Sync};
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
            ignore: sync.ignore.iter().map(Pointer::written).collect(),
        }
    }

    /// What is not compared.
    pub fn ignored(&self) -> Vec<Pointer> {
        self.ignore.iter().filter_map(|text| Pointer::parse(text)).collect()
    }
}

/// By route, for those that have worked.
pub async fn read_running(client: &impl GenericClient) -> Result<HashMap<RouteId, Running>, pg::Error> {
    let rows = client.query(include_str!("../../sql/queue/running.sql"), &[]).await?;
    let running = |row: &Row| {
        let running = serde_json::from_value(row.get::<_, Value>("running")).ok()?;
        Some((RouteId(row.get("id")), running))
    };
    Ok(rows.iter().filter_map(running).collect())
}

/// From now on documents are made like this.
pub async fn set_running(tx: &Transaction<'_>, route: RouteId, running: &Running) -> Result<(), pg::Error> {
    let running = serde_json::to_value(running).expect("texts are plain data");
    let sql = include_str!("../../sql/queue/set_running.sql");
    tx.execute(sql, &[&route.0, &running]).await?;
    Ok(())
}
