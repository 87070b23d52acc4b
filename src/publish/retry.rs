//! What happens to a job after a try, as a pure function.

use std::time::Duration;

use super::Outcome;
use crate::config::Retry;

/// The longest that another side may put us off: a job must not disappear for a year over a wrong clock.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// Bounds the configuration's own durations, so that calculating with them cannot overflow.
const WAIT_MAX: Duration = Duration::from_hours(24 * 365);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// The sink holds the document.
    Done,
    /// Another try, not before so much time has passed.
    RetryIn(Duration),
    /// Nothing was tried: back to the queue as it was, without counting an attempt.
    Release,
    /// A dead letter: the budget of attempts is used up.
    Bury,
    /// A dead letter: refused for good.
    Refuse,
}

/// `attempt` is the number of the try that had this outcome, from 1. `random` is in `0..1`.
pub fn next_step(outcome: &Outcome, attempt: u32, retry: &Retry, random: f64) -> NextStep {
    match outcome {
        Outcome::Delivered { .. } => NextStep::Done,
        Outcome::Rejected { .. } => NextStep::Refuse,
        Outcome::NotTried => NextStep::Release,
        Outcome::Retry { .. } if attempt >= retry.attempts => NextStep::Bury,
        Outcome::Retry { after, .. } => NextStep::RetryIn(wait(attempt, *after, retry, random.clamp(0.0, 1.0))),
    }
}

/// Between half of `base * 2^(attempt-1)` and all of it: jobs that failed together should not come back together.
/// Never earlier than the other side asked for; a little later, for the same reason.
fn wait(attempt: u32, after: Option<Duration>, retry: &Retry, random: f64) -> Duration {
    let doublings = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = retry.base.saturating_mul(doublings).min(retry.max).min(WAIT_MAX);
    let backoff = whole.mul_f64(0.5 + random / 2.0);
    match after {
        None => backoff,
        Some(after) => backoff.max(after.min(RETRY_AFTER_MAX).saturating_add(spread(retry, random))),
    }
}

fn spread(retry: &Retry, random: f64) -> Duration {
    retry.base.min(WAIT_MAX).mul_f64(random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::{Failure, FailureClass, Remote};

    const RETRY: Retry = Retry {
        attempts: 10,
        base: Duration::from_secs(1),
        max: Duration::from_mins(15),
    };

    fn failure() -> Failure {
        Failure::certain(FailureClass::RateLimited, "").with_status(429)
    }

    fn delivered(status: Option<u16>) -> Outcome {
        let remote = Remote::Same;
        Outcome::Delivered { status, remote }
    }

    fn retry_after(after: Option<Duration>) -> Outcome {
        Outcome::Retry {
            failure: failure(),
            after,
        }
    }

    #[test]
    fn each_outcome_has_its_next_step() {
        let cases = [
            (delivered(Some(200)), 1, NextStep::Done),
            (delivered(None), 10, NextStep::Done),
            (Outcome::Rejected { failure: failure() }, 1, NextStep::Refuse),
            (Outcome::Rejected { failure: failure() }, 10, NextStep::Refuse),
            (Outcome::NotTried, 1, NextStep::Release),
            (Outcome::NotTried, 11, NextStep::Release),
            (retry_after(None), 9, NextStep::RetryIn(Duration::from_secs(256))),
            (retry_after(None), 10, NextStep::Bury),
            (retry_after(None), 11, NextStep::Bury),
            (retry_after(Some(Duration::from_secs(5))), 10, NextStep::Bury),
        ];
        for (outcome, attempt, step) in cases {
            assert_eq!(
                next_step(&outcome, attempt, &RETRY, 1.0),
                step,
                "{outcome:?} at attempt {attempt}"
            );
        }
    }

    #[test]
    fn waits_double_up_to_the_most_with_jitter_downwards() {
        let unlimited = Retry {
            attempts: u32::MAX,
            ..RETRY
        };
        #[rustfmt::skip]
        let cases = [
            // attempt, random, milliseconds
            (1,        1.0,   1_000),
            (1,        0.0,     500),
            (1,        0.5,     750),
            (2,        1.0,   2_000),
            (3,        0.0,   2_000),
            (10,       1.0, 512_000),
            (11,       1.0, 900_000),
            (11,       0.0, 450_000),
            (33,       1.0, 900_000),
            (u32::MAX - 1, 1.0, 900_000),
        ];
        for (attempt, random, milliseconds) in cases {
            let step = next_step(&retry_after(None), attempt, &unlimited, random);
            assert_eq!(
                step,
                NextStep::RetryIn(Duration::from_millis(milliseconds)),
                "attempt {attempt}, {random}"
            );
        }
    }

    #[test]
    fn retry_after_is_honoured_within_reason() {
        #[rustfmt::skip]
        let cases = [
            // attempt, named by the other side, random, seconds
            (1, Duration::ZERO,              0.0,      0.5),
            (1, Duration::from_mins(1),     0.0,     60.0),
            (1, Duration::from_mins(1),     1.0,     61.0),
            // The backoff is longer.
            (9, Duration::from_mins(1),     1.0,    256.0),
            // Longer than the longest backoff.
            (1, Duration::from_hours(1),     0.0,  3_600.0),
            (1, Duration::from_hours(1_000), 0.0, 86_400.0),
            (1, Duration::MAX,               1.0, 86_401.0),
        ];
        for (attempt, after, random, seconds) in cases {
            let step = next_step(&retry_after(Some(after)), attempt, &RETRY, random);
            assert_eq!(
                step,
                NextStep::RetryIn(Duration::from_secs_f64(seconds)),
                "attempt {attempt}, {after:?}"
            );
        }
    }

    #[test]
    fn absurd_configurations_do_not_overflow() {
        let absurd = Retry {
            attempts: u32::MAX,
            base: Duration::MAX,
            max: Duration::MAX,
        };
        let step = next_step(&retry_after(Some(Duration::MAX)), 50, &absurd, 1.0);
        assert!(matches!(step, NextStep::RetryIn(_)));
    }
}
