//! Sends documents, as many at a time as the sink has places.

use std::time::{Duration, Instant, SystemTime};

use futures_util::{StreamExt, stream};
use metrics::counter;
use tokio::sync::mpsc::{Receiver, Sender};

use super::waiting::Waiting;
use super::{Accepted, Delivered, Ended, Outlet, Parcel};
use crate::config::History;
use crate::failpoint;
use crate::metrics as names;
use crate::pipeline::breaker::{Passage, Turn};
use crate::publish::{Failure, FailureClass, NextStep, Outcome, next_step};
use crate::record::{Attempt, Ending};

/// What is accepted goes to `accepted`, where there is more to do for it.
pub(super) async fn run(
    outlet: &Outlet<'_>,
    parcels: Receiver<Parcel>,
    ended: Sender<Ended>,
    accepted: Option<Sender<Accepted>>,
) {
    let waiting = Waiting::new(parcels);
    let parcels = stream::unfold(waiting, |mut waiting| async { Some((waiting.next().await?, waiting)) });
    // As many again stand at the gate as may be under way: a place that becomes free must find the more urgent waiting.
    let abreast = 2 * outlet.route.sink.sink.terms.concurrency;
    let mut endings = Box::pin(parcels.map(|parcel| deliver(outlet, parcel)).buffer_unordered(abreast));
    while let Some(outcome) = endings.next().await {
        // A closed channel means that the lane has been abandoned. Both hold as many as there are places.
        let open = match (outcome, &accepted) {
            (Ok(delivery), Some(accepted)) => accepted.send(delivery).await.is_ok(),
            (Ok(delivery), None) => ended.send(delivery.end(outlet)).await.is_ok(),
            (Err(ending), _) => ended.send(ending).await.is_ok(),
        };
        if !open {
            return;
        }
    }
}

async fn deliver(outlet: &Outlet<'_>, mut parcel: Parcel) -> Result<Accepted, Ended> {
    let (lane, sink) = (outlet.lane, &outlet.route.sink);
    let _place = sink.places.enter(parcel.claimed.job.priority).await;
    if lane.engine.stop.is_cancelled() {
        let after = Duration::ZERO;
        return Err(parcel.claimed.end(Ending::Released { after }, None));
    }
    if let Passage::Closed(after) = sink.breaker.passage(Instant::now()) {
        return Err(parcel.claimed.end(Ending::Released { after }, None));
    }
    // The lease may have been renewed since the document was built.
    parcel.delivery.deadline = lane.worker.lease.expires();
    lane.engine.recent.note(outlet.route.id, &parcel.claimed.job.key);
    failpoint::die_at("publish-before-send");
    let started_at = SystemTime::now();
    let mut outcomes = sink.sink.deliver(std::slice::from_ref(&parcel.delivery)).await;
    let outcome = outcomes.pop().expect("an outcome for each delivery");
    failpoint::die_at("publish-after-send");
    match sink.breaker.note(&outcome, Instant::now()) {
        Some(Turn::Opened) => {
            let sink = outlet.route.sink_name.as_ref();
            tracing::warn!(
                sink,
                "the sink fails delivery after delivery; its jobs wait and use up no attempts"
            );
        }
        Some(Turn::Closed) => tracing::info!(sink = %outlet.route.sink_name, "the sink answers again"),
        None => {}
    }
    match outcome {
        Outcome::Delivered { status, remote } => Ok(Accepted {
            parcel,
            started_at,
            status,
            remote,
        }),
        _ => Err(judge(outlet, parcel, &outcome, started_at)),
    }
}

/// The end of a delivery for which nothing more is to be done.
pub(super) fn judge(outlet: &Outlet<'_>, parcel: Parcel, outcome: &Outcome, started_at: SystemTime) -> Ended {
    let job = &parcel.claimed.job;
    match outcome {
        Outcome::Delivered { status, remote } => Accepted {
            parcel,
            started_at,
            status: *status,
            remote: remote.clone(),
        }
        .end(outlet),
        Outcome::NotTried => {
            let after = Duration::ZERO;
            parcel.claimed.end(Ending::Released { after }, None)
        }
        Outcome::Retry { failure, .. } | Outcome::Rejected { failure } => {
            let certain = failure.certain || failpoint::is_off("certainty-guard");
            let number = u32::from(job.attempts) + 1;
            let (name, ending) = match next_step(outcome, number, &outlet.route.sink.sink.terms.retry, fastrand::f64())
            {
                NextStep::RetryIn(after) => {
                    let sent = Some((parcel.delivery.version, parcel.digest));
                    ("retry", Ending::Retry { after, certain, sent })
                }
                NextStep::Bury => ("retry", Ending::Over { dead: true, certain }),
                _ => ("rejected", Ending::Over { dead: false, certain }),
            };
            report(outlet, &parcel, failure, &ending);
            let attempt = parcel.attempt(name, started_at, failure.status, Some(failure));
            parcel.claimed.end(ending, Some(attempt))
        }
    }
}

fn report(outlet: &Outlet<'_>, parcel: &Parcel, failure: &Failure, ending: &Ending) {
    let (route, job) = (outlet.route, &parcel.claimed.job);
    let (sync, sink) = (route.sync_name.to_string(), route.sink_name.to_string());
    let class = failure.class.as_str();
    counter!(names::ATTEMPTS_FAILED, "sync" => sync.clone(), "sink" => sink.clone(), "class" => class).increment(1);
    let attempt = job.attempts + 1;
    let (job, key, correlation) = (job.id.0, job.key.as_str(), &parcel.delivery.correlation);
    // What Postgres says of the user's statement may show values of rows; the attempt has it.
    let error = (failure.class != FailureClass::AfterPublish).then_some(failure.message.as_str());
    let status = failure.status;
    if let Ending::Over { dead, .. } = ending {
        let state = if *dead { "dead" } else { "failed" };
        let message = "a job is given up and waits for a person";
        tracing::warn!(
            sync,
            sink,
            key,
            job,
            attempt,
            correlation,
            class,
            state,
            status,
            error,
            "{message}"
        );
    } else {
        let message = "a delivery failed and will be tried again";
        tracing::info!(
            sync,
            sink,
            key,
            job,
            attempt,
            correlation,
            class,
            status,
            error,
            "{message}"
        );
    }
}

impl Parcel {
    fn attempt(
        &self,
        outcome: &'static str,
        started_at: SystemTime,
        status: Option<u16>,
        failure: Option<&Failure>,
    ) -> Attempt {
        Attempt {
            started_at,
            finished_at: SystemTime::now(),
            outcome,
            class: failure.map(|failure| failure.class.as_str()),
            status,
            certain: failure.is_none_or(|failure| failure.certain),
            message: failure.map(|failure| failure.message.clone()),
            operation: self.delivery.operation,
            version: self.delivery.version,
            digest: Some(self.digest),
        }
    }
}

impl Accepted {
    pub fn end(self, outlet: &Outlet<'_>) -> Ended {
        let parcel = self.parcel;
        let keep = outlet.sync().history == History::All || parcel.claimed.job.is_kept();
        let attempt = keep.then(|| parcel.attempt("delivered", self.started_at, self.status, None));
        let operation = parcel.delivery.operation;
        let document = (operation == crate::diff::Operation::Upsert).then_some(parcel.digest);
        let ending = Ending::Accepted {
            document,
            version: parcel.delivery.version,
            keep,
        };
        let changed_at = parcel.claimed.job.changed_at;
        Ended {
            delivered: Some(Delivered { operation, changed_at }),
            ..parcel.claimed.end(ending, attempt)
        }
    }
}
