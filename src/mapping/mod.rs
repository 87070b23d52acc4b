//! Changes → subjects.
//!
//! Folds a stretch of the stream into a [`Batch`]: subjects whose key was in the changed row, values that must be looked up,
//! and sweeps where nothing tells which subjects a change touched. Changes that cannot matter are passed over and counted. Knows
//! the plans and the stream; asks nobody.

mod batch;
mod mapper;
mod message;
mod relevance;
mod subject;

#[cfg(test)]
mod tests;

pub use batch::{Batch, ListenerIndex, Origin, Sweep, SyncIndex, Touch, Unheard, Values};
pub use mapper::{Change, Mapper};
pub use message::{AFTER_PUBLISH_PREFIX, Malformed, written_key};
pub use subject::SubjectKey;
