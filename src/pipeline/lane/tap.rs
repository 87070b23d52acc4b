//! The feeder's end of an outlet: how much it can take, and what becomes of each built document there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use metrics::counter;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Claimed, Ended, InHand, Outlet, Parcel};
use crate::build::{Built, Digest};
use crate::diff::{self, Accepted, Operation, Reason, Verdict, verdict};
use crate::metrics as names;
use crate::pipeline::breaker::Passage;
use crate::publish::{Delivery, Failure, FailureClass, NextStep, Outcome, next_step};
use crate::queue::{Chunk, ClaimError, Job};
use crate::record::{Attempt, Ending};

/// How far ahead of a sink's rate jobs are claimed: others may have more use for them, and what waits grows old.
const AHEAD: Duration = Duration::from_secs(2);

/// After a few deliveries were let through to a sink that is down, before it is looked what became of them.
const PROBING_PERIOD: Duration = Duration::from_millis(200);

/// Every so many times the subjects of a chunk go before jobs.
const MEMBERS_TURN: u32 = 4;

pub(super) struct Tap<'a> {
    pub outlet: &'a Outlet<'a>,
    parcels: Sender<Parcel>,
    ended: Sender<Ended>,
    /// While the sink is down.
    rests_until: Option<Instant>,
    chunks: Receiver<Result<Chunk, ClaimError>>,
    /// What is left of the chunk at hand.
    members: VecDeque<(Job, Arc<InHand>)>,
    /// How often there was room while any of it was left.
    feeds: u32,
}

/// What can be claimed for an outlet.
pub(super) enum Appetite {
    /// As many jobs as there are places, and of them no more of visits of many subjects than there are places for those.
    For(OwnedSemaphorePermit, OwnedSemaphorePermit),
    /// Nothing before something in hand has come to its end.
    Full,
    NotBefore(Duration),
}

impl<'a> Tap<'a> {
    pub fn new(
        outlet: &'a Outlet<'a>,
        parcels: Sender<Parcel>,
        ended: Sender<Ended>,
        chunks: Receiver<Result<Chunk, ClaimError>>,
    ) -> Self {
        Self {
            outlet,
            parcels,
            ended,
            rests_until: None,
            chunks,
            members: VecDeque::new(),
            feeds: 0,
        }
    }

    /// How much of this room is for subjects of backfills before any job is claimed. Most times it is for what jobs leave of it. But
    /// the subjects of a chunk are nobody else's until they are done, and their changes wait: so now and then they go first.
    pub fn reserve(&mut self, room: usize) -> Result<usize, ClaimError> {
        if self.members.is_empty()
            && let Ok(chunk) = self.chunks.try_recv()
        {
            self.begin(chunk?);
        }
        if self.members.is_empty() {
            return Ok(0);
        }
        self.feeds += 1;
        let is_turn = self.feeds.is_multiple_of(MEMBERS_TURN);
        Ok(if is_turn { room.min(self.members.len()) } else { 0 })
    }

    /// A subject of the chunk at hand.
    pub fn next_member(&mut self) -> Option<(Job, Arc<InHand>)> {
        self.members.pop_front()
    }

    fn begin(&mut self, chunk: Chunk) {
        let in_hand = Arc::new(InHand::new(&chunk));
        self.members = chunk.jobs.into_iter().map(|job| (job, in_hand.clone())).collect();
    }

    /// On a stop: what was not begun is left behind as jobs.
    pub async fn release_members(&mut self) -> Result<(), ClaimError> {
        self.chunks.close();
        loop {
            while let Some((job, in_hand)) = self.members.pop_front() {
                // In hand may be as many as there are places, no more; those are on their way.
                let place = self.outlet.places.clone().acquire_owned().await;
                let claimed = Claimed {
                    job,
                    chunk: Some(in_hand),
                    _place: place.expect("never closed"),
                    _bulk_place: None,
                };
                let after = Duration::ZERO;
                self.end(claimed, Ending::Released { after }, None).await;
            }
            // One may be being taken at this moment.
            match self.chunks.recv().await {
                Some(chunk) => self.begin(chunk?),
                None => return Ok(()),
            }
        }
    }

    /// For batches as large as there may be, never for what is left of one: few jobs at a time cost as much as many.
    pub fn appetite(&self, now: Instant, size: usize, average_bytes: usize) -> Appetite {
        if let Some(rest) = self.rests_until.and_then(|until| until.checked_duration_since(now)) {
            return Appetite::NotBefore(rest);
        }
        let most = match self.outlet.route.sink.breaker.passage(now) {
            Passage::Free => size,
            Passage::Probes(most) => most,
            Passage::Closed(wait) => return Appetite::NotBefore(wait),
        };
        let worth = self
            .outlet
            .stock
            .worth_building(average_bytes)
            .min(most)
            .min(self.ahead());
        let free = self.outlet.places.available_permits();
        if worth == 0 || free < worth.min(size) {
            return Appetite::Full;
        }
        let free_for_bulk = self.outlet.bulk_places.available_permits();
        let bulk = if free_for_bulk < worth.min(size) {
            0
        } else {
            worth.min(free_for_bulk)
        };
        match (
            take(&self.outlet.places, worth.min(free)),
            take(&self.outlet.bulk_places, bulk),
        ) {
            (Some(places), Some(bulk_places)) => Appetite::For(places, bulk_places),
            _ => Appetite::Full,
        }
    }

    /// How many more the rate of the sink has use for: none before half of what it has is gone.
    fn ahead(&self) -> usize {
        let Some(most) = self.outlet.route.sink.places.worth(AHEAD) else {
            return usize::MAX;
        };
        let in_hand = self.outlet.lane.most_in_hand() - self.outlet.places.available_permits();
        if in_hand > most / 2 { 0 } else { most - in_hand }
    }

    /// How long a subject has to wait that was delivered a short while ago.
    pub fn too_early(&self, job: &Job) -> Option<Duration> {
        let left = self.outlet.route.pace.min_interval.checked_sub(job.delivered_ago?)?;
        (left > Duration::ZERO).then_some(left)
    }

    /// Jobs were claimed.
    pub fn has_fed(&mut self, now: Instant) {
        let probing = self.outlet.route.sink.breaker.passage(now) != Passage::Free;
        self.rests_until = probing.then_some(now + PROBING_PERIOD);
    }

    pub async fn decide(&self, claimed: Claimed, built: &Built) {
        let compared = match built {
            Built::Document(document) => diff::Built::Document(document.digest),
            Built::Gone => diff::Built::Gone,
            Built::Failed(reason) => return self.fail(claimed, reason.clone()).await,
        };
        let job = &claimed.job;
        let accepted = job.accepted.map(|digest| Accepted {
            digest: digest.map(Digest::from_bytes),
        });
        let deletes = self.outlet.sync().deletes;
        match verdict(compared, deletes, accepted, claimed.is_uncertain(), job.forced) {
            Verdict::Suppress(reason) => {
                let forget = accepted.is_some_and(|accepted| accepted.digest == Some(Digest::GONE));
                self.suppress(claimed, reason, forget && reason == Reason::Equal).await;
            }
            Verdict::Send(operation) => self.send(claimed, operation, built).await,
        }
    }

    async fn send(&self, claimed: Claimed, operation: Operation, built: &Built) {
        let (lane, route) = (self.outlet.lane, self.outlet.route);
        let (document, digest) = match built {
            Built::Document(document) => (document.text.clone(), document.digest),
            Built::Gone | Built::Failed(_) => (Arc::from(""), Digest::GONE),
        };
        let Some(stored) = self.outlet.stock.store(document.len()) else {
            // Waiting for room would hold up the other outlets.
            let after = Duration::ZERO;
            return self.end(claimed, Ending::Released { after }, None).await;
        };
        let job = &claimed.job;
        let delivery = Delivery {
            sync: route.sync_name.clone(),
            shape: lane.engine.plans[lane.sync].shape.clone(),
            key: job.key.clone(),
            operation,
            version: version(job, digest),
            correlation: job.correlation().to_string(),
            document,
            remote_id: job.remote_id.clone(),
            deadline: lane.worker.lease.expires(),
        };
        let parcel = Parcel {
            claimed,
            delivery,
            digest,
            _stored: stored,
        };
        // Never waits: the channel holds as many as there are places. If it is closed, the lane has been abandoned, and the
        // job with it.
        let _ = self.parcels.send(parcel).await;
    }

    async fn suppress(&self, claimed: Claimed, reason: Reason, forget: bool) {
        let route = self.outlet.route;
        let name = reason.as_str();
        counter!(names::SUPPRESSED, "sync" => route.sync_name.to_string(), "reason" => name).increment(1);
        self.outlet.lane.engine.count(route.id, name, 1);
        self.end(claimed, Ending::Suppressed { forget, reason }, None).await;
    }

    /// This one cannot be built: a try that failed, and nothing was sent.
    async fn fail(&self, claimed: Claimed, reason: String) {
        let (now, job) = (SystemTime::now(), &claimed.job);
        let attempt = Attempt {
            started_at: now,
            finished_at: now,
            outcome: "retry",
            class: Some(FailureClass::Build.as_str()),
            status: None,
            certain: true,
            message: Some(reason.clone()),
            operation: Operation::Upsert,
            version: job.version,
            digest: None,
        };
        let failure = Failure::certain(FailureClass::Build, reason);
        let outcome = Outcome::Retry { failure, after: None };
        let retry = &self.outlet.route.sink.sink.terms.retry;
        let ending = match next_step(&outcome, job.next_try(), retry, fastrand::f64()) {
            NextStep::RetryIn(after) => Ending::Retry {
                after,
                certain: true,
                sent: None,
                spared: false,
            },
            _ => Ending::Over {
                dead: true,
                certain: true,
            },
        };
        tracing::warn!(
            sync = %self.outlet.route.sync_name, sink = %self.outlet.route.sink_name, key = %job.key, job = job.id.0,
            attempt = job.attempts + 1, correlation = %job.correlation(), "a document cannot be built"
        );
        self.end(claimed, ending, Some(attempt)).await;
    }

    /// Never waits, and fails only once the lane has been abandoned, as with parcels.
    pub async fn end(&self, claimed: Claimed, ending: Ending, attempt: Option<Attempt>) {
        let _ = self.ended.send(claimed.end(ending, attempt)).await;
    }
}

fn take(places: &Arc<Semaphore>, count: usize) -> Option<OwnedSemaphorePermit> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    places.clone().try_acquire_many_owned(count).ok()
}

/// The same number for the same document tried again, otherwise a new one. After a lost worker always a new one: it may
/// have sent another document under a number of its own.
fn version(job: &Job, digest: Digest) -> i64 {
    match job.sent {
        Some((version, sent)) if !job.uncertain && sent == digest.to_bytes() => version,
        _ => job.version,
    }
}
