//! A sink, and what all its routes share.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use metrics::gauge;

use super::breaker::{Breaker, Turn};
use super::gate::Gate;
use super::pressure::{Pressure, Round, Sign};
use crate::metrics as names;
use crate::publish::{FailureClass, Outcome, Sink};

#[derive(Debug)]
pub(super) struct SharedSink {
    name: String,
    pub sink: Sink,
    /// Requests at the same time.
    pub places: Arc<Gate>,
    pub breaker: Breaker,
    // Held for a look or a change only.
    pressure: Arc<Mutex<Pressure>>,
}

impl SharedSink {
    pub fn new(name: &str, sink: Sink) -> Self {
        let terms = &sink.terms;
        let shared = Self {
            name: name.to_owned(),
            places: Gate::with_rate(terms.concurrency, terms.rate_limit),
            breaker: Breaker::new(terms.breaker),
            pressure: Arc::new(Mutex::new(Pressure::new(terms.concurrency))),
            sink,
        };
        shared.show_open(0.0);
        shared.show_concurrency(shared.sink.terms.concurrency);
        shared
    }

    /// Another one on the same server: they share its places and its rate, but what is wrong with one of them need not be wrong with the other.
    pub fn beside(&self, name: &str, sink: Sink) -> Self {
        let beside = Self {
            name: name.to_owned(),
            places: self.places.clone(),
            breaker: Breaker::new(sink.terms.breaker),
            pressure: self.pressure.clone(),
            sink,
        };
        beside.show_open(0.0);
        beside
    }

    /// Takes note of a request that began then, and still has its place. Returns whether its failures are the sink's, and use
    /// up nothing.
    pub fn note(&self, began: Instant, outcomes: &[Outcome]) -> bool {
        let now = Instant::now();
        let turn = self.breaker.note(outcomes, now);
        match turn {
            Some(Turn::Opened) => {
                self.show_open(1.0);
                tracing::warn!(
                    sink = self.name,
                    "the sink fails request after request; its jobs wait and use up no attempts"
                );
            }
            Some(Turn::Closed) => {
                self.show_open(0.0);
                tracing::info!(sink = self.name, "the sink answers again");
            }
            None => {}
        }
        let round = Round {
            began,
            ended: now,
            deliveries: outcomes.len(),
            sign: sign(outcomes),
            saturated: self.places.is_full(),
        };
        self.press(&round, turn == Some(Turn::Closed));
        self.breaker.is_open()
    }

    fn press(&self, round: &Round, is_back: bool) {
        let (before, after) = {
            let mut pressure = self.pressure.lock().expect("no holder panics");
            let before = pressure.limit();
            if is_back {
                pressure.forget();
            }
            pressure.note(round);
            (before, pressure.limit())
        };
        if before != after {
            self.places.resize(after);
            self.show_concurrency(after);
        }
    }

    fn show_open(&self, open: f64) {
        gauge!(names::SINK_OPEN, "sink" => self.name.clone()).set(open);
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floats, and these are few")]
    fn show_concurrency(&self, places: usize) {
        gauge!(names::SINK_CONCURRENCY, "sink" => self.name.clone()).set(places as f64);
    }
}

/// What the outcomes of a request say about how much the sink bears.
fn sign(outcomes: &[Outcome]) -> Sign {
    let is_delivered = |outcome: &Outcome| matches!(outcome, Outcome::Delivered { .. });
    if outcomes.iter().any(is_overloaded) {
        Sign::Overloaded
    } else if outcomes.iter().any(is_delivered) {
        Sign::Fine
    } else {
        Sign::None
    }
}

fn is_overloaded(outcome: &Outcome) -> bool {
    use FailureClass as C;
    let Outcome::Retry { failure, .. } = outcome else {
        return false;
    };
    matches!(failure.class, C::RateLimited | C::Timeout | C::Connection) || failure.status == Some(503)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::{Failure, Remote};

    #[test]
    fn outcomes_say_how_much_a_sink_bears() {
        use FailureClass as C;
        let delivered = || Outcome::Delivered {
            status: Some(200),
            remote: Remote::Same,
        };
        let retry = |class, status| {
            let failure = Failure::certain(class, "").with_status(status);
            Outcome::Retry { failure, after: None }
        };
        let rejected = || Outcome::Rejected {
            failure: Failure::certain(C::Refused, ""),
        };
        let cases = [
            (vec![delivered()], Sign::Fine),
            (vec![delivered(), rejected()], Sign::Fine),
            (vec![delivered(), retry(C::RateLimited, 429)], Sign::Overloaded),
            (vec![retry(C::Timeout, 0)], Sign::Overloaded),
            (vec![retry(C::Connection, 0)], Sign::Overloaded),
            (vec![retry(C::ServerError, 503)], Sign::Overloaded),
            (vec![retry(C::ServerError, 500)], Sign::None),
            (vec![retry(C::Conflict, 409), rejected()], Sign::None),
            (vec![Outcome::NotTried], Sign::None),
            (vec![], Sign::None),
        ];
        for (outcomes, wanted) in cases {
            assert_eq!(sign(&outcomes), wanted, "{outcomes:?}");
        }
    }
}
