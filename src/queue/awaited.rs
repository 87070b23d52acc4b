//! What is on its way to subjects: their jobs, chunks that they are in, and what has not become jobs yet.

use std::collections::HashSet;

use tokio_postgres::types::PgLsn;

use super::RouteId;
use crate::mapping::SubjectKey;
use crate::pg;
use crate::wal::Lsn;

/// What subjects of a route may still be waiting for before they have a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// Up to where changes have become jobs or visits.
    pub progress: Option<Lsn>,
    /// The first and the last visit that waits.
    pub visits: Option<(i64, i64)>,
    /// A backfill is under way that has to come by before they are in step at all.
    pub is_visited: bool,
    /// Its jobs wait until somebody says so.
    pub rests: bool,
}

/// Those of some subjects that have an active job or are in a chunk.
pub async fn busy(client: &pg::Client, route: RouteId, keys: &[SubjectKey]) -> Result<HashSet<SubjectKey>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/backfill/busy.sql"))
        .await?;
    let keys: Vec<&str> = keys.iter().map(SubjectKey::as_str).collect();
    let rows = client.query(&statement, &[&route.0, &keys]).await?;
    Ok(rows.iter().map(|row| SubjectKey::from_stored(row.get("key"))).collect())
}

pub async fn awaited(client: &pg::Client, route: RouteId, slot: &str) -> Result<Awaited, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/awaited.sql"))
        .await?;
    let row = client.query_one(&statement, &[&route.0, &slot]).await?;
    let visit = |name| row.get::<_, Option<i64>>(name);
    Ok(Awaited {
        progress: row.get::<_, Option<PgLsn>>("lsn").map(|lsn| Lsn(lsn.into())),
        visits: visit("first_visit").zip(visit("last_visit")),
        is_visited: row.get("is_visited"),
        rests: row.get("rests"),
    })
}
