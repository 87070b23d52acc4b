//! Takes chunks of backfills for one outlet, always one ahead of what the feeder has use for.
//!
//! A step: the source, or the state, is asked for the next keys; then, in one commit, the backfill moves on behind them and those
//! that are free are in this worker's hands. Chunks whose holder is gone are taken over first.
//!
//! What bounds it: the channel to the feeder holds one chunk, so without use for more none is taken; a chunk has no more subjects
//! than a batch, and no more than the sink takes within about a second, for changes of them wait as long. While the sink is down, while somebody has paused it
//! or drains the process, nothing is taken.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::Outlet;
use crate::failpoint;
use crate::mapping::SubjectKey;
use crate::pg::{self, Snapshot};
use crate::pipeline::backoff::Backoff;
use crate::pipeline::breaker::Passage;
use crate::pipeline::engine::chain;
use crate::pipeline::lookup::LookupError;
use crate::pipeline::subjects;
use crate::plan::SyncPlan;
use crate::queue::{self, Backfill, Chunk, ClaimError, Finished, Step, Taken, Taker, Walk};

/// What a chunk is to hold at least the sink busy for.
const AHEAD: Duration = Duration::from_secs(1);

/// While a backfill waits for a transaction, for its time, or for the sink; nothing tells.
const HELD_PERIOD: Duration = Duration::from_millis(100);

/// When a backfill that cannot go on is tried again.
const PUT_OFF: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
enum ProspectError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

/// What a round came to.
enum Round {
    Chunk(Chunk),
    /// A step was taken, and nobody is to be visited in it.
    Step,
    /// There is something to do, but not now.
    Held(Duration),
    /// Nothing, until somebody says so.
    Idle,
}

/// Until a stop, or until nobody takes chunks any more. An error on the channel means that this worker may hold a chunk
/// that it does not know of.
pub(super) async fn run(outlet: &Outlet<'_>, chunks: Sender<Result<Chunk, ClaimError>>) {
    let (engine, route) = (&outlet.lane.engine, outlet.route);
    let component = format!("backfills of {} for {}", route.sync_name, route.sink_name);
    let mut backoff = Backoff::new();
    while !engine.stop.is_cancelled() {
        // Room first: what is taken is handed on at once.
        let Some(room) = room(outlet, &chunks).await else {
            return;
        };
        let wait = match round(outlet).await {
            Ok(round) => {
                engine.health.well(&component);
                backoff.reset();
                match round {
                    Round::Chunk(chunk) => {
                        room.send(Ok(chunk));
                        route.jobs.notify_one();
                        continue;
                    }
                    Round::Step => continue,
                    Round::Held(wait) => Some(wait),
                    Round::Idle => None,
                }
            }
            Err(ProspectError::Claim(error @ ClaimError::Unknown(_))) => {
                room.send(Err(error));
                route.jobs.notify_one();
                return;
            }
            Err(error) => {
                if engine.health.ill(&component, chain(&error)) {
                    tracing::error!(error = chain(&error), component, "backfills have stopped; trying again");
                }
                Some(backoff.next())
            }
        };
        tokio::select! {
            () = engine.stop.cancelled() => return,
            () = chunks.closed() => return,
            () = route.backfills.notified() => {}
            () = sleep(wait) => {}
        }
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// `None` on a stop, or once nobody takes chunks any more.
async fn room<'a>(
    outlet: &Outlet<'_>,
    chunks: &'a Sender<Result<Chunk, ClaimError>>,
) -> Option<tokio::sync::mpsc::Permit<'a, Result<Chunk, ClaimError>>> {
    tokio::select! {
        () = outlet.lane.engine.stop.cancelled() => None,
        room = chunks.reserve() => room.ok(),
    }
}

async fn round(outlet: &Outlet<'_>) -> Result<Round, ProspectError> {
    let (engine, route) = (&outlet.lane.engine, outlet.route);
    let taker = Taker {
        worker: &outlet.lane.worker,
        route: route.id,
        fingerprint: &route.fingerprint,
    };
    let mut state = engine.state.get().await?;
    let agenda = queue::backfill_agenda(&state, route.id).await?;
    if agenda.ending {
        for finished in queue::finish_backfills(&state, route.id).await? {
            tell(outlet, &finished);
        }
    }
    if !agenda.open && !agenda.orphaned {
        return Ok(if agenda.ending {
            Round::Held(HELD_PERIOD)
        } else {
            Round::Idle
        });
    }
    if let Passage::Closed(wait) = route.sink.breaker.passage(Instant::now()) {
        return Ok(Round::Held(wait));
    }
    if engine.drain.is_asked() {
        return Ok(Round::Held(HELD_PERIOD));
    }
    if agenda.orphaned {
        match queue::take_over_chunk(&mut state, taker).await? {
            Taken::Chunk(chunk) => return Ok(Round::Chunk(chunk)),
            Taken::Nobody => return Ok(Round::Step),
            Taken::NotNow => {}
        }
    }
    let source = engine.source.get().await?;
    let snapshot = Snapshot::current(&**source).await?;
    let Some(backfill) = queue::ready_backfill(&state, route.id, &route.fingerprint, &snapshot).await? else {
        return Ok(Round::Held(HELD_PERIOD));
    };
    let look = Look {
        source: &source,
        state: &state,
        plan: &engine.plans[outlet.lane.sync],
        outlet,
        backfill: &backfill,
    };
    let component = format!("a backfill of {}", route.sync_name);
    let step = match look.step().await {
        Ok(step) => step,
        Err(LookupError::Connection(error)) => return Err(error.into()),
        Err(LookupError::Unreachable(error)) => return Err(error.into()),
        Err(LookupError::Statement(error)) => {
            engine.hints.look();
            if engine.health.ill(&component, error.clone()) {
                tracing::error!(sync = %route.sync_name, error, "a backfill cannot go on; it waits until it can");
            }
            queue::put_off_backfill(&state, backfill.id, PUT_OFF, &error).await?;
            return Ok(Round::Step);
        }
    };
    engine.health.well(&component);
    failpoint::die_at("chunk-before-commit");
    let outcome = queue::take_chunk(&mut state, taker, &backfill, &step).await?;
    failpoint::die_at("chunk-after-commit");
    Ok(match outcome {
        Taken::Chunk(chunk) => Round::Chunk(chunk),
        Taken::Nobody => Round::Step,
        Taken::NotNow => Round::Held(HELD_PERIOD),
    })
}

/// Asks for the subjects of the next step.
struct Look<'a> {
    source: &'a pg::Client,
    state: &'a pg::Client,
    plan: &'a SyncPlan,
    outlet: &'a Outlet<'a>,
    backfill: &'a Backfill,
}

impl Look<'_> {
    async fn step(&self) -> Result<Step, LookupError> {
        let backfill = self.backfill;
        if !backfill.begun {
            let estimate = match backfill.walk {
                Walk::Source => subjects::estimate(self.source, self.plan, backfill.condition.as_deref()).await?,
                _ => None,
            };
            let begun = queue::begin_backfill(self.state, backfill.id, estimate).await;
            begun.map_err(LookupError::Connection)?;
        }
        let most = self.most();
        match backfill.walk {
            Walk::Keys => self.given().await,
            Walk::Source => self.source(most).await,
            Walk::Known | Walk::Missing => self.known(most).await,
            Walk::End => Ok(Step::default()),
        }
    }

    /// Subjects in a step: no more than the slowest of sink and backfill has use for.
    fn most(&self) -> usize {
        let batch = self.outlet.chunk_subjects.load(Ordering::Relaxed);
        let sink = self.outlet.route.sink.places.worth(AHEAD).unwrap_or(batch);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive, and what is too large for an integer is the largest one"
        )]
        let rate = self
            .backfill
            .rate
            .map_or(batch, |rate| (rate * AHEAD.as_secs_f64()) as usize);
        batch.min(sink).min(rate).max(1)
    }

    async fn given(&self) -> Result<Step, LookupError> {
        let page = queue::given_page(self.state, self.backfill).await;
        Ok(match page.map_err(LookupError::Connection)? {
            Some((number, keys)) => Step {
                visited: keys.len(),
                keys,
                walk: Walk::Keys,
                last_key: Some(number.to_string()),
            },
            None => Step::default(),
        })
    }

    async fn source(&self, most: usize) -> Result<Step, LookupError> {
        let last_key = self.backfill.last_subject();
        let (looked_at, last, keys) = if let Some(condition) = &self.backfill.condition {
            subjects::filtered_page(self.source, self.plan, condition, last_key.as_ref(), most).await?
        } else {
            let keys = subjects::page(self.source, self.plan, last_key.as_ref(), most).await?;
            (keys.len(), keys.last().cloned(), keys)
        };
        let next = if self.backfill.reconcile {
            Walk::Missing
        } else {
            Walk::End
        };
        Ok(self.behind(keys, (looked_at, most), last, next))
    }

    async fn known(&self, most: usize) -> Result<Step, LookupError> {
        let last_key = self.backfill.last_subject();
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let known = queue::known_page(self.state, self.outlet.route.id, last_key.as_ref(), limit).await;
        let known = known.map_err(LookupError::Connection)?;
        let (looked_at, last) = (known.len(), known.last().cloned());
        let keys = match self.backfill.walk {
            Walk::Missing => subjects::missing(self.source, self.plan, &known).await?,
            _ => known,
        };
        Ok(self.behind(keys, (looked_at, most), last, Walk::End))
    }

    /// Where the walk stands behind so many of the most there can be; `next` after the last.
    fn behind(
        &self,
        keys: Vec<SubjectKey>,
        (looked_at, most): (usize, usize),
        last: Option<SubjectKey>,
        next: Walk,
    ) -> Step {
        let is_last = looked_at < most;
        Step {
            visited: if self.backfill.walk == Walk::Missing {
                keys.len()
            } else {
                looked_at
            },
            keys,
            walk: if is_last { next } else { self.backfill.walk },
            last_key: last.filter(|_| !is_last).map(|key| key.as_str().to_owned()),
        }
    }
}

fn tell(outlet: &Outlet<'_>, finished: &Finished) {
    tracing::info!(
        sync = %outlet.route.sync_name,
        sink = %outlet.route.sink_name,
        backfill = finished.id.0,
        visited = finished.visited,
        sent = finished.sent,
        left_over = finished.left_over,
        seconds = finished.seconds,
        "a backfill is done"
    );
}
