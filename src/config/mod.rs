//! The configuration: the file as written → the configuration as checked.
//!
//! Two layers. [`raw`] mirrors the file and knows where each value stands in it; `check` turns it into a
//! [`Config`], which the rest of the program uses, and gathers *every* [`Problem`] on the way.

mod model;
mod problem;

pub use model::{
    Admin, Cardinality, Config, Document, Engine, Expression, History, HttpSink, Initial, Member, Node, OnLostSlot,
    Retry, Sink, SinkKind, Source, State, Sync, TableName,
};
pub use problem::{Place, Problem, Report};
