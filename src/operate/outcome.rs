//! What became of what was asked.

use serde::Serialize;

use super::Timestamp;
use super::selection::State;
use crate::queue::JobId;

/// What became of one job, or of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// This new job was made.
    Enqueued { job: JobId },
    /// The subject has this active job already; nothing was changed.
    Active { job: JobId },
    /// The job waits, and is due now.
    Due,
    /// The job is over, and was not done.
    Canceled,
    /// A worker has the job in hand, until then at least unless it comes to its end; nothing was changed.
    Running { until: Timestamp },
    /// The job is over in a state in which there is nothing to do; nothing was changed.
    Over { state: State },
    /// The job has no such try; nothing was changed.
    NoAttempt,
    /// No such job is on record.
    Unknown,
}

impl Outcome {
    /// Whether it is what was asked for.
    pub fn is_done(self) -> bool {
        matches!(self, Outcome::Enqueued { .. } | Outcome::Due | Outcome::Canceled)
    }

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Enqueued { .. } => "enqueued",
            Outcome::Active { .. } => "active",
            Outcome::Due => "due",
            Outcome::Canceled => "canceled",
            Outcome::Running { .. } => "running",
            Outcome::Over { .. } => "over",
            Outcome::NoAttempt => "no_attempt",
            Outcome::Unknown => "unknown",
        }
    }
}

/// The outcome for a job that was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub asked: JobId,
    pub outcome: Outcome,
}
