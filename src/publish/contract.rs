//! What the engine hands to a sink, and what a sink answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::diff::Operation;
use crate::mapping::SubjectKey;
use crate::plan::KeyShape;

/// One document on its way to one sink.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub sync: Arc<str>,
    pub shape: Arc<KeyShape>,
    pub key: SubjectKey,
    pub operation: Operation,
    /// Rises with every new document sent for a subject; the same for every try of one document.
    pub version: i64,
    /// The id that ties requests, log lines and attempts of one job together, a W3C trace id: 32 hex digits.
    pub correlation: String,
    /// The document as Postgres wrote it; empty for a delete.
    pub document: Arc<str>,
    /// What the sink calls the subject, where it said so when it was created.
    pub remote_id: Option<Arc<str>>,
    /// When the lease on the job runs out: no request may be in flight after it.
    pub deadline: Instant,
}

/// How many deliveries a sink takes in one request, each answered for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    pub deliveries: usize,
    /// Of their documents together; one that is larger goes alone.
    pub bytes: usize,
}

impl Batching {
    pub const SINGLE: Self = Self {
        deliveries: 1,
        bytes: usize::MAX,
    };
}

/// What became of a delivery.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The sink holds the document now. With the HTTP status, where there is one.
    Delivered { status: Option<u16>, remote: Remote },
    /// Worth another try, not before `after` if the other side named a time.
    Retry { failure: Failure, after: Option<Duration> },
    /// Refused for good: the same document would be refused again.
    Rejected { failure: Failure },
    /// Never tried: the lease would have run out, or the engine is stopping. Costs no attempt.
    NotTried,
}

/// Why a delivery failed.
#[derive(Debug, Clone)]
pub struct Failure {
    pub class: FailureClass,
    pub status: Option<u16>,
    /// For people: what the other side said, bounded, without secrets.
    pub message: String,
    /// Whether we know that the sink still holds what it held before. After a time-out, a broken connection or a
    /// 5xx nobody knows.
    pub certain: bool,
    pub remote: Remote,
}

/// What came of trying to reach a sink, without any delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// What was tried, and what was answered, one line for each step; without secrets. Empty: there is nothing to try.
    pub tried: Vec<String>,
    pub wrong: Option<Wrong>,
}

/// Why deliveries would fail at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// A clause for people, without secrets.
    pub message: String,
    pub help: Option<String>,
    /// Whether it is the configuration that is to blame. What may get better by itself is worth a warning: `run` starts
    /// without its sinks.
    pub is_error: bool,
}

impl Reach {
    /// There is nothing that could be away.
    pub const NOTHING_TO_TRY: Self = Self {
        tried: Vec::new(),
        wrong: None,
    };
}

/// What an answer tells about the id by which the sink knows the subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Remote {
    /// Nothing new.
    #[default]
    Same,
    Is(String),
    /// The sink knows no subject by the id that we had.
    Lost,
}

impl Failure {
    /// After it the sink holds what it held before.
    pub fn certain(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            status: None,
            message: message.into(),
            certain: true,
            remote: Remote::Same,
        }
    }

    /// After it nobody knows what the sink holds.
    pub fn uncertain(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            certain: false,
            ..Self::certain(class, message)
        }
    }

    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    Timeout,
    Connection,
    RateLimited,
    ServerError,
    NotFound,
    Refused,
    Conflict,
    /// The document could not be built.
    Build,
    /// The request could not be made from the configuration and this document.
    Configuration,
    /// Delivered, but what was to be run on the source after it failed.
    AfterPublish,
}

impl FailureClass {
    pub const ALL: [FailureClass; 10] = [
        FailureClass::Timeout,
        FailureClass::Connection,
        FailureClass::RateLimited,
        FailureClass::ServerError,
        FailureClass::NotFound,
        FailureClass::Refused,
        FailureClass::Conflict,
        FailureClass::Build,
        FailureClass::Configuration,
        FailureClass::AfterPublish,
    ];

    /// As stored in attempts and shown in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::Timeout => "timeout",
            FailureClass::Connection => "connection",
            FailureClass::RateLimited => "rate_limited",
            FailureClass::ServerError => "server_error",
            FailureClass::NotFound => "not_found",
            FailureClass::Refused => "refused",
            FailureClass::Conflict => "conflict",
            FailureClass::Build => "build",
            FailureClass::Configuration => "configuration",
            FailureClass::AfterPublish => "after_publish",
        }
    }
}
