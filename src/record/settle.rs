//! What became of claimed jobs, written down.
//!
//! One transaction for a handful of jobs: lock those that the worker still holds, then write state, attempts and the jobs
//! themselves. If the process dies before the commit, the jobs are taken over as uncertain; after it, nothing is left to do.

mod members;
mod state;
mod writes;

pub use members::settle_members;

use std::time::{Duration, SystemTime};

use crate::build::Digest;
use crate::diff::{Operation, Reason};
use crate::failpoint;
use crate::pg;
use crate::publish::Remote;
use crate::queue::{ChunkId, Job, JobId, RouteId};
use writes::Writes;

/// A claimed job at its end, as far as the records care.
#[derive(Debug, Clone)]
pub struct Held {
    pub id: JobId,
    /// It has no row: it is one of the subjects of this chunk.
    pub chunk: Option<ChunkId>,
    pub key: String,
    pub changed_at: Option<SystemTime>,
    pub created_at: SystemTime,
    /// At the claim.
    pub touched: i32,
    /// Failed attempts before this claim.
    pub attempts: u16,
    /// Whether its story is kept, however it ends.
    pub kept: bool,
    /// The number that the claim gave.
    pub version: i64,
    /// Something may have been sent under it that nobody recorded.
    pub uncertain: bool,
    /// Sent even if the sink holds the same document already, as of the claim.
    pub forced: bool,
}

impl From<&Job> for Held {
    fn from(job: &Job) -> Self {
        Self {
            id: job.id,
            chunk: job.chunk,
            key: job.key.as_str().to_owned(),
            changed_at: job.changed_at,
            created_at: job.created_at,
            touched: job.touched,
            attempts: job.attempts,
            kept: job.is_kept(),
            version: job.version,
            uncertain: job.uncertain,
            forced: job.forced,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Settlement {
    pub job: Held,
    pub ending: Ending,
    /// The try that was made, if one was made and it is to be kept.
    pub attempt: Option<Attempt>,
    /// What the sink said of the id by which it knows the subject.
    pub remote: Remote,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The sink holds this document now (`None`: nothing any more).
    Accepted {
        document: Option<Digest>,
        /// The document itself, [packed](super::pack), where the sync keeps it.
        packed: Option<Vec<u8>>,
        version: i64,
        keep: bool,
    },
    /// The sink holds the right thing already, or is to keep what it has. `forget`: a delete that it has accepted.
    Suppressed { forget: bool, reason: Reason },
    /// Failed; due again after a while. `sent`: what was sent, and its number. `spared`: it uses up nothing of the budget.
    Retry {
        after: Duration,
        certain: bool,
        sent: Option<(i64, Digest)>,
        spared: bool,
    },
    /// Failed for good: refused, or out of attempts.
    Over { dead: bool, certain: bool },
    /// Nothing was tried.
    Released { after: Duration },
}

/// How soon deliveries of one subject may follow each other. Both are zero where nothing is said of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// A changed subject waits until it has been quiet for so long.
    pub debounce: Duration,
    pub min_interval: Duration,
}

/// One try at delivering.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub started_at: SystemTime,
    pub finished_at: SystemTime,
    pub outcome: &'static str,
    pub class: Option<&'static str>,
    pub status: Option<u16>,
    pub certain: bool,
    pub message: Option<String>,
    pub operation: Operation,
    pub version: i64,
    /// Absent if nothing could be built.
    pub digest: Option<Digest>,
}

/// What a settlement came to.
#[derive(Debug, Default)]
pub struct Settled {
    /// Those that the worker no longer held: for them nothing is written.
    pub lost: Vec<JobId>,
    /// Dead letters that are closed: something newer was accepted, or the sink turned out to hold what it should.
    pub superseded: u64,
}

/// Writes what became of jobs of one route.
pub async fn settle(
    client: &mut pg::Client,
    route: RouteId,
    worker: i64,
    pace: Pace,
    settlements: &[Settlement],
) -> Result<Settled, pg::Error> {
    let tx = client.transaction().await?;
    let ids: Vec<i64> = settlements.iter().map(|settlement| settlement.job.id.0).collect();
    let lock = tx
        .prepare_cached(include_str!("../../sql/record/settle_lock.sql"))
        .await?;
    let rows = tx.query(&lock, &[&ids, &worker]).await?;
    let held: std::collections::HashMap<i64, i32> =
        rows.iter().map(|row| (row.get("id"), row.get("touched"))).collect();
    let mut writes = Writes::new(route, pace);
    let mut lost = Vec::new();
    for settlement in settlements {
        match held.get(&settlement.job.id.0) {
            Some(touched) => writes.add(settlement, *touched != settlement.job.touched),
            None => lost.push(settlement.job.id),
        }
    }
    let superseded = writes.write(&tx).await?;
    failpoint::die_at("settle-before-commit");
    tx.commit().await?;
    failpoint::die_at("settle-after-commit");
    Ok(Settled { lost, superseded })
}
