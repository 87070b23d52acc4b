//! Where documents go: the sink contract and the sinks. Nothing here sees Postgres.
//!
//! A sink answers for each delivery with an [`Outcome`]: what happens to the job next, and whether the answer is
//! *certain*, that is, whether we know what the sink holds now.

mod contract;
mod retry;

pub use crate::diff::Operation;
pub use contract::{Delivery, Failure, FailureClass, Outcome};
pub use retry::{NextStep, next_step};
