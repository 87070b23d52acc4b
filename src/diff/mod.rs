//! Whether a document is sent: what was built, against what the sink last accepted.

mod paths;
mod verdict;

pub use paths::{Change, Difference, differences, places};
pub use verdict::{Accepted, Built, Operation, Reason, Verdict, verdict};
