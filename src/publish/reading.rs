//! What a sink holds, read back: the other half of the contract, for those sinks that can be read at all.
//!
//! ```text
//! subjects, named as for a delivery ─▶ read ─▶ of each what is held
//! nothing but where the last page ended ─▶ scan ─▶ the subjects that something is held of, as far as its name tells
//! ```
//!
//! Promised: nothing is written; what cannot be read of one subject stops no other; no secret stands in a message.

use std::sync::Arc;
use std::time::Duration;

use super::{Failure, FailureClass, Outcome};
use crate::mapping::SubjectKey;

/// What can be learned of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readable {
    /// Whether documents come back as they were sent, so that they can be compared.
    pub compares: bool,
    /// Whether documents go away by themselves after a while.
    pub forgets: bool,
    /// Whether it can say of which subjects it holds something.
    pub scans: bool,
}

/// What a sink holds of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// As the sink says it, which may be spelled in another way than it was sent.
    Document(Arc<str>),
    Nothing,
    /// Something, perhaps. Says why it cannot be told.
    Unreadable(String),
}

/// Where a scan goes on, in the sink's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPlace(pub(super) String);

/// A page of a scan.
#[derive(Debug)]
pub struct Scanned {
    /// Some of them perhaps twice, some of them gone by now.
    pub subjects: Vec<SubjectKey>,
    /// How many names were of no subject.
    pub strangers: usize,
    /// `None` at the end.
    pub next: Option<ScanPlace>,
}

/// Nothing could be read; of no subject in particular.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Unread {
    /// For people, without secrets.
    pub message: String,
    /// Whether it may go better by itself.
    pub is_passing: bool,
    /// What the other side asked for.
    pub after: Option<Duration>,
}

impl Unread {
    pub(super) fn passing(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            is_passing: true,
            after: None,
        }
    }

    pub(super) fn lasting(message: impl Into<String>) -> Self {
        Self {
            is_passing: false,
            ..Self::passing(message)
        }
    }

    /// What it means that a request got no answer.
    pub(super) fn unanswered(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Retry { failure, after } => Self {
                is_passing: is_passing(&failure),
                message: failure.message,
                after,
            },
            Outcome::Rejected { failure } => Self::lasting(failure.message),
            Outcome::Delivered { .. } | Outcome::NotTried => Self::passing("nothing was asked"),
        }
    }

    /// What it means that it was answered with this status.
    pub(super) fn status(status: u16, after: Option<Duration>, message: String) -> Self {
        Self {
            message,
            is_passing: matches!(status, 408 | 409 | 425 | 429 | 500..),
            after,
        }
    }
}

fn is_passing(failure: &Failure) -> bool {
    failure.class != FailureClass::Configuration
}
