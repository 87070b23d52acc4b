//! Forgetting what has been kept long enough.

use std::time::{Duration, SystemTime};

use crate::pg;

/// What was forgotten in one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    pub jobs: u64,
    /// When the last of them was finished; `None` without any.
    pub up_to: Option<SystemTime>,
}

/// Forgets up to `most` jobs that ended in `state` longer ago than `kept`, with their attempts, the oldest first. `from`:
/// none is left that was finished before.
pub async fn prune(
    client: &pg::Client,
    state: &str,
    kept: Duration,
    most: u32,
    from: Option<SystemTime>,
) -> Result<Pruned, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/record/prune.sql"))
        .await?;
    let row = client
        .query_one(&statement, &[&state, &kept.as_secs_f64(), &i64::from(most), &from])
        .await?;
    Ok(Pruned {
        jobs: row.get::<_, i64>("forgotten").unsigned_abs(),
        up_to: row.get("last"),
    })
}
