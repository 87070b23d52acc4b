//! Digests that can be trusted no more.

use deadpool_postgres::Transaction;

use crate::mapping::SubjectKey;
use crate::pg;
use crate::queue::RouteId;

/// Nobody knows what the sink holds of these subjects: whatever is built of them next is sent.
pub async fn doubt(tx: &Transaction<'_>, route: RouteId, keys: &[SubjectKey]) -> Result<(), pg::Error> {
    let statement = tx.prepare_cached(include_str!("../../sql/record/void.sql")).await?;
    let keys: Vec<&str> = keys.iter().map(SubjectKey::as_str).collect();
    let versions = vec![0_i64; keys.len()];
    let ids: Vec<Option<&str>> = vec![None; keys.len()];
    tx.execute(&statement, &[&route.0, &keys, &versions, &ids, &false])
        .await?;
    Ok(())
}
