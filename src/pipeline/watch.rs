//! Looks after the slot and the queue: gauges, and counts that outlive the process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::gauge;
use tokio::time::{MissedTickBehavior, interval};

use super::engine::Engine;
use super::slot_watch::SlotWatch;
use crate::metrics as names;
use crate::operate::{self, BackfillStatus};
use crate::pg;
use crate::queue::{self, RouteId};
use crate::record::{self, Survey};
use crate::wal;

/// How often counts are written. A crash loses those since.
const TALLY_PERIOD: Duration = Duration::from_secs(1);

/// How often slot and queue are looked at.
const SURVEY_PERIOD: Duration = Duration::from_secs(5);

/// Most backfills that are looked at.
const BACKFILLS_MAX: u32 = 1_000;

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
    let name = &engine.config.source.slot;
    let state = engine.state.get().await?;
    let survey = record::survey(&state).await?;
    show(&survey);
    let routes: Vec<RouteId> = queue::routes(&**state).await?.iter().map(|route| route.id).collect();
    let backfills = operate::backfills(&state, &routes, false, None, BACKFILLS_MAX).await?;
    show_backfills(&survey, &backfills);
    let behind = queue::behind(&**state, name).await?;
    drop(state);
    let source = engine.source.get().await?;
    if let Some(slot) = wal::read_slot(&**source, name).await? {
        watch.look(Instant::now(), &slot, behind);
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
        let rests = route.paused_by_hand().next().is_some();
        gauge!(names::PAUSED, &labels).set(f64::from(u8::from(rests)));
        gauge!(names::OLDEST_JOB, &labels).set(route.oldest_seconds.unwrap_or_default());
    }
    gauge!(names::VISITS).set(survey.visits as f64);
}

/// Of each route, those that have none too: a gauge stands where it was set last.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn show_backfills(survey: &Survey, backfills: &[BackfillStatus]) {
    for route in &survey.routes {
        let labels = [("sync", route.sync.clone()), ("sink", route.sink.clone())];
        let own = backfills
            .iter()
            .filter(|backfill| backfill.sync == route.sync && backfill.sink == route.sink);
        let (mut count, mut visited, mut estimated) = (0_i64, 0, 0);
        for backfill in own {
            count += 1;
            visited += backfill.visited;
            estimated += backfill.estimate.unwrap_or_default().max(backfill.visited);
        }
        gauge!(names::BACKFILLS, &labels).set(count as f64);
        gauge!(names::BACKFILL_VISITED, &labels).set(visited as f64);
        gauge!(names::BACKFILL_ESTIMATED, &labels).set(estimated as f64);
    }
}
