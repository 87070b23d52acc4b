//! A server that answers as Elasticsearch 8 or OpenSearch 2 do, as far as Walsift has to do with them, and misbehaves on
//! demand.
//!
//! ```text
//! serving: connections, limits, credentials, behaviours ─▶ routes ─▶ bulk: lines ─▶ cluster: names ─▶ index: versions
//!                                                                                                └─▶ mapping: types
//! ```
//!
//! What it says was taken from the servers' sources; each file names its own. It keeps indexes and documents while it is
//! stopped and writes down every request, every item and every change of a document.
//!
//! Not played: analysis, searching for anything but all there is, replicas, refreshing, updates by script.

mod bulk;
mod cluster;
mod fault;
mod filter;
mod handle;
mod index;
mod journal;
mod mapping;
mod reading;
mod routes;
mod rules;
mod serving;

pub use cluster::Product;
pub use fault::Fault;
pub use handle::Elastic;
pub use index::{Block, Index};
pub use rules::{Behaviour, On};
