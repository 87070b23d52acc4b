//! What became of subjects of chunks, which are jobs without a row.
//!
//! Those that the sink accepted, and those with nothing to send, leave nothing behind but the state. Whatever else is to be
//! remembered of one needs a job: it gets one here, as if it had been claimed, and goes on like any other.

use std::collections::HashMap;

use deadpool_postgres::Transaction;

use super::writes::Writes;
use super::{Ending, Pace, Settled, Settlement};
use crate::failpoint;
use crate::pg;
use crate::queue::{ChunkId, JobId, RouteId};

/// Writes what became of subjects of chunks of one route; `over`: chunks of which none is left after it.
pub async fn settle_members(
    client: &mut pg::Client,
    route: RouteId,
    worker: i64,
    pace: Pace,
    settlements: &[Settlement],
    over: &[ChunkId],
) -> Result<Settled, pg::Error> {
    let tx = client.transaction().await?;
    let held = lock(&tx, worker, settlements).await?;
    let (ours, lost): (Vec<&Settlement>, Vec<&Settlement>) = settlements
        .iter()
        .partition(|settlement| settlement.job.chunk.is_some_and(|chunk| held.contains(&chunk)));
    let made = make_jobs(&tx, route, worker, pace, &ours).await?;
    let mut writes = Writes::new(route, pace);
    for settlement in ours {
        match made.get(settlement.job.key.as_str()) {
            None => writes.add(settlement, false),
            Some((id, changed)) => {
                let mut settlement = settlement.clone();
                settlement.job.id = *id;
                settlement.job.chunk = None;
                writes.add(&settlement, *changed);
            }
        }
    }
    let superseded = writes.write(&tx).await?;
    if !over.is_empty() {
        let over: Vec<i64> = over.iter().map(|chunk| chunk.0).collect();
        let statement = tx
            .prepare_cached(include_str!("../../../sql/backfill/delete_chunks.sql"))
            .await?;
        tx.execute(&statement, &[&over]).await?;
    }
    failpoint::die_at("settle-members-before-commit");
    tx.commit().await?;
    failpoint::die_at("settle-members-after-commit");
    Ok(Settled {
        lost: lost.into_iter().map(|settlement| settlement.job.id).collect(),
        superseded,
    })
}

/// The chunks that the worker still holds.
async fn lock(tx: &Transaction<'_>, worker: i64, settlements: &[Settlement]) -> Result<Vec<ChunkId>, pg::Error> {
    let mut chunks: Vec<i64> = settlements
        .iter()
        .filter_map(|settlement| settlement.job.chunk)
        .map(|chunk| chunk.0)
        .collect();
    chunks.sort_unstable();
    chunks.dedup();
    let statement = tx
        .prepare_cached(include_str!("../../../sql/backfill/lock_chunks.sql"))
        .await?;
    let rows = tx.query(&statement, &[&chunks, &worker]).await?;
    Ok(rows.iter().map(|row| ChunkId(row.get("id"))).collect())
}

/// By key: the job, and whether the subject has changed since it was put into the chunk.
async fn make_jobs(
    tx: &Transaction<'_>,
    route: RouteId,
    worker: i64,
    pace: Pace,
    settlements: &[&Settlement],
) -> Result<HashMap<String, (JobId, bool)>, pg::Error> {
    let mut needy: Vec<&Settlement> = settlements.to_vec();
    needy.retain(|settlement| needs_job(&settlement.ending, pace));
    if needy.is_empty() {
        return Ok(HashMap::new());
    }
    // In the order in which intake locks.
    needy.sort_unstable_by(|a, b| a.job.key.cmp(&b.job.key));
    let jobs: Vec<_> = needy.iter().map(|settlement| &settlement.job).collect();
    let ids: Vec<i64> = jobs.iter().map(|job| job.id.0).collect();
    let keys: Vec<&str> = jobs.iter().map(|job| job.key.as_str()).collect();
    let changes: Vec<_> = jobs.iter().map(|job| job.changed_at).collect();
    let creations: Vec<_> = jobs.iter().map(|job| job.created_at).collect();
    let versions: Vec<i64> = jobs.iter().map(|job| job.version).collect();
    let uncertain: Vec<bool> = jobs.iter().map(|job| job.uncertain).collect();
    let forced: Vec<bool> = jobs.iter().map(|job| job.forced).collect();
    let statement = tx
        .prepare_cached(include_str!("../../../sql/backfill/make_jobs.sql"))
        .await?;
    let rows = tx
        .query(
            &statement,
            &[
                &route.0, &worker, &ids, &keys, &changes, &creations, &versions, &uncertain, &forced,
            ],
        )
        .await?;
    let made = rows
        .iter()
        .map(|row| (row.get("key"), (JobId(row.get("id")), row.get("changed"))));
    Ok(made.collect())
}

/// Whether more is to be remembered than what the sink holds.
fn needs_job(ending: &Ending, pace: Pace) -> bool {
    match ending {
        // A delete is remembered where deliveries must be some time apart.
        Ending::Accepted { document, keep, .. } => *keep || (document.is_none() && !pace.min_interval.is_zero()),
        Ending::Suppressed { .. } => false,
        Ending::Retry { .. } | Ending::Over { .. } | Ending::Released { .. } => true,
    }
}
