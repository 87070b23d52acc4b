//! Changes → subjects.
//!
//! Folds a stretch of the stream into a [`Batch`]: subjects whose key was in the changed row, values that must be looked up,
//! and sweeps where nothing tells which subjects a change touched. Knows the plans and the stream; asks nobody.

mod batch;
mod mapper;
mod subject;

pub use batch::{Batch, ListenerIndex, Origin, Sweep, SyncIndex, Touch, Values};
pub use mapper::{Change, Mapper};
pub use subject::SubjectKey;
