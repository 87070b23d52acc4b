//! What an answer means for the job.
//!
//! | status | outcome | certain |
//! | --- | --- | --- |
//! | 2xx; for deletes 404 and 410 too | delivered | |
//! | 409, 425, 429 | retry | yes |
//! | 408, 5xx | retry | no |
//! | other 4xx | rejected | yes |
//! | anything else, redirects among it | rejected | no |

use std::time::Duration;

use crate::diff::Operation;
use crate::publish::{Failure, FailureClass, Outcome, Remote};

/// The outcome of a request that was answered. `after` is what `Retry-After` says, `message` is for people.
pub(super) fn outcome(operation: Operation, status: u16, after: Option<Duration>, message: String) -> Outcome {
    let failure = |class, certain| Failure {
        class,
        status: Some(status),
        message,
        certain,
        remote: Remote::Same,
    };
    let retry = |failure| Outcome::Retry { failure, after };
    match status {
        _ if is_delivered(operation, status) => Outcome::Delivered {
            status: Some(status),
            remote: Remote::Same,
        },
        408 => retry(failure(FailureClass::Timeout, false)),
        409 => retry(failure(FailureClass::Conflict, true)),
        425 => retry(failure(FailureClass::Refused, true)),
        429 => retry(failure(FailureClass::RateLimited, true)),
        500..600 => retry(failure(FailureClass::ServerError, false)),
        404 | 410 => Outcome::Rejected {
            failure: failure(FailureClass::NotFound, true),
        },
        400..500 => Outcome::Rejected {
            failure: failure(FailureClass::Refused, true),
        },
        // A redirect may well stand for "done, look there".
        _ => Outcome::Rejected {
            failure: failure(FailureClass::Refused, false),
        },
    }
}

/// Whether the sink holds now what it was told to.
pub(super) fn is_delivered(operation: Operation, status: u16) -> bool {
    (200..300).contains(&status) || (operation == Operation::Delete && matches!(status, 404 | 410))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What matters of an outcome, in a line.
    fn line(outcome: &Outcome) -> String {
        let told = |failure: &Failure| {
            let certain = if failure.certain { "certain" } else { "uncertain" };
            format!("{} {certain}", failure.class.as_str())
        };
        match outcome {
            Outcome::Delivered { .. } => "delivered".into(),
            Outcome::Retry { failure, .. } => format!("retry {}", told(failure)),
            Outcome::Rejected { failure } => format!("rejected {}", told(failure)),
            Outcome::NotTried => "not tried".into(),
        }
    }

    #[test]
    fn each_status_has_its_outcome() {
        let cases = [
            (101, "rejected refused uncertain"),
            (200, "delivered"),
            (201, "delivered"),
            (204, "delivered"),
            (299, "delivered"),
            (301, "rejected refused uncertain"),
            (303, "rejected refused uncertain"),
            (304, "rejected refused uncertain"),
            (308, "rejected refused uncertain"),
            (400, "rejected refused certain"),
            (401, "rejected refused certain"),
            (403, "rejected refused certain"),
            (404, "rejected not_found certain"),
            (408, "retry timeout uncertain"),
            (409, "retry conflict certain"),
            (410, "rejected not_found certain"),
            (413, "rejected refused certain"),
            (422, "rejected refused certain"),
            (425, "retry refused certain"),
            (429, "retry rate_limited certain"),
            (499, "rejected refused certain"),
            (500, "retry server_error uncertain"),
            (501, "retry server_error uncertain"),
            (503, "retry server_error uncertain"),
            (599, "retry server_error uncertain"),
            (600, "rejected refused uncertain"),
        ];
        for (status, expected) in cases {
            assert_eq!(
                line(&outcome(Operation::Upsert, status, None, String::new())),
                expected,
                "upsert {status}"
            );
            let expected = if matches!(status, 404 | 410) {
                "delivered"
            } else {
                expected
            };
            assert_eq!(
                line(&outcome(Operation::Delete, status, None, String::new())),
                expected,
                "delete {status}"
            );
        }
    }

    #[test]
    fn an_outcome_carries_what_the_other_side_said() {
        let after = Some(Duration::from_secs(7));
        let Outcome::Retry { failure, after: told } = outcome(Operation::Upsert, 503, after, "busy".into()) else {
            panic!("a 503 is tried again");
        };
        assert_eq!(
            (told, failure.status, failure.message.as_str()),
            (after, Some(503), "busy")
        );
    }
}
