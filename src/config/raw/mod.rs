//! The file as written: the same tables and keys, each value with its place, of the right type or reported.
//!
//! No rule of the language is here but names and types of keys. `check` has the others.

mod changes;
pub mod expand;
mod reader;
mod reading;
mod sections;
mod sinks;
mod syntax;
mod tree;
pub mod units;

pub use changes::RawWay;
pub use expand::Environment;
pub use reading::{At, Field, Passage, Reading};
pub use sections::{RawAdmin, RawConfig, RawEngine, RawRetention, RawSource, RawState};
pub use sinks::{
    RawAccess, RawAuth, RawBasic, RawBatch, RawBreaker, RawCreate, RawDelete, RawElastic, RawHttp, RawKafka,
    RawKafkaAuth, RawNats, RawNatsAuth, RawOAuth2, RawRead, RawRedis, RawRequests, RawRetry, RawSink, RawSinkKind,
    RawTerms, RawTls,
};
pub use syntax::parse;
pub use tree::{RawDocument, RawMember, RawNode, RawSync, RawThrough, RawValue};
