//! A configuration against the one that runs: what changing to it means, what would be sent, and how long that takes.
//!
//! ```text
//! route.running (what builds now) ─┐
//!                                  ├─▶ a sample of subjects built by both ─▶ differences ─▶ for the whole table
//! SyncPlan (what would build) ─────┘
//! ```
//!
//! Nothing is written; what is stored is run in read-only sessions. Not promised: more than a sample can tell.

mod facts;
mod sample;
mod text;

pub use facts::{CompareError, Comparison, compare};
