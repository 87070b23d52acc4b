//! Claiming jobs that are due.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::{try_join, try_join_all};
use tokio_postgres::Row;

use super::{ChunkId, Correlation, Priority, RouteId, Worker};
use crate::mapping::SubjectKey;
use crate::pg;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct JobId(pub i64);

/// A claimed job, with all that is needed to build, compare and deliver.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: JobId,
    /// It has no row: it is one of the subjects of this chunk.
    pub chunk: Option<ChunkId>,
    pub key: SubjectKey,
    /// As it was at the claim; a higher one at the end means that the subject changed meanwhile.
    pub touched: i32,
    /// Failed ones so far.
    pub attempts: u16,
    /// Those of them that use up nothing of the budget: the sink was down.
    pub spared: u16,
    pub changed_at: Option<SystemTime>,
    pub created_at: SystemTime,
    /// The number for a new document.
    pub version: i64,
    /// The last attempt on record: its number, and the digest of what it sent.
    pub sent: Option<(i64, DigestBytes)>,
    /// A worker was lost with this job in hand.
    pub uncertain: bool,
    /// What the sink accepted last; `None` if it never accepted anything. Within, `None` if nobody knows.
    pub accepted: Option<Option<DigestBytes>>,
    /// What the sink calls the subject, if it said so.
    pub remote_id: Option<Arc<str>>,
    /// How long ago, where that is noted.
    pub delivered_ago: Option<Duration>,
    pub priority: Priority,
    /// A person asked for it.
    pub asked: bool,
    /// Sent even if the sink holds the same document already.
    pub forced: bool,
}

impl Job {
    /// Whether its story is kept when it is over, however it ends: something failed before, or a person asked for it.
    pub fn is_kept(&self) -> bool {
        self.attempts > 0 || self.asked
    }

    /// The same for its whole life.
    pub fn correlation(&self) -> Correlation {
        Correlation::new(self.id, self.created_at)
    }

    /// Which try of its budget the next one is, from 1.
    pub fn next_try(&self) -> u32 {
        u32::from(self.attempts.saturating_sub(self.spared)) + 1
    }
}

/// A digest as it is stored.
pub type DigestBytes = [u8; 16];

#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Nothing was claimed.
    #[error("{}", pg::describe(.0))]
    Nothing(#[from] pg::Error),
    /// The commit was not answered. The jobs may be this worker's, and nobody would ever know.
    #[error("a claim was not answered: {}", pg::describe(.0))]
    Unknown(pg::Error),
}

/// What a claim asks for.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    pub route: RouteId,
    /// Of the shape that the worker builds.
    pub fingerprint: &'a str,
    pub most: usize,
    /// Most of them that are of the lowest priority, [`Priority::Bulk`].
    pub most_bulk: usize,
}

/// Claims jobs that are due, for each demand up to as many as it asks for. All or, on an error, none.
pub async fn claim(
    client: &mut pg::Client,
    demands: &[Demand<'_>],
    worker: &Worker,
) -> Result<Vec<Vec<Job>>, ClaimError> {
    let tx = client.transaction().await?;
    let exclude = tx
        .prepare_cached(include_str!("../../sql/backfill/exclude_chunks.sql"))
        .await?;
    let mut routes: Vec<i16> = demands.iter().map(|demand| demand.route.0).collect();
    routes.sort_unstable();
    let lock = tx.prepare_cached(include_str!("../../sql/queue/lock_due.sql")).await?;
    let timeline = worker.server.timeline.cast_signed();
    // They go out together and their answers come back together.
    let locked = demands.iter().map(async |demand| {
        let limit = |most: usize| i64::try_from(most).unwrap_or(i64::MAX);
        let (most, most_bulk) = (limit(demand.most), limit(demand.most_bulk));
        tx.query(
            &lock,
            &[&demand.route.0, &most, &demand.fingerprint, &most_bulk, &timeline],
        )
        .await
    });
    let (_, due) = try_join(tx.query(&exclude, &[&routes]), try_join_all(locked)).await?;
    let due: Vec<i64> = due.iter().flatten().map(|row| row.get("id")).collect();
    let mut claimed: Vec<Vec<Job>> = vec![Vec::new(); demands.len()];
    if due.is_empty() {
        return Ok(claimed);
    }
    let claim = tx.prepare_cached(include_str!("../../sql/queue/claim.sql")).await?;
    let rows = tx.query(&claim, &[&due, &worker.id.0]).await?;
    tx.commit().await.map_err(ClaimError::Unknown)?;
    for row in &rows {
        let route = RouteId(row.get("route"));
        let demand = demands.iter().position(|demand| demand.route == route);
        claimed[demand.expect("only what was asked for is locked")].push(job(row, None));
    }
    Ok(claimed)
}

/// A row of queue/claim.sql or backfill/members.sql; `chunk`: the job is one of its subjects.
pub(super) fn job(row: &Row, chunk: Option<ChunkId>) -> Job {
    let digest = |name| {
        row.get::<_, Option<&[u8]>>(name)
            .and_then(|bytes| DigestBytes::try_from(bytes).ok())
    };
    let sent = row.get::<_, Option<i64>>("sent_version").zip(digest("sent_digest"));
    let accepted = row.get::<_, bool>("known").then(|| digest("accepted_digest"));
    let delivered: Option<f64> = row.get("delivered_seconds");
    Job {
        id: JobId(row.get("id")),
        chunk,
        key: SubjectKey::from_stored(row.get("key")),
        touched: row.get("touched"),
        attempts: u16::try_from(row.get::<_, i16>("attempts")).unwrap_or_default(),
        spared: u16::try_from(row.get::<_, i16>("spared")).unwrap_or_default(),
        changed_at: row.get("changed_at"),
        created_at: row.get("created_at"),
        version: row.get("version"),
        sent,
        uncertain: row.get("uncertain"),
        accepted,
        remote_id: row.get::<_, Option<&str>>("remote_id").map(Arc::from),
        delivered_ago: delivered.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()),
        priority: Priority::from_number(row.get("priority")),
        asked: row.get("asked"),
        forced: row.get("forced"),
    }
}

/// How long until a waiting job of these routes is due; `None` if none waits for its time.
pub async fn next_due(client: &pg::Client, routes: &[RouteId]) -> Result<Option<Duration>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/next_due.sql"))
        .await?;
    let routes: Vec<i16> = routes.iter().map(|route| route.0).collect();
    let row = client.query_one(&statement, &[&routes]).await?;
    let seconds = row.get::<_, Option<f64>>("seconds");
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()))
}
