//! Where documents go: the sink contract and the sinks. Nothing here sees Postgres.
//!
//! A sink answers for each delivery with an [`Outcome`]: what happens to the job next, and whether the answer is
//! *certain*, that is, whether we know what the sink holds now.

mod contract;
mod elastic;
mod http;
mod kafka;
mod marks;
mod name;
mod nats;
mod pieces;
mod reading;
mod redis;
mod retry;
mod sink;
mod socket;
mod stdout;
mod target;
mod web;

#[cfg(test)]
mod peer;

pub use crate::diff::Operation;
pub use contract::{Batching, Delivery, Failure, FailureClass, Outcome, Reach, Remote, Wrong};
pub use elastic::ElasticSink;
pub use http::HttpSink;
pub use kafka::KafkaSink;
pub use nats::NatsSink;
pub use reading::{Held, Readable, ScanPlace, Scanned, Unread};
pub use retry::{NextStep, next_step};
pub use sink::{Sink, Unusable};
pub use stdout::StdoutSink;
pub use target::Named;
