//! The id that the other side gives a subject when it creates it.
//!
//! | asked to | answered | what follows |
//! | --- | --- | --- |
//! | create | accepted, with an id | delivered; the id is kept |
//! | create | accepted, without one | rejected, uncertain: it is there, and nobody knows under which id; creating it again would make another |
//! | create | accepted, but the answer broke off | tried again, uncertain |
//! | create | 409 with the id | tried again at once, as an update of that id |
//! | create | 409 without one | tried again, uncertain |
//! | update | 404 or 410, unless `reject` names it | tried again at once, as a create |

use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::answer::Meaning;
use super::json;
use super::request::Purpose;
use crate::config::Pointer;
use crate::publish::web::End;
use crate::publish::{Failure, FailureClass, Outcome, Remote};

/// An id that is longer is none.
const ID_BYTES_MAX: usize = 512;

/// What was read of an answer.
pub(super) struct Answer<'a> {
    pub status: u16,
    /// Whether the status means that there is nothing by the id that was asked for.
    pub says_lost: bool,
    pub body: &'a str,
    pub end: End,
    /// The header of that name.
    pub location: Option<&'a str>,
}

/// What an answer means for a sink that gives ids; `outcome` is what its status alone means.
pub(super) fn told(purpose: Purpose, meaning: Meaning, answer: &Answer<'_>, id: &Pointer, outcome: Outcome) -> Outcome {
    match (purpose, meaning) {
        (Purpose::Create, Meaning::Accepted) => created(answer, id),
        (Purpose::Create, Meaning::Retry) if answer.status == 409 => conflict(answer, id, outcome),
        (Purpose::Update, Meaning::Retry | Meaning::Rejected) if answer.says_lost => lost(outcome),
        _ => outcome,
    }
}

fn created(answer: &Answer<'_>, pointer: &Pointer) -> Outcome {
    let status = Some(answer.status);
    if let Some(id) = id_in(answer, pointer) {
        let remote = Remote::Is(id);
        return Outcome::Delivered { status, remote };
    }
    let place = pointer.written();
    let failure = |class, message| Failure::uncertain(class, message).with_status(answer.status);
    match answer.end {
        End::Broken => Outcome::Retry {
            failure: failure(
                FailureClass::Connection,
                "the answer broke off before it named the id".to_owned(),
            ),
            after: None,
        },
        End::Cut | End::Whole => Outcome::Rejected {
            failure: failure(
                FailureClass::Configuration,
                format!(
                    "{}: created, but the answer names no id: there is none at `{place}`, nor in a Location header; set \
                     `create.id` right, remove what was created, and retry",
                    answer.status
                ),
            ),
        },
    }
}

fn conflict(answer: &Answer<'_>, pointer: &Pointer, outcome: Outcome) -> Outcome {
    let (mut failure, after) = match outcome {
        Outcome::Retry { failure, after } => (failure, after),
        other => return other,
    };
    // Whoever created it: it need not hold what we hold for delivered.
    failure.certain = false;
    if let Some(id) = id_in(answer, pointer) {
        failure.remote = Remote::Is(id);
        let after = Some(after.unwrap_or(Duration::ZERO));
        return Outcome::Retry { failure, after };
    }
    failure.message = format!(
        "{}; it seems to be there already, but the answer names no id at `{}`, nor in a Location header: remove it there, \
         or make the answer name it",
        failure.message,
        pointer.written()
    );
    Outcome::Retry { failure, after }
}

/// The id that we had is worth nothing any more. Gone for good or not, what we hold for delivered is not there.
fn lost(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Retry { failure, .. } | Outcome::Rejected { failure } => Outcome::Retry {
            failure: Failure {
                remote: Remote::Lost,
                ..failure
            },
            after: Some(Duration::ZERO),
        },
        other => other,
    }
}

/// Where the pointer leads, or else the last segment of the path of `Location`.
fn id_in(answer: &Answer<'_>, pointer: &Pointer) -> Option<String> {
    let in_body = || {
        let found = json::at(answer.body, pointer)?;
        // `true` is no name for anything.
        let is_name = !matches!(found.get(), "true" | "false");
        json::scalar(found).filter(|_| is_name)
    };
    let in_location = || {
        let path = answer.location?.split(['?', '#']).next()?;
        let path = path.split_once("://").map_or(path, |(_, rest)| rest);
        let (_, last) = path.trim_end_matches('/').rsplit_once('/')?;
        Some(percent_decode_str(last).decode_utf8().ok()?.into_owned())
    };
    in_body()
        .filter(|id| is_id(id))
        .or_else(|| in_location().filter(|id| is_id(id)))
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= ID_BYTES_MAX && !text.contains(char::is_control) && !matches!(text, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(body: &str, location: Option<&str>) -> Option<String> {
        let answer = Answer {
            status: 201,
            says_lost: false,
            body,
            end: End::Whole,
            location,
        };
        id_in(&answer, &Pointer::parse("/data/id").unwrap())
    }

    #[test]
    fn an_id_is_where_the_pointer_leads_or_the_end_of_the_location() {
        let long = format!(r#"{{"data":{{"id":"{}"}}}}"#, "x".repeat(513));
        let cases = [
            (r#"{"data":{"id":"ord_1"}}"#, Some("/orders/2"), Some("ord_1")),
            (
                r#"{"data":{"id":12345678901234567890}}"#,
                None,
                Some("12345678901234567890"),
            ),
            (r#"{"data":{"id":""}}"#, None, None),
            (r#"{"data":{"id":true}}"#, None, None),
            (r#"{"data":{"id":null}}"#, None, None),
            (r#"{"data":{"id":{}}}"#, None, None),
            (r#"{"data":{"id":"a\nb"}}"#, None, None),
            (r#"{"data":{"id":".."}}"#, None, None),
            (&long, None, None),
            ("", Some("https://h/orders/a%2Fb?x=/1"), Some("a/b")),
            ("", Some("https://h/orders/7/"), Some("7")),
            ("", Some("7"), None),
            ("", Some("https://h"), None),
            ("", Some("https://h/"), None),
            ("no json", None, None),
        ];
        for (body, location, expected) in cases {
            assert_eq!(id(body, location).as_deref(), expected, "{body} {location:?}");
        }
    }
}
