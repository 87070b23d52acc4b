//! Writes down what became of jobs: whatever is there, in one commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use metrics::{counter, histogram};
use tokio::sync::mpsc::Receiver;

use super::{Ended, InHand, Outlet};
use crate::diff::Reason;
use crate::failpoint;
use crate::metrics as names;
use crate::pg;
use crate::pipeline::engine::chain;
use crate::queue::{self, ChunkId};
use crate::record::{self, Ending, Settled, Settlement};

/// Most jobs in one commit.
const SETTLEMENT_JOBS: usize = 500;

/// Between tries, while the state database is away.
const RETRY_PERIOD: Duration = Duration::from_millis(200);

#[derive(Debug, thiserror::Error)]
enum SettleError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

/// Until the other stages are done.
pub(super) async fn run(outlet: &Outlet<'_>, mut ended: Receiver<Ended>) {
    let mut together = Vec::with_capacity(SETTLEMENT_JOBS);
    while ended.recv_many(&mut together, SETTLEMENT_JOBS).await > 0 {
        failpoint::die_at("settle-before-begin");
        let (members, jobs): (Vec<Ended>, Vec<Ended>) =
            together.drain(..).partition(|ended| ended.claimed.chunk.is_some());
        // Each by itself: both lock jobs, and only those of one commit are locked in their order.
        settle(outlet, &jobs).await;
        settle(outlet, &members).await;
        end_chunks(outlet, &members).await;
        // There are places again, and some jobs may be due again.
        outlet.route.jobs.notify_one();
    }
}

/// Tries for as long as the jobs are ours; after that others have taken them over as uncertain.
async fn settle(outlet: &Outlet<'_>, ended: &[Ended]) {
    if ended.is_empty() {
        return;
    }
    let over: Vec<ChunkId> = chunks(ended)
        .filter(|(chunk, members)| chunk.ends_with(*members))
        .map(|(chunk, _)| chunk.id)
        .collect();
    let settlements: Vec<Settlement> = ended.iter().map(|ended| ended.settlement.clone()).collect();
    loop {
        match write(outlet, &settlements, &over).await {
            Ok(Settled { lost, superseded }) => {
                if !lost.is_empty() {
                    tracing::warn!(
                        jobs = lost.len(),
                        "jobs had been taken over before their end was written down"
                    );
                }
                let engine = &outlet.lane.engine;
                engine.suppressed(outlet.route, Reason::Superseded, superseded);
                count(
                    outlet,
                    ended.iter().filter(|ended| !lost.contains(&ended.settlement.job.id)),
                );
                return;
            }
            Err(error) if Instant::now() < outlet.lane.worker.lease.expires() => {
                tracing::warn!(
                    error = chain(&error),
                    "cannot write down what became of jobs; trying again"
                );
                tokio::time::sleep(RETRY_PERIOD).await;
            }
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    jobs = settlements.len(),
                    "the ends of jobs are lost"
                );
                return;
            }
        }
    }
}

async fn write(outlet: &Outlet<'_>, settlements: &[Settlement], over: &[ChunkId]) -> Result<Settled, SettleError> {
    let mut state = outlet.lane.engine.state.get().await?;
    let (worker, route) = (outlet.lane.worker.id.0, outlet.route);
    let of_chunks = settlements.iter().any(|settlement| settlement.job.chunk.is_some());
    let settled = if of_chunks {
        record::settle_members(&mut state, route.id, worker, route.pace, settlements, over).await
    } else {
        record::settle(&mut state, route.id, worker, route.pace, settlements).await
    };
    Ok(settled?)
}

/// The chunks that these are of, and how many are of each.
fn chunks(ended: &[Ended]) -> impl Iterator<Item = (Arc<InHand>, usize)> {
    let mut chunks: HashMap<ChunkId, (Arc<InHand>, usize)> = HashMap::new();
    for chunk in ended.iter().filter_map(|ended| ended.claimed.chunk.as_ref()) {
        chunks.entry(chunk.id).or_insert_with(|| (chunk.clone(), 0)).1 += 1;
    }
    chunks.into_values()
}

/// After these are written down: the next chunk as large as the last ones let it be, and counts for people, which a crash may
/// lose.
async fn end_chunks(outlet: &Outlet<'_>, members: &[Ended]) {
    for ended in members {
        let Some(chunk) = &ended.claimed.chunk else { continue };
        let is_left_over = matches!(
            ended.settlement.ending,
            Ending::Retry { .. } | Ending::Over { .. } | Ending::Released { .. }
        );
        chunk.left_over.fetch_add(u64::from(is_left_over), Ordering::Relaxed);
        chunk
            .sent
            .fetch_add(u64::from(ended.delivered.is_some()), Ordering::Relaxed);
    }
    for (chunk, members) in chunks(members) {
        let is_over = chunk.ends_with(members);
        chunk.written(members);
        if !is_over {
            continue;
        }
        let most = outlet.lane.engine.config.engine.batch;
        let before = outlet.chunk_subjects.load(Ordering::Relaxed);
        outlet.chunk_subjects.store(chunk.next(before, most), Ordering::Relaxed);
        let counted = async {
            let state = outlet.lane.engine.state.get().await?;
            let (sent, left_over) = (
                chunk.sent.load(Ordering::Relaxed),
                chunk.left_over.load(Ordering::Relaxed),
            );
            Ok::<(), SettleError>(queue::count_backfill(&state, chunk.backfill, sent, left_over).await?)
        };
        if let Err(error) = counted.await {
            tracing::debug!(error = chain(&error), "cannot count what became of a chunk");
        }
        outlet.route.backfills.notify_one();
    }
}

fn count<'a>(outlet: &Outlet<'_>, ended: impl Iterator<Item = &'a Ended>) {
    let route = outlet.route;
    let (sync, sink) = (route.sync_name.to_string(), route.sink_name.to_string());
    for delivered in ended.filter_map(|ended| ended.delivered.as_ref()) {
        let operation = delivered.operation.as_str();
        counter!(names::PUBLISHED, "sync" => sync.clone(), "sink" => sink.clone(), "operation" => operation)
            .increment(1);
        outlet.lane.engine.count(route.id, operation, 1);
        let latency = delivered
            .changed_at
            .and_then(|changed_at| SystemTime::now().duration_since(changed_at).ok());
        if let Some(latency) = latency {
            histogram!(names::COMMIT_TO_PUBLISH, "sync" => sync.clone(), "sink" => sink.clone()).record(latency);
        }
    }
}
