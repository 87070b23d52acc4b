//! Looks after the slot and the queue: gauges, warnings, and counts that outlive the process.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::time::{MissedTickBehavior, interval};

use super::engine::Engine;
use crate::metrics as names;
use crate::pg;
use crate::record::{self, Survey};
use crate::wal::{self, Slot};

/// How often counts are written. A crash loses those since.
const TALLY_PERIOD: Duration = Duration::from_secs(1);

/// How often slot and queue are looked at.
const SURVEY_PERIOD: Duration = Duration::from_secs(5);

/// Below so much WAL left before the slot is in danger, it is said.
const SLOT_WARNING_BYTES: i64 = 1 << 30;

#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

pub(super) async fn run(engine: Arc<Engine>) {
    let mut tally = interval(TALLY_PERIOD);
    let mut survey = interval(SURVEY_PERIOD);
    tally.set_missed_tick_behavior(MissedTickBehavior::Delay);
    survey.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut slot_watch = SlotWatch::default();
    loop {
        tokio::select! {
            biased;
            () = engine.stop.cancelled() => return,
            _ = survey.tick() => {
                // Those who need the databases say when they are away; here it only means that gauges stand still.
                if let Err(error) = look(&engine, &mut slot_watch).await {
                    tracing::debug!(error = error.to_string(), "cannot look at slot and queue");
                }
            }
            _ = tally.tick() => write_tally(&engine).await,
        }
    }
}

/// Adds what was counted since the last time. What cannot be written is kept for the next.
pub(super) async fn write_tally(engine: &Engine) {
    let tally = std::mem::take(&mut *engine.tally.lock().expect("no holder panics"));
    if tally.is_empty() {
        return;
    }
    let written = async {
        let state = engine.state.get().await?;
        Ok::<(), WatchError>(record::add_tally(&state, &tally).await?)
    };
    if let Err(error) = written.await {
        tracing::debug!(error = error.to_string(), "cannot write counts; they are kept");
        for ((route, name), more) in tally {
            engine.count(route, name, more);
        }
    }
}

async fn look(engine: &Engine, watch: &mut SlotWatch) -> Result<(), WatchError> {
    let state = engine.state.get().await?;
    show(&record::survey(&state).await?);
    drop(state);
    let source = engine.source.get().await?;
    if let Some(slot) = wal::read_slot(&**source, &engine.config.source.slot).await? {
        watch.look(&slot);
    }
    Ok(())
}

// Gauges take floats; counts of jobs and bytes of WAL stay far below what a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn show(survey: &Survey) {
    for route in &survey.routes {
        let labels = [("sync", route.sync.clone()), ("sink", route.sink.clone())];
        let states = [
            ("pending", route.jobs.pending),
            ("running", route.jobs.running),
            ("failed", route.jobs.failed),
            ("dead", route.jobs.dead),
        ];
        for (state, count) in states {
            let [sync, sink] = labels.clone();
            gauge!(names::JOBS, &[sync, sink, ("state", state.to_owned())]).set(count as f64);
        }
        gauge!(names::OLDEST_JOB, &labels).set(route.oldest_seconds.unwrap_or_default());
    }
    gauge!(names::VISITS).set(survey.visits as f64);
}

#[derive(Debug, Default)]
struct SlotWatch {
    warned: bool,
}

impl SlotWatch {
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
    fn look(&mut self, slot: &Slot) {
        gauge!(names::SLOT_LAG).set(slot.lag_bytes as f64);
        let Some(safe) = slot.safe_bytes else { return };
        gauge!(names::SLOT_SAFE).set(safe as f64);
        let danger = safe < SLOT_WARNING_BYTES && slot.lag_bytes > safe;
        if danger && !self.warned {
            tracing::warn!(
                lag_bytes = slot.lag_bytes,
                safe_bytes = safe,
                "the server will soon remove WAL that the slot still needs; raise max_slot_wal_keep_size or see what holds up reading"
            );
        }
        self.warned = danger;
    }
}
