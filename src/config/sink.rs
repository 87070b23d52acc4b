//! The sinks of the configuration: what all have in common, and what each kind has of its own.

use std::time::Duration;

use secrecy::SecretString;

use super::{Access, NatsSink, Place, RedisSink, Requests, Secret};

#[derive(Debug, Clone)]
pub struct Sink {
    pub name: String,
    pub place: Place,
    pub terms: Terms,
    pub kind: SinkKind,
}

/// On which terms a sink takes deliveries, whatever its kind.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Most requests in flight at the same time.
    pub concurrency: usize,
    /// For one request; never longer than what is left of the lease.
    pub timeout: Duration,
    /// Most deliveries in a time, of all processes together.
    pub rate_limit: Option<Rate>,
    pub retry: Retry,
    pub breaker: Breaker,
}

/// Exponential backoff with jitter: the n-th wait is about `base * 2^(n-1)`, never more than `max`.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Attempts in all before a job is dead; at least 1.
    pub attempts: u32,
    pub base: Duration,
    pub max: Duration,
}

/// So many in such a time, at least one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
}

/// When a sink that fails delivery after delivery is left alone for a while.
#[derive(Debug, Clone, Copy)]
pub struct Breaker {
    /// Failures in a row that open it; at least 1.
    pub failures: u32,
    /// The longest time between two looks whether the sink is back.
    pub cooldown: Duration,
}

#[derive(Debug, Clone)]
pub enum SinkKind {
    Http(Box<HttpSink>),
    Elastic(Box<ElasticSink>),
    Nats(Box<NatsSink>),
    Redis(Box<RedisSink>),
    Stdout,
}

#[derive(Debug, Clone)]
pub struct HttpSink {
    /// With `{name}` placeholders; may carry a secret in its query.
    pub url: SecretString,
    /// The method of an upsert, `PUT` by default.
    pub method: String,
    /// Names valid for HTTP; values may be secrets.
    pub headers: Vec<(String, SecretString)>,
    pub access: Access,
    /// Each request is signed with all of them.
    pub sign: Vec<Secret>,
    /// Whether bodies are compressed.
    pub gzip: bool,
    pub requests: Requests,
}

/// A cluster that documents are indexed in.
#[derive(Debug, Clone)]
pub struct ElasticSink {
    /// Which of them, as `type` has it.
    pub product: &'static str,
    /// Where it answers, without an index; may carry a secret.
    pub url: SecretString,
    pub index: String,
    /// With `{name}` placeholders; `None` is the key.
    pub id: Option<String>,
    pub routing: Option<String>,
    pub pipeline: Option<String>,
    pub mapping: Option<IndexMapping>,
    pub access: Access,
    pub gzip: bool,
    /// Most deliveries in one request.
    pub max: usize,
    /// Most bytes of their documents together.
    pub bytes: usize,
}

/// What an index is made from that is missing.
#[derive(Debug, Clone)]
pub struct IndexMapping {
    pub file: String,
    /// A JSON object, as it was read at the start.
    pub text: String,
}
