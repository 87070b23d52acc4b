//! What an answer means, and what it means that there is none.
//!
//! | answer | outcome |
//! | --- | --- |
//! | the stream's acknowledgement, of a duplicate too | delivered |
//! | nobody is there for the subject: no stream, or one that has no leader at present | retry, server error, certain |
//! | 10059, no such stream | retry, not found, certain |
//! | 10054, 10097: larger than the stream takes | rejected, refused, certain |
//! | 10077, the stream is full and discards what is new; 10002, 10023, 10028, 10047, no room | retry, rate limited, certain |
//! | 10077, for this subject alone | retry, conflict, certain |
//! | 10006, 10008, 10009, 10118: no leader at present | retry, server error, certain |
//! | any other 4xx: another stream (10060), a sealed one (10109), no `JetStream` (10035, 10039, 10076) | retry, configuration, certain |
//! | the server does not let us publish there | retry, configuration, certain |
//! | anything else | retry, server error, uncertain |
//!
//! A stream does not look into documents, so but for its size no message is to blame.
//! <https://github.com/nats-io/nats-server/blob/main/server/errors.json>

use bytes::Bytes;
use serde::Deserialize;

use crate::publish::web::Secrets;
use crate::publish::{Failure, FailureClass, Outcome, Remote};

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Said(Bytes),
    /// No stream that has a leader, and nobody else either.
    Nobody,
    /// In the server's words.
    Forbidden(String),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// There was no connection to send anything on.
    #[error("could not connect: {0}")]
    Unreachable(String),
    /// The server does not let us in, or we cannot say who we are.
    #[error("{0}")]
    Refused(String),
    #[error("the connection broke: {0}")]
    Broken(String),
}

#[derive(Deserialize)]
struct Acknowledgement {
    stream: Option<String>,
    seq: Option<u64>,
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    code: u16,
    #[serde(default)]
    err_code: u16,
    #[serde(default)]
    description: String,
}

pub(super) fn outcome(answer: &Answer, subject: &str, secrets: &Secrets) -> Outcome {
    let said = match answer {
        Answer::Said(said) => said,
        Answer::Nobody => {
            let message = format!("no stream stores `{subject}`, or it has no leader at present");
            return retry(FailureClass::ServerError, message);
        }
        Answer::Forbidden(words) => {
            return retry(FailureClass::Configuration, secrets.excerpt(words, false));
        }
    };
    match serde_json::from_slice(said) {
        Ok(Acknowledgement { error: Some(error), .. }) => refusal(&error, secrets),
        Ok(Acknowledgement {
            stream: Some(_),
            seq: Some(_),
            ..
        }) => Outcome::Delivered {
            status: None,
            remote: Remote::Same,
        },
        _ => {
            let message = format!("somebody else than a stream answers on `{subject}`");
            again(Failure::uncertain(FailureClass::ServerError, message))
        }
    }
}

fn refusal(error: &Error, secrets: &Secrets) -> Outcome {
    let words = &error.description;
    let message = format!("{} (code {})", secrets.excerpt(words, false), error.err_code);
    let class = match error.err_code {
        10054 | 10097 => {
            return Outcome::Rejected {
                failure: Failure::certain(FailureClass::Refused, message),
            };
        }
        10059 => FailureClass::NotFound,
        10077 if words == "maximum messages per subject exceeded" => FailureClass::Conflict,
        10077 if words.starts_with("maximum ") && words.ends_with(" exceeded") => FailureClass::RateLimited,
        10002 | 10023 | 10028 | 10047 => FailureClass::RateLimited,
        10006 | 10008 | 10009 | 10118 => FailureClass::ServerError,
        10035 | 10039 | 10076 => FailureClass::Configuration,
        _ if (400..500).contains(&error.code) => FailureClass::Configuration,
        _ => return again(Failure::uncertain(FailureClass::ServerError, message)),
    };
    retry(class, message)
}

/// Of all messages that were not answered before `trouble`.
pub(super) fn unanswered(trouble: &Trouble, secrets: &Secrets) -> Outcome {
    let message = secrets.excerpt(&trouble.to_string(), false);
    match trouble {
        Trouble::Unreachable(_) => retry(FailureClass::Connection, message),
        Trouble::Refused(_) => retry(FailureClass::Configuration, message),
        Trouble::Broken(_) => again(Failure::uncertain(FailureClass::Connection, message)),
    }
}

/// Larger than the server takes, which closes the connection over it: it was not sent.
pub(super) fn too_large(bytes: usize, bytes_max: usize) -> Outcome {
    let message = format!("the message has {bytes} bytes with its headers, and the server takes {bytes_max}");
    Outcome::Rejected {
        failure: Failure::certain(FailureClass::Refused, message),
    }
}

fn retry(class: FailureClass, message: String) -> Outcome {
    again(Failure::certain(class, message))
}

fn again(failure: Failure) -> Outcome {
    Outcome::Retry { failure, after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What matters of an outcome, in a line.
    fn line(outcome: &Outcome) -> String {
        let (what, failure) = match outcome {
            Outcome::Delivered { .. } => return "delivered".to_owned(),
            Outcome::NotTried => return "not tried".to_owned(),
            Outcome::Retry { failure, .. } => ("retry", failure),
            Outcome::Rejected { failure } => ("rejected", failure),
        };
        let certain = if failure.certain { "certain" } else { "uncertain" };
        format!("{what} {} {certain}: {}", failure.class.as_str(), failure.message)
    }

    fn told(answer: &Answer) -> String {
        line(&outcome(answer, "shop.1", &Secrets::default()))
    }

    fn said(text: &str) -> Answer {
        Answer::Said(text.to_owned().into())
    }

    #[test]
    fn what_is_no_refusal() {
        let cases = [
            (said(r#"{"stream":"ORDERS","seq":7}"#), "delivered"),
            (said(r#"{"stream":"ORDERS","seq":7,"duplicate":true}"#), "delivered"),
            (
                Answer::Nobody,
                "retry server_error certain: no stream stores `shop.1`, or it has no leader at present",
            ),
            (
                Answer::Forbidden("Permissions Violation for Publish to \"shop.1\"".to_owned()),
                "retry configuration certain: Permissions Violation for Publish to \"shop.1\"",
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(told(&answer), expected);
        }
        for text in ["", "thanks", "[]", r#"{"seq":7}"#, r#"{"stream":"ORDERS"}"#] {
            let expected = "retry server_error uncertain: somebody else than a stream answers on `shop.1`";
            assert_eq!(told(&said(text)), expected, "{text}");
        }
    }

    #[test]
    fn each_code_has_its_meaning() {
        #[rustfmt::skip]
        let cases = [
            (400, 10054, "message size exceeds maximum allowed", "rejected refused certain"),
            (400, 10097, "header size exceeds maximum allowed of 64k", "rejected refused certain"),
            (404, 10059, "stream not found", "retry not_found certain"),
            (400, 10060, "expected stream does not match", "retry configuration certain"),
            (400, 10109, "invalid operation on sealed stream", "retry configuration certain"),
            (503, 10039, "JetStream not enabled for account", "retry configuration certain"),
            (503, 10076, "JetStream not enabled", "retry configuration certain"),
            (503, 10077, "maximum messages exceeded", "retry rate_limited certain"),
            (503, 10077, "maximum bytes exceeded", "retry rate_limited certain"),
            (503, 10077, "maximum messages per subject exceeded", "retry conflict certain"),
            (503, 10077, "no space left on device", "retry server_error uncertain"),
            (400, 10002, "resource limits exceeded for account", "retry rate_limited certain"),
            (503, 10023, "insufficient resources", "retry rate_limited certain"),
            (500, 10047, "insufficient storage resources available", "retry rate_limited certain"),
            (503, 10008, "JetStream system temporarily unavailable", "retry server_error certain"),
            (400, 10071, "wrong last sequence: 7", "retry configuration certain"),
            (500, 10051, "general failure", "retry server_error uncertain"),
        ];
        for (code, err_code, description, expected) in cases {
            let text = serde_json::json!({
                "error": {"code": code, "err_code": err_code, "description": description},
                "stream": "ORDERS", "seq": 0,
            });
            let expected = format!("{expected}: {description} (code {err_code})");
            assert_eq!(told(&said(&text.to_string())), expected);
        }
    }

    #[test]
    fn without_an_answer_only_what_was_never_sent_is_certain() {
        let words = || "why".to_owned();
        let cases = [
            (
                Trouble::Unreachable(words()),
                "retry connection certain: could not connect: why",
            ),
            (Trouble::Refused(words()), "retry configuration certain: why"),
            (
                Trouble::Broken(words()),
                "retry connection uncertain: the connection broke: why",
            ),
        ];
        for (trouble, expected) in cases {
            assert_eq!(line(&unanswered(&trouble, &Secrets::default())), expected);
        }
    }

    #[test]
    fn secrets_are_not_repeated() {
        let secrets = Secrets::default().with("hunter2");
        let answer = Answer::Forbidden("no hunter2 here".to_owned());
        let outcome = outcome(&answer, "shop.1", &secrets);
        assert_eq!(line(&outcome), "retry configuration certain: no *** here");
    }
}
