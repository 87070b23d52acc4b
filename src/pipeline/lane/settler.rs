//! Writes down what became of jobs: whatever is there, in one commit.

use std::time::{Duration, Instant, SystemTime};

use metrics::{counter, histogram};
use tokio::sync::mpsc::Receiver;

use super::{Ended, Outlet};
use crate::diff::Reason;
use crate::failpoint;
use crate::metrics as names;
use crate::pg;
use crate::pipeline::engine::chain;
use crate::record::{self, Settled, Settlement};

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
        settle(outlet, &together).await;
        together.clear();
        // There are places again, and some jobs may be due again.
        outlet.route.jobs.notify_one();
    }
}

/// Tries for as long as the jobs are ours; after that others have taken them over as uncertain.
async fn settle(outlet: &Outlet<'_>, ended: &[Ended]) {
    let settlements: Vec<Settlement> = ended.iter().map(|ended| ended.settlement.clone()).collect();
    loop {
        match write(outlet, &settlements).await {
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

async fn write(outlet: &Outlet<'_>, settlements: &[Settlement]) -> Result<Settled, SettleError> {
    let mut state = outlet.lane.engine.state.get().await?;
    Ok(record::settle(
        &mut state,
        outlet.route.id,
        outlet.lane.worker.id.0,
        outlet.route.pace,
        settlements,
    )
    .await?)
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
