//! Keeps the history from growing for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::engine::{Engine, chain};
use crate::pg;
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

pub(super) async fn run(engine: Arc<Engine>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = engine.stop.cancelled() => return,
            _ = ticks.tick() => {
                if let Err(error) = prune(&engine).await {
                    tracing::debug!(error = chain(&error), "cannot forget old jobs at present");
                }
            }
        }
    }
}

async fn prune(engine: &Engine) -> Result<(), PruneError> {
    let retention = &engine.config.retention;
    let kinds: [(&[&str], Duration); 2] = [
        (&["succeeded"], retention.succeeded),
        (&["failed", "dead", "canceled"], retention.failed),
    ];
    for (states, kept) in kinds {
        loop {
            let state = engine.state.get().await?;
            let forgotten = record::prune(&state, states, kept, BATCH).await?;
            if forgotten < u64::from(BATCH) || engine.stop.is_cancelled() {
                break;
            }
        }
    }
    Ok(())
}
