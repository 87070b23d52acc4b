//! Forgetting what has been kept long enough.

use std::time::Duration;

use crate::pg;

/// Forgets up to `most` finished jobs of some states that were finished longer ago than `kept`, with their attempts.
/// Returns how many there were.
pub async fn prune(client: &pg::Client, states: &[&str], kept: Duration, most: u32) -> Result<u64, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/record/prune.sql"))
        .await?;
    client
        .execute(&statement, &[&states, &kept.as_secs_f64(), &i64::from(most)])
        .await
}
