//! Whether a sink is worth trying at present.
//!
//! While the other side is down every delivery fails alike, whatever its subject. After a number of such failures in a row
//! the breaker opens: the jobs of the sink wait without using up attempts. From time to time a few deliveries are let
//! through to see; the first that succeeds closes it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::publish::{FailureClass, Outcome};

/// Failures in a row that open it.
const FAILURES: u32 = 20;

/// The first time it is open, and the longest; it doubles in between.
const COOLDOWN: Duration = Duration::from_secs(1);
const COOLDOWN_MAX: Duration = Duration::from_secs(30);

/// Deliveries let through to see: several, so that one subject which always fails does not keep it open.
const PROBES: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Breaker {
    // Held for a look or a change only.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    cooldown: Duration,
}

/// What the breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    Free,
    /// So many deliveries, to see.
    Probes(usize),
    Closed(Duration),
}

impl Breaker {
    pub fn passage(&self, now: Instant) -> Passage {
        match &self.state.lock().expect("no holder panics").open {
            None => Passage::Free,
            Some(open) if open.until <= now => Passage::Probes(PROBES),
            Some(open) => Passage::Closed(open.until - now),
        }
    }

    /// Takes note of an outcome. Returns whether the breaker has just opened or closed.
    pub fn note(&self, outcome: &Outcome, now: Instant) -> Option<Turn> {
        let mut state = self.state.lock().expect("no holder panics");
        match outcome {
            Outcome::NotTried => None,
            Outcome::Retry { failure, .. } if is_of_the_sink(failure.class) => {
                state.failures = state.failures.saturating_add(1);
                let enough = state.failures >= FAILURES;
                match &mut state.open {
                    None if enough => {
                        state.open = Some(Open {
                            until: now + COOLDOWN,
                            cooldown: COOLDOWN,
                        });
                        Some(Turn::Opened)
                    }
                    // A probe has failed; what was under way when it opened does not count.
                    Some(open) if open.until <= now => {
                        open.cooldown = (open.cooldown * 2).min(COOLDOWN_MAX);
                        open.until = now + open.cooldown;
                        None
                    }
                    _ => None,
                }
            }
            // Whoever answers for a subject, even with a refusal, is there.
            _ => {
                state.failures = 0;
                state.open.take().map(|_| Turn::Closed)
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Opened,
    Closed,
}

/// Whether a failure says something about the sink and not about the subject.
fn is_of_the_sink(class: FailureClass) -> bool {
    use FailureClass as C;
    match class {
        // Of the configuration: only for want of credentials a request is tried again, and then for all subjects alike.
        C::Timeout | C::Connection | C::ServerError | C::RateLimited | C::Configuration => true,
        C::NotFound | C::Refused | C::Conflict | C::Build | C::AfterPublish => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::{Failure, Remote};

    fn failure(class: FailureClass) -> Outcome {
        let failure = Failure::uncertain(class, "");
        Outcome::Retry { failure, after: None }
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_closes_it() {
        let breaker = Breaker::default();
        let start = Instant::now();
        for _ in 1..FAILURES {
            assert_eq!(breaker.note(&failure(FailureClass::Connection), start), None);
            assert_eq!(breaker.passage(start), Passage::Free);
        }
        assert_eq!(breaker.note(&failure(FailureClass::Timeout), start), Some(Turn::Opened));
        assert_eq!(breaker.passage(start), Passage::Closed(COOLDOWN));
        assert_eq!(breaker.passage(start + COOLDOWN), Passage::Probes(PROBES));
        assert_eq!(breaker.note(&failure(FailureClass::Timeout), start + COOLDOWN), None);
        assert_eq!(breaker.passage(start + COOLDOWN), Passage::Closed(COOLDOWN * 2));
        let delivered = Outcome::Delivered {
            status: None,
            remote: Remote::Same,
        };
        assert_eq!(breaker.note(&delivered, start + COOLDOWN), Some(Turn::Closed));
        assert_eq!(breaker.passage(start + COOLDOWN), Passage::Free);
    }

    #[test]
    fn what_is_said_of_a_subject_says_that_the_sink_is_there() {
        let breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..5 {
            for _ in 1..FAILURES {
                breaker.note(&failure(FailureClass::ServerError), now);
            }
            breaker.note(&failure(FailureClass::Conflict), now);
        }
        assert_eq!(breaker.passage(now), Passage::Free);
    }

    #[test]
    fn the_wait_never_grows_beyond_its_limit() {
        let breaker = Breaker::default();
        let mut now = Instant::now();
        for _ in 0..100 {
            breaker.note(&failure(FailureClass::Connection), now);
            if let Passage::Closed(wait) = breaker.passage(now) {
                assert!(wait <= COOLDOWN_MAX);
                now += wait;
            }
        }
    }
}
