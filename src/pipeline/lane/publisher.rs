//! Sends documents, as many at a time as the sink has places.

use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use metrics::counter;
use tokio::sync::mpsc::{Receiver, Sender};

use super::{Delivered, Ended, Lane, Parcel, held};
use crate::config::History;
use crate::failpoint;
use crate::metrics as names;
use crate::publish::{Failure, NextStep, Outcome, next_step};
use crate::record::{Attempt, Ending, Settlement};

pub(super) async fn run(lane: &Lane, parcels: Receiver<Parcel>, ended: Sender<Ended>) {
    let parcels = stream::unfold(parcels, |mut parcels| async { Some((parcels.recv().await?, parcels)) });
    let places = lane.route().sink.sink.concurrency();
    let mut endings = Box::pin(parcels.map(|parcel| deliver(lane, parcel)).buffer_unordered(places));
    while let Some(ending) = endings.next().await {
        // A closed channel means that the lane has been abandoned.
        if ended.send(ending).await.is_err() {
            return;
        }
    }
}

async fn deliver(lane: &Lane, mut parcel: Parcel) -> Ended {
    let sink = &lane.route().sink;
    let _place = sink.places.acquire().await.expect("never closed");
    if lane.engine.stop.is_cancelled() {
        return parcel.end(Ending::Released { after: Duration::ZERO }, None);
    }
    // The lease may have been renewed since the document was built.
    parcel.delivery.deadline = lane.worker.lease.expires();
    failpoint::die_at("publish-before-send");
    let started_at = SystemTime::now();
    let outcome = sink.sink.deliver(&parcel.delivery).await;
    failpoint::die_at("publish-after-send");
    judge(lane, &parcel, &outcome, started_at)
}

fn judge(lane: &Lane, parcel: &Parcel, outcome: &Outcome, started_at: SystemTime) -> Ended {
    let number = u32::from(parcel.job.attempts) + 1;
    let step = next_step(outcome, number, lane.route().sink.sink.retry(), fastrand::f64());
    let attempt = |name, status, failure: Option<&Failure>| Attempt {
        started_at,
        finished_at: SystemTime::now(),
        outcome: name,
        class: failure.map(|failure| failure.class.as_str()),
        status,
        certain: failure.is_none_or(|failure| failure.certain),
        message: failure.map(|failure| failure.message.clone()),
        operation: parcel.delivery.operation,
        version: parcel.delivery.version,
        digest: Some(parcel.digest),
    };
    match outcome {
        Outcome::NotTried => parcel.end(Ending::Released { after: Duration::ZERO }, None),
        Outcome::Delivered { status } => {
            // A job that had failed before keeps its whole story.
            let keep = lane.engine.config.syncs[lane.route().sync].history == History::All || parcel.job.attempts > 0;
            let attempt = keep.then(|| attempt("delivered", *status, None));
            parcel.delivered(keep, attempt)
        }
        Outcome::Retry { failure, .. } | Outcome::Rejected { failure } => {
            let certain = failure.certain || failpoint::is_off("certainty-guard");
            let (name, ending) = match step {
                NextStep::RetryIn(after) => {
                    let sent = Some((parcel.delivery.version, parcel.digest));
                    ("retry", Ending::Retry { after, certain, sent })
                }
                NextStep::Bury => ("retry", Ending::Over { dead: true, certain }),
                _ => ("rejected", Ending::Over { dead: false, certain }),
            };
            report(lane, parcel, failure, &ending);
            let attempt = attempt(name, failure.status, Some(failure));
            parcel.end(ending, Some(attempt))
        }
    }
}

fn report(lane: &Lane, parcel: &Parcel, failure: &Failure, ending: &Ending) {
    let route = lane.route();
    let (sync, sink) = (route.sync_name.to_string(), route.sink_name.to_string());
    let class = failure.class.as_str();
    counter!(names::ATTEMPTS_FAILED, "sync" => sync.clone(), "sink" => sink.clone(), "class" => class).increment(1);
    let attempt = parcel.job.attempts + 1;
    let (job, key, correlation) = (parcel.job.id.0, parcel.job.key.as_str(), &parcel.delivery.correlation);
    let (status, error) = (failure.status, failure.message.as_str());
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
    fn end(&self, ending: Ending, attempt: Option<Attempt>) -> Ended {
        Ended {
            settlement: Settlement {
                job: held(&self.job),
                ending,
                attempt,
            },
            delivered: None,
        }
    }

    fn delivered(&self, keep: bool, attempt: Option<Attempt>) -> Ended {
        let operation = self.delivery.operation;
        let document = (operation == crate::diff::Operation::Upsert).then_some(self.digest);
        let ending = Ending::Accepted {
            document,
            version: self.delivery.version,
            keep,
        };
        Ended {
            delivered: Some(Delivered {
                operation,
                changed_at: self.job.changed_at,
            }),
            ..self.end(ending, attempt)
        }
    }
}
