//! Chunks: subjects of a backfill in one worker's hands.

use std::collections::HashMap;
use std::time::Duration;

use deadpool_postgres::Transaction;

use super::super::claim::job;
use super::super::{ClaimError, Entry, Job, Priority, RouteId, Worker, enqueue};
use super::run::{Backfill, BackfillId, Walk};
use crate::mapping::SubjectKey;
use crate::pg;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkId(pub i64);

/// Subjects to be built, compared and sent, as jobs that have no row.
#[derive(Debug)]
pub struct Chunk {
    pub id: ChunkId,
    pub backfill: BackfillId,
    pub jobs: Vec<Job>,
}

/// What was found by one look, and where the backfill stands behind it. By default: nothing, at the end.
#[derive(Debug, Default)]
pub struct Step {
    /// The subjects that are to be visited, each once.
    pub keys: Vec<SubjectKey>,
    /// How many were looked at.
    pub visited: usize,
    pub walk: Walk,
    pub last_key: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub enum Taken {
    Chunk(Chunk),
    /// The step was taken, and there was nobody to visit in it.
    Nobody,
    /// Somebody else has taken it, or nothing is to be taken at present.
    NotNow,
}

/// For whom a chunk is taken: a route, and the shape of the documents that this process builds for it.
#[derive(Debug, Clone, Copy)]
pub struct Taker<'a> {
    pub worker: &'a Worker,
    pub route: RouteId,
    pub fingerprint: &'a str,
}

/// Takes a step of a backfill. On an error that is not [`ClaimError::Unknown`] nothing has happened.
pub async fn take_chunk(
    client: &mut pg::Client,
    taker: Taker<'_>,
    backfill: &Backfill,
    step: &Step,
) -> Result<Taken, ClaimError> {
    let tx = client.transaction().await?;
    exclude_claims(&tx, taker.route).await?;
    if !advance(&tx, taker, backfill, step).await? {
        return Ok(Taken::NotNow);
    }
    let keys = leave_busy(&tx, taker.route, backfill.forced, &step.keys).await?;
    let chunk = if keys.is_empty() {
        None
    } else {
        let sql = include_str!("../../../sql/backfill/insert_chunk.sql");
        let statement = tx.prepare_cached(sql).await?;
        let row = tx
            .query_one(&statement, &[&backfill.id.0, &taker.route.0, &keys, &taker.worker.id.0])
            .await?;
        Some(members(&tx, ChunkId(row.get("id"))).await?)
    };
    tx.commit().await.map_err(ClaimError::Unknown)?;
    Ok(chunk.map_or(Taken::Nobody, Taken::Chunk))
}

/// Takes over what is left of a chunk whose holder is gone; [`Taken::NotNow`] if there is none.
pub async fn take_over_chunk(client: &mut pg::Client, taker: Taker<'_>) -> Result<Taken, ClaimError> {
    let tx = client.transaction().await?;
    exclude_claims(&tx, taker.route).await?;
    let orphan = tx
        .prepare_cached(include_str!("../../../sql/backfill/lock_orphan.sql"))
        .await?;
    let timeline = taker.worker.server.timeline.cast_signed();
    let Some(orphan) = tx
        .query_opt(&orphan, &[&taker.route.0, &taker.fingerprint, &timeline])
        .await?
    else {
        return Ok(Taken::NotNow);
    };
    let (id, mut keys): (i64, Vec<&str>) = (orphan.get("id"), orphan.get("keys"));
    keys.sort_unstable();
    let doubt = tx
        .prepare_cached(include_str!("../../../sql/backfill/doubt_jobs.sql"))
        .await?;
    tx.execute(&doubt, &[&taker.route.0, &keys]).await?;
    let take_over = tx
        .prepare_cached(include_str!("../../../sql/backfill/take_over.sql"))
        .await?;
    let left: i32 = tx
        .query_one(&take_over, &[&id, &taker.worker.id.0])
        .await?
        .get("subjects");
    let chunk = if left == 0 {
        tx.execute(
            include_str!("../../../sql/backfill/delete_chunks.sql"),
            &[&[id].as_slice()],
        )
        .await?;
        None
    } else {
        Some(members(&tx, ChunkId(id)).await?)
    };
    tx.commit().await.map_err(ClaimError::Unknown)?;
    Ok(chunk.map_or(Taken::Nobody, Taken::Chunk))
}

async fn exclude_claims(tx: &Transaction<'_>, route: RouteId) -> Result<(), pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../../sql/backfill/exclude_claims.sql"))
        .await?;
    tx.query_one(&statement, &[&route.0]).await?;
    Ok(())
}

async fn advance(tx: &Transaction<'_>, taker: Taker<'_>, backfill: &Backfill, step: &Step) -> Result<bool, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../../sql/backfill/advance.sql"))
        .await?;
    let advanced = tx
        .query_opt(
            &statement,
            &[
                &backfill.id.0,
                &backfill.walk.name(),
                &backfill.last_key,
                &step.walk.name(),
                &step.last_key,
                &i64::try_from(step.visited).unwrap_or(i64::MAX),
                &taker.fingerprint,
                &taker.worker.server.timeline.cast_signed(),
            ],
        )
        .await?;
    Ok(advanced.is_some())
}

/// The subjects that are free. To those that somebody has in hand it is left to be built once more; a job that waits will see
/// what is there anyway.
async fn leave_busy<'a>(
    tx: &Transaction<'_>,
    route: RouteId,
    forced: bool,
    keys: &'a [SubjectKey],
) -> Result<Vec<&'a str>, pg::Error> {
    let keys: Vec<&str> = keys.iter().map(SubjectKey::as_str).collect();
    if keys.is_empty() {
        return Ok(keys);
    }
    let statement = tx
        .prepare_cached(include_str!("../../../sql/backfill/busy.sql"))
        .await?;
    let rows = tx.query(&statement, &[&route.0, &keys]).await?;
    let mut busy: HashMap<&str, bool> = HashMap::new();
    for row in &rows {
        *busy.entry(row.get("key")).or_default() |= row.get::<_, bool>("held");
    }
    let held = busy.iter().filter(|(_, held)| **held).map(|(key, _)| Entry {
        route,
        key: SubjectKey::from_stored(key),
        changed_at: None,
    });
    let held: Vec<Entry> = held.collect();
    if !held.is_empty() {
        enqueue(tx, held, Priority::Bulk, Duration::ZERO).await?;
    }
    if forced && !busy.is_empty() {
        let mut busy: Vec<&str> = busy.keys().copied().collect();
        busy.sort_unstable();
        let statement = tx
            .prepare_cached(include_str!("../../../sql/backfill/force.sql"))
            .await?;
        tx.execute(&statement, &[&route.0, &busy]).await?;
    }
    Ok(keys.into_iter().filter(|key| !busy.contains_key(key)).collect())
}

async fn members(tx: &Transaction<'_>, id: ChunkId) -> Result<Chunk, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../../sql/backfill/members.sql"))
        .await?;
    let rows = tx.query(&statement, &[&id.0]).await?;
    let backfill = rows.first().map_or(0, |row| row.get("backfill"));
    Ok(Chunk {
        id,
        backfill: BackfillId(backfill),
        jobs: rows.iter().map(|row| job(row, Some(id))).collect(),
    })
}
