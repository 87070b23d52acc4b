//! Forgetting finished jobs.

use crate::pg;
use crate::queue::JobId;

/// Forgets those of the jobs that are over, with their tries; active ones stay. Returns how many there were. One commit.
pub async fn purge(client: &pg::Client, jobs: &[JobId]) -> Result<usize, pg::Error> {
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let rows = client
        .query(include_str!("../../sql/operate/purge.sql"), &[&ids])
        .await?;
    Ok(rows.len())
}
