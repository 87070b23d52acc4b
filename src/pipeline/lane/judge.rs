//! What the sink's answer means for a job.

use std::time::{Duration, SystemTime};

use metrics::counter;

use super::{Accepted, Delivered, End, Ended, Outlet, Parcel};
use crate::config::History;
use crate::diff::Operation;
use crate::failpoint;
use crate::metrics as names;
use crate::publish::{Failure, FailureClass, NextStep, Outcome, next_step};
use crate::record::{self, Attempt, Ending};

impl Parcel {
    /// `spared`: a failure uses up nothing of the job's budget.
    pub fn judge(self, outlet: &Outlet<'_>, outcome: Outcome, started_at: SystemTime, spared: bool) -> End {
        match outcome {
            Outcome::Delivered { status, remote } => End::Accepted(Accepted {
                parcel: self,
                started_at,
                status,
                remote,
            }),
            Outcome::NotTried => End::Over(self.release(Duration::ZERO)),
            Outcome::Retry { ref failure, .. } | Outcome::Rejected { ref failure } => {
                let ending = self.ending(outlet, &outcome, failure, spared);
                End::Over(self.fail(outlet, failure, ending, started_at))
            }
        }
    }

    /// Nothing was tried.
    pub fn release(self, after: Duration) -> Ended {
        self.claimed.end(Ending::Released { after }, None)
    }

    fn ending(&self, outlet: &Outlet<'_>, outcome: &Outcome, failure: &Failure, spared: bool) -> Ending {
        let certain = failure.certain || failpoint::is_off("certainty-guard");
        let mut retry = outlet.route.sink.sink.terms.retry;
        // Nobody was there to be asked, which says nothing of the subject. In a quiet system too few try for the breaker to open.
        let spared = spared || is_unreachable(failure);
        if spared {
            retry.attempts = u32::MAX;
        }
        match next_step(outcome, self.claimed.job.next_try(), &retry, fastrand::f64()) {
            NextStep::RetryIn(after) => Ending::Retry {
                after,
                certain,
                sent: Some((self.delivery.version, self.digest)),
                spared,
            },
            NextStep::Bury => Ending::Over { dead: true, certain },
            _ => Ending::Over { dead: false, certain },
        }
    }

    fn fail(self, outlet: &Outlet<'_>, failure: &Failure, ending: Ending, started_at: SystemTime) -> Ended {
        self.report(outlet, failure, &ending);
        let outcome = match ending {
            Ending::Over { dead: false, .. } => "rejected",
            _ => "retry",
        };
        let attempt = self.attempt(outcome, started_at, failure.status, Some(failure));
        let mut ended = self.claimed.end(ending, Some(attempt));
        ended.settlement.remote = failure.remote.clone();
        ended
    }

    fn report(&self, outlet: &Outlet<'_>, failure: &Failure, ending: &Ending) {
        let (route, job) = (outlet.route, &self.claimed.job);
        let (sync, sink) = (route.sync_name.to_string(), route.sink_name.to_string());
        let class = failure.class.as_str();
        counter!(names::ATTEMPTS_FAILED, "sync" => sync.clone(), "sink" => sink.clone(), "class" => class).increment(1);
        let attempt = job.attempts + 1;
        let (job, key, correlation) = (job.id.0, job.key.as_str(), &self.delivery.correlation);
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

/// Whether there was no connection to send anything on.
fn is_unreachable(failure: &Failure) -> bool {
    failure.class == FailureClass::Connection && failure.certain
}

impl Accepted {
    pub fn end(self, outlet: &Outlet<'_>) -> Ended {
        let parcel = self.parcel;
        let keep = outlet.sync().history == History::All || parcel.claimed.job.is_kept();
        let attempt = keep.then(|| parcel.attempt("delivered", self.started_at, self.status, None));
        let operation = parcel.delivery.operation;
        let document = (operation == Operation::Upsert).then_some(parcel.digest);
        let keeps = operation == Operation::Upsert && outlet.sync().keep_document;
        let ending = Ending::Accepted {
            document,
            packed: keeps.then(|| record::pack(&parcel.delivery.document)),
            version: parcel.delivery.version,
            keep,
        };
        let changed_at = parcel.claimed.job.changed_at;
        let mut ended = parcel.claimed.end(ending, attempt);
        ended.settlement.remote = self.remote;
        ended.delivered = Some(Delivered { operation, changed_at });
        ended
    }
}
