//! Keeps the history from growing for ever.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

use super::engine::{Engine, chain};
use crate::pg;
use crate::queue;
use crate::record;

const PERIOD: Duration = Duration::from_mins(1);

/// Jobs forgotten in one commit.
const BATCH: u32 = 1_000;

#[derive(Debug, thiserror::Error)]
enum PruneError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

/// How often all is gone through from the beginning: another process may have died with some of it in hand.
const ROUNDS: u32 = 60;

/// The states in which a job ends.
const STATES: [&str; 4] = ["succeeded", "failed", "dead", "canceled"];

pub(super) async fn run(engine: Arc<Engine>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pruned_up_to = [None; STATES.len()];
    for round in 0_u32.. {
        tokio::select! {
            biased;
            () = engine.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if round % ROUNDS == 0 {
            pruned_up_to = [None; STATES.len()];
        }
        if let Err(error) = prune_backfills(&engine).await {
            tracing::debug!(error = chain(&error), "cannot forget old backfills at present");
        }
        for (state, from) in STATES.iter().zip(&mut pruned_up_to) {
            if let Err(error) = prune(&engine, state, from).await {
                tracing::debug!(error = chain(&error), "cannot forget old jobs at present");
            }
        }
    }
}

async fn prune_backfills(engine: &Engine) -> Result<(), PruneError> {
    let client = engine.state.get().await?;
    Ok(queue::prune_backfills(&client).await?)
}

/// Moves `from` past what is forgotten.
async fn prune(engine: &Engine, state: &str, from: &mut Option<SystemTime>) -> Result<(), PruneError> {
    let retention = &engine.config.retention;
    let kept = match state {
        "succeeded" => retention.succeeded,
        _ => retention.failed,
    };
    while !engine.stop.is_cancelled() {
        let client = engine.state.get().await?;
        let pruned = record::prune(&client, state, kept, BATCH, *from).await?;
        *from = pruned.up_to.or(*from);
        if pruned.jobs < u64::from(BATCH) {
            break;
        }
    }
    Ok(())
}
