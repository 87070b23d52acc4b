//! What was derived from a sync, for people and for programs: tables, columns that count, ways to the subjects, and what
//! each of them is likely to cost.
//!
//! ```text
//! Config, Catalog, SyncPlan ─┐
//!                            ├─▶ facts (what holds) ─▶ text (a picture of it)
//! Statistics ────────────────┘
//! ```
//!
//! Numbers are estimates from what the planner knows; where it knows nothing there are none.

mod facts;
mod text;

pub use facts::{HotSpot, Picture, link_columns, pictures};
pub use text::{grouped, wrapped};
