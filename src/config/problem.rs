//! What is wrong with a configuration, said so that it can be mended without a second look.

use std::ops::Range;

/// Where something stands in the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Dotted path of the key, `syncs.orders.one.customer.table`.
    pub path: String,
    /// Bytes of the file that the finding points at.
    pub span: Range<usize>,
}

/// One finding: where, what was found, what is wanted, and what mends it.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Absent where the finding is about the server and not about a line of the file.
    pub place: Option<Place>,
    /// What is wrong, a lowercase clause without a full stop.
    pub summary: String,
    /// The words at the pointer under the line.
    pub label: Option<String>,
    /// What is wanted, or what to do.
    pub help: Vec<String>,
    /// A statement that mends it, ready to be pasted.
    pub sql: Option<String>,
    /// A warning does not keep `run` from starting.
    pub warning: bool,
}

/// All findings about one file.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub problems: Vec<Problem>,
}
