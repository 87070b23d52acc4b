//! What it means that a request was not answered.

use std::error::Error;
use std::time::Duration;

use super::Secrets;
use crate::publish::{Failure, FailureClass, Outcome};

/// How a request ended that was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// There was no connection to send it on: refused, no such host, no handshake, or none of them in time.
    NoConnection,
    Timeout,
    /// The connection broke when the request may already have been sent.
    Broken,
    /// No request was made.
    NoRequest,
}

impl Silence {
    pub(super) fn of(error: &reqwest::Error) -> Self {
        if error.is_builder() {
            Self::NoRequest
        } else if error.is_connect() {
            Self::NoConnection
        } else if error.is_timeout() {
            Self::Timeout
        } else {
            Self::Broken
        }
    }

    pub(super) fn outcome(self, message: String) -> Outcome {
        let failure = match self {
            Self::NoConnection => Failure::certain(FailureClass::Connection, message),
            Self::Timeout => Failure::uncertain(FailureClass::Timeout, message),
            Self::Broken => Failure::uncertain(FailureClass::Connection, message),
            Self::NoRequest => Failure::certain(FailureClass::Configuration, message),
        };
        match self {
            Self::NoRequest => Outcome::Rejected { failure },
            _ => Outcome::Retry { failure, after: None },
        }
    }
}

/// For people: why a request that was given so much time had no answer.
pub(super) fn words(error: reqwest::Error, time: Duration, secrets: &Secrets) -> String {
    match Silence::of(&error) {
        Silence::Timeout => format!("no answer within {time:?}"),
        Silence::NoConnection => format!("could not connect: {}", causes(error, secrets)),
        Silence::Broken => format!("the connection broke: {}", causes(error, secrets)),
        Silence::NoRequest => format!("the request could not be made: {}", causes(error, secrets)),
    }
}

/// What an error says and all that caused it, without the url, which has secrets.
fn causes(error: reqwest::Error, secrets: &Secrets) -> String {
    let error = error.without_url();
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.dedup();
    secrets.excerpt(&causes.join(": "), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_certain_only_if_nothing_was_sent() {
        let cases = [
            (Silence::NoConnection, true, FailureClass::Connection, true),
            (Silence::Timeout, true, FailureClass::Timeout, false),
            (Silence::Broken, true, FailureClass::Connection, false),
            (Silence::NoRequest, false, FailureClass::Configuration, true),
        ];
        for (silence, again, class, certain) in cases {
            let (retried, failure) = match silence.outcome(String::new()) {
                Outcome::Retry { failure, .. } => (true, failure),
                Outcome::Rejected { failure } => (false, failure),
                other => panic!("{other:?}"),
            };
            assert_eq!(
                (retried, failure.class, failure.certain),
                (again, class, certain),
                "{silence:?}"
            );
        }
    }
}
