//! In which states jobs are.

use std::collections::HashMap;

use super::selection::State;
use crate::pg;
use crate::queue::JobId;

#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub state: State,
    pub active: bool,
}

/// Those that are on record.
pub(super) async fn states(client: &pg::Client, jobs: &[JobId]) -> Result<HashMap<JobId, Known>, pg::Error> {
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let rows = client
        .query(include_str!("../../sql/operate/states.sql"), &[&ids])
        .await?;
    let known = |row: &tokio_postgres::Row| Known {
        state: State::from_stored(row.get("state")),
        active: row.get("active"),
    };
    Ok(rows.iter().map(|row| (JobId(row.get("id")), known(row))).collect())
}
