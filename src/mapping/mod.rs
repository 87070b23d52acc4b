//! Changes → subjects.

mod subject;

pub use subject::{KeyColumn, KeyShape, SubjectKey};
