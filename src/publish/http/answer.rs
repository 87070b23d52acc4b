//! What an answer means for the job.
//!
//! | status | by default | class | certain |
//! | --- | --- | --- | --- |
//! | 2xx; for deletes 404 and 410 too | delivered | | |
//! | 401, 407 | retry | configuration | yes |
//! | 409 | retry | conflict | yes |
//! | 425 | retry | refused | yes |
//! | 429 | retry | rate limited | yes |
//! | 408 | retry | time-out | no |
//! | 5xx | retry | server error | no |
//! | 404, 410 | rejected | not found | yes |
//! | other 4xx | rejected | refused | yes |
//! | anything else, redirects among it | rejected | refused | no |
//!
//! The configuration may say otherwise of what is delivered and what is rejected; class and certainty are the status's own.

use std::time::Duration;

use crate::config::{StatusRange, Statuses};
use crate::diff::Operation;
use crate::publish::{Failure, FailureClass, Outcome, Remote};

/// What a status means, before anything else is known of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The sink holds now what it was told to.
    Accepted,
    Retry,
    Rejected,
}

pub(super) fn meaning(statuses: &Statuses, operation: Operation, status: u16) -> Meaning {
    let within = |ranges: &[StatusRange]| ranges.iter().any(|range| range.contains(status));
    let is_gone = operation == Operation::Delete && matches!(status, 404 | 410);
    let ok = match &statuses.ok {
        Some(ok) => within(ok),
        None => (200..300).contains(&status),
    };
    match &statuses.reject {
        _ if ok => Meaning::Accepted,
        Some(reject) if within(reject) => Meaning::Rejected,
        _ if is_gone => Meaning::Accepted,
        Some(_) if matches!(status, 200..300 | 400..600) => Meaning::Retry,
        Some(_) => Meaning::Rejected,
        None => match status {
            // Credentials are no document's fault: with a key that was revoked none would pass.
            401 | 407 | 408 | 409 | 425 | 429 | 200..300 | 500..600 => Meaning::Retry,
            _ => Meaning::Rejected,
        },
    }
}

/// Whether the status means that there is nothing by the id that was asked for.
pub(super) fn says_lost(statuses: &Statuses, status: u16) -> bool {
    let reject = statuses.reject.as_deref().unwrap_or_default();
    matches!(status, 404 | 410) && !reject.iter().any(|range| range.contains(status))
}

/// The outcome of a request that was answered. `after` is what `Retry-After` says, `message` is for people.
pub(super) fn outcome(meaning: Meaning, status: u16, after: Option<Duration>, message: String) -> Outcome {
    let (class, certain) = class(status);
    let failure = Failure {
        class,
        status: Some(status),
        message,
        certain,
        remote: Remote::Same,
    };
    match meaning {
        Meaning::Accepted => Outcome::Delivered {
            status: Some(status),
            remote: Remote::Same,
        },
        Meaning::Retry => Outcome::Retry { failure, after },
        Meaning::Rejected => Outcome::Rejected { failure },
    }
}

/// Of a failure, and whether we know that the sink holds what it held before.
fn class(status: u16) -> (FailureClass, bool) {
    match status {
        401 | 407 => (FailureClass::Configuration, true),
        408 => (FailureClass::Timeout, false),
        409 => (FailureClass::Conflict, true),
        429 => (FailureClass::RateLimited, true),
        500..600 => (FailureClass::ServerError, false),
        404 | 410 => (FailureClass::NotFound, true),
        400..500 => (FailureClass::Refused, true),
        // A redirect may well stand for "done, look there".
        _ => (FailureClass::Refused, false),
    }
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
            (401, "retry configuration certain"),
            (403, "rejected refused certain"),
            (404, "rejected not_found certain"),
            (407, "retry configuration certain"),
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
            let by_default = Statuses::default();
            let told = |operation| {
                let meaning = meaning(&by_default, operation, status);
                line(&outcome(meaning, status, None, String::new()))
            };
            assert_eq!(told(Operation::Upsert), expected, "upsert {status}");
            let expected = if matches!(status, 404 | 410) {
                "delivered"
            } else {
                expected
            };
            assert_eq!(told(Operation::Delete), expected, "delete {status}");
        }
    }

    type Ranges = &'static [(u16, u16)];

    #[test]
    fn the_configuration_says_what_is_accepted_and_what_is_refused() {
        let ranges = |ranges: &[(u16, u16)]| {
            let ranges = ranges.iter().map(|&(from, to)| StatusRange { from, to });
            (ranges.len() > 0).then(|| ranges.collect())
        };
        #[rustfmt::skip]
        let cases: [(Ranges, Ranges, u16, &str, &str); 20] = [
            // ok, reject, status, upsert, delete
            (&[(200, 200)], &[], 200, "delivered", "delivered"),
            (&[(200, 200)], &[], 202, "retry refused uncertain", "retry refused uncertain"),
            (&[(200, 200)], &[], 404, "rejected not_found certain", "delivered"),
            (&[(200, 299), (409, 409)], &[], 409, "delivered", "delivered"),
            (&[(200, 399)], &[], 302, "delivered", "delivered"),
            (&[(404, 404)], &[], 404, "delivered", "delivered"),
            (&[(404, 404)], &[], 204, "retry refused uncertain", "retry refused uncertain"),
            (&[], &[(422, 422)], 422, "rejected refused certain", "rejected refused certain"),
            (&[], &[(422, 422)], 400, "retry refused certain", "retry refused certain"),
            (&[], &[(422, 422)], 401, "retry configuration certain", "retry configuration certain"),
            (&[], &[(401, 401)], 401, "rejected configuration certain", "rejected configuration certain"),
            (&[], &[(422, 422)], 404, "retry not_found certain", "delivered"),
            (&[], &[(422, 422)], 302, "rejected refused uncertain", "rejected refused uncertain"),
            (&[], &[(422, 422)], 200, "delivered", "delivered"),
            (&[], &[(404, 404)], 404, "rejected not_found certain", "rejected not_found certain"),
            (&[], &[(500, 599)], 501, "rejected server_error uncertain", "rejected server_error uncertain"),
            (&[], &[(400, 499)], 429, "rejected rate_limited certain", "rejected rate_limited certain"),
            (&[], &[(400, 499)], 408, "rejected timeout uncertain", "rejected timeout uncertain"),
            (&[(200, 201)], &[(202, 299)], 204, "rejected refused uncertain", "rejected refused uncertain"),
            (&[(200, 201)], &[(202, 299)], 503, "retry server_error uncertain", "retry server_error uncertain"),
        ];
        for (ok, reject, status, upsert, delete) in cases {
            let statuses = Statuses {
                ok: ranges(ok),
                reject: ranges(reject),
            };
            for (operation, expected) in [(Operation::Upsert, upsert), (Operation::Delete, delete)] {
                let meaning = meaning(&statuses, operation, status);
                let told = line(&outcome(meaning, status, None, String::new()));
                assert_eq!(told, expected, "{operation:?} {status} with {ok:?} and {reject:?}");
            }
        }
    }

    #[test]
    fn an_outcome_carries_what_the_other_side_said() {
        let after = Some(Duration::from_secs(7));
        let Outcome::Retry { failure, after: told } = outcome(Meaning::Retry, 503, after, "busy".into()) else {
            panic!("a 503 is tried again");
        };
        assert_eq!(
            (told, failure.status, failure.message.as_str()),
            (after, Some(503), "busy")
        );
    }
}
