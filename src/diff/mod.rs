//! Whether a document is sent: what was built, against what the sink last accepted.

mod verdict;

pub use verdict::{Accepted, Built, Operation, Reason, Verdict, verdict};
