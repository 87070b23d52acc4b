//! Whether a sink is worth trying at present.
//!
//! While the other side is down every delivery fails alike, whatever its subject. After a number of such requests in a row the
//! breaker opens: the jobs of the sink wait. From time to time a few deliveries are let through to see; the first that
//! succeeds closes it.
//!
//! What fails while it is open uses up nothing of a job's budget, be it a delivery to see, one that was under way when it
//! opened, or the one that opened it: they have failed because of the sink and not because of their subjects. Whatever failed
//! before that counts, as nobody knew then.
//!
//! A sink may also ask for a pause (`Retry-After` with a 429 or 503). That it gets, whatever the breaker: it is there, so
//! what comes after the pause is no mere look.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::config;
use crate::publish::{FailureClass, Outcome};

/// The first time that it is open, unless the longest is shorter; it doubles in between.
const COOLDOWN_MIN: Duration = Duration::from_secs(1);

/// Deliveries let through to see, the first time and at most; they double in between, as the time does. Several, so that one subject
/// which always fails does not keep it open, and more each time, so that many of them do not either.
const PROBES: usize = 4;
const PROBES_MAX: usize = 64;

/// The longest pause that all jobs of a sink make because it asked for it. The job that was told waits as long as it was told.
const PAUSE_MAX: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Breaker {
    terms: config::Breaker,
    // Held for a look or a change only.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
    /// The end of the pause that the sink asked for.
    paused_until: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    cooldown: Duration,
    probes: usize,
}

/// What the breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    Free,
    /// So many deliveries, to see.
    Probes(usize),
    Closed(Duration),
}

/// What has just happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Opened,
    Closed,
}

impl Breaker {
    pub fn new(terms: config::Breaker) -> Self {
        Self {
            terms,
            state: Mutex::default(),
        }
    }

    pub fn passage(&self, now: Instant) -> Passage {
        let state = self.state();
        let left = |until: Instant| until.checked_duration_since(now).filter(|left| !left.is_zero());
        let open = state.open.as_ref();
        let waits = [open.map(|open| open.until), state.paused_until];
        match waits.into_iter().flatten().filter_map(left).max() {
            Some(wait) => Passage::Closed(wait),
            None => open.map_or(Passage::Free, |open| Passage::Probes(open.probes)),
        }
    }

    pub fn is_open(&self) -> bool {
        self.state().open.is_some()
    }

    /// Takes note of what became of a request: an outcome for each of its deliveries.
    pub fn note(&self, outcomes: &[Outcome], now: Instant) -> Option<Turn> {
        let mut state = self.state();
        let pause = outcomes.iter().filter_map(pause).max();
        state.paused_until = state.paused_until.max(pause.map(|pause| now + pause.min(PAUSE_MAX)));
        let mut tried = outcomes
            .iter()
            .filter(|outcome| !matches!(outcome, Outcome::NotTried))
            .peekable();
        tried.peek()?;
        if tried.all(is_of_the_sink) {
            state.fail(self.terms, now)
        } else {
            // Whoever answers for a subject, even with a refusal, is there.
            state.failures = 0;
            state.open.take().map(|_| Turn::Closed)
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

impl State {
    fn fail(&mut self, terms: config::Breaker, now: Instant) -> Option<Turn> {
        self.failures = self.failures.saturating_add(1);
        let Some(open) = &mut self.open else {
            if self.failures < terms.failures {
                return None;
            }
            let cooldown = COOLDOWN_MIN.min(terms.cooldown);
            let until = now + cooldown;
            let probes = PROBES;
            self.open = Some(Open {
                until,
                cooldown,
                probes,
            });
            return Some(Turn::Opened);
        };
        // One that was let through to see; what was under way when it opened changes nothing.
        if open.until <= now {
            open.cooldown = open.cooldown.saturating_mul(2).min(terms.cooldown);
            open.until = now + open.cooldown;
            open.probes = (open.probes * 2).min(PROBES_MAX);
        }
        None
    }
}

/// Whether a failure says something about the sink and not about the subject.
fn is_of_the_sink(outcome: &Outcome) -> bool {
    use FailureClass as C;
    let Outcome::Retry { failure, .. } = outcome else {
        return false;
    };
    match failure.class {
        // Of the configuration: only for want of credentials a request is tried again, and then for all subjects alike.
        C::Timeout | C::Connection | C::ServerError | C::RateLimited | C::Configuration => true,
        C::NotFound | C::Refused | C::Conflict | C::Build | C::AfterPublish => false,
    }
}

/// For how long the sink asks to be left alone.
fn pause(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Retry { failure, after } if matches!(failure.status, Some(429 | 503)) => *after,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::{Failure, Remote};

    const TERMS: config::Breaker = config::Breaker {
        failures: 20,
        cooldown: Duration::from_secs(30),
    };

    fn failure(class: FailureClass) -> Outcome {
        let failure = Failure::uncertain(class, "");
        Outcome::Retry { failure, after: None }
    }

    fn told_to_wait(status: u16, seconds: u64) -> Outcome {
        let failure = Failure::certain(FailureClass::RateLimited, "").with_status(status);
        let after = Some(Duration::from_secs(seconds));
        Outcome::Retry { failure, after }
    }

    fn delivered() -> Outcome {
        let remote = Remote::Same;
        Outcome::Delivered { status: None, remote }
    }

    fn opened(terms: config::Breaker, now: Instant) -> Breaker {
        let breaker = Breaker::new(terms);
        for _ in 1..terms.failures {
            assert_eq!(breaker.note(&[failure(FailureClass::Connection)], now), None);
            assert_eq!((breaker.passage(now), breaker.is_open()), (Passage::Free, false));
        }
        let turn = breaker.note(&[failure(FailureClass::Timeout)], now);
        assert_eq!((turn, breaker.is_open()), (Some(Turn::Opened), true));
        breaker
    }

    /// How long it is closed before each of so many looks that fail, and how many deliveries are let through then.
    fn looks(cooldown: Duration, looks: usize) -> (Vec<Duration>, Vec<usize>) {
        let mut now = Instant::now();
        let breaker = opened(config::Breaker { cooldown, ..TERMS }, now);
        let looks = (0..looks).map(|_| {
            let Passage::Closed(wait) = breaker.passage(now) else {
                panic!("it is not closed")
            };
            now += wait;
            let Passage::Probes(probes) = breaker.passage(now) else {
                panic!("it is not time for a look")
            };
            assert_eq!(breaker.note(&[failure(FailureClass::Connection)], now), None);
            (wait, probes)
        });
        looks.unzip()
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_closes_it() {
        let start = Instant::now();
        let breaker = opened(TERMS, start);
        assert_eq!(breaker.passage(start), Passage::Closed(COOLDOWN_MIN));
        let then = start + COOLDOWN_MIN;
        assert_eq!(breaker.passage(then), Passage::Probes(PROBES));
        assert_eq!(breaker.note(&[delivered()], then), Some(Turn::Closed));
        assert_eq!((breaker.passage(then), breaker.is_open()), (Passage::Free, false));
    }

    #[test]
    fn it_looks_later_each_time_up_to_the_longest() {
        let seconds = |values: &[u64]| values.iter().copied().map(Duration::from_secs).collect::<Vec<_>>();
        let waits = |cooldown, count| looks(cooldown, count).0;
        assert_eq!(waits(Duration::from_secs(30), 7), seconds(&[1, 2, 4, 8, 16, 30, 30]));
        assert_eq!(waits(Duration::from_secs(1), 2), seconds(&[1, 1]));
        assert_eq!(waits(Duration::from_millis(100), 2), [Duration::from_millis(100); 2]);
    }

    #[test]
    fn it_lets_more_through_each_time_up_to_the_most() {
        assert_eq!(looks(Duration::from_secs(30), 7).1, [4, 8, 16, 32, 64, 64, 64]);
    }

    #[test]
    fn what_was_under_way_when_it_opened_does_not_put_off_the_next_look() {
        let now = Instant::now();
        let breaker = opened(TERMS, now);
        for _ in 0..100 {
            assert_eq!(breaker.note(&[failure(FailureClass::Connection)], now), None);
        }
        assert_eq!(breaker.passage(now), Passage::Closed(COOLDOWN_MIN));
    }

    #[test]
    fn what_is_said_of_a_subject_says_that_the_sink_is_there() {
        let breaker = Breaker::new(TERMS);
        let now = Instant::now();
        for _ in 0..5 {
            for _ in 1..TERMS.failures {
                breaker.note(&[failure(FailureClass::ServerError)], now);
            }
            breaker.note(&[failure(FailureClass::Conflict)], now);
        }
        assert_eq!(breaker.passage(now), Passage::Free);
    }

    #[test]
    fn a_batch_counts_once_and_fails_only_as_a_whole() {
        let terms = config::Breaker { failures: 2, ..TERMS };
        let now = Instant::now();
        let batch = |ends: fn() -> Outcome| [failure(FailureClass::RateLimited), ends()];
        let breaker = Breaker::new(terms);
        let failed = || failure(FailureClass::ServerError);
        assert_eq!(breaker.note(&batch(failed), now), None);
        assert_eq!(breaker.note(&batch(delivered), now), None);
        assert_eq!(breaker.note(&batch(failed), now), None);
        assert_eq!(breaker.note(&batch(|| Outcome::NotTried), now), Some(Turn::Opened));
    }

    #[test]
    fn what_was_not_tried_says_nothing() {
        let now = Instant::now();
        let breaker = opened(TERMS, now);
        assert_eq!(breaker.note(&[Outcome::NotTried], now), None);
        assert_eq!(breaker.note(&[], now), None);
        assert!(breaker.is_open());
    }

    #[test]
    fn a_sink_gets_the_pause_that_it_asks_for() {
        let now = Instant::now();
        #[rustfmt::skip]
        let cases = [
            // status, seconds, seconds that all wait
            (429,   3,  3),
            (503,   3,  3),
            (429, 600, 60),
            (500,   3,  0),
        ];
        for (status, named, wanted) in cases {
            let breaker = Breaker::new(TERMS);
            breaker.note(&[told_to_wait(status, named)], now);
            let wanted = Duration::from_secs(wanted);
            let passage = if wanted.is_zero() {
                Passage::Free
            } else {
                Passage::Closed(wanted)
            };
            assert_eq!(breaker.passage(now), passage, "{status}, {named} s");
            // A success of what was under way ends no pause, and the pause opens nothing.
            breaker.note(&[delivered()], now);
            assert_eq!(breaker.passage(now), passage);
            assert_eq!(breaker.passage(now + wanted), Passage::Free);
        }
    }

    #[test]
    fn the_later_of_two_pauses_counts() {
        let now = Instant::now();
        let breaker = Breaker::new(TERMS);
        breaker.note(&[told_to_wait(429, 5), told_to_wait(429, 2)], now);
        breaker.note(&[told_to_wait(429, 1)], now);
        assert_eq!(breaker.passage(now), Passage::Closed(Duration::from_secs(5)));
    }
}
