//! A first configuration from the catalogue: what a document over a table could be.
//!
//! ```text
//! Catalog ─▶ tree (which tables, by which foreign keys) ─▶ text (a file to be edited)
//!                └─ names (no two alike) ─┘
//! ```
//!
//! From a table its parents are followed as objects and what refers to it as arrays; from a parent only further parents,
//! since the other orders of an order's customer belong to no order. What is not taken stands in the file as a comment.
//! Promises a file that `check` takes, but for what only the database can mend.

mod edges;
mod names;
mod text;
mod tree;

pub use text::DraftSink;
pub use tree::{Draft, Refusal, Wish, draft};
