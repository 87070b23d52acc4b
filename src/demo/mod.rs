//! A world to try Walsift in: a Postgres of its own and a receiver of documents, both gone without trace when the
//! process is. `walsift demo` and the tests live in it.
//!
//! Nothing here is used by `walsift run`.

mod cluster;
mod port;
mod receiver;

pub use cluster::{Cluster, ClusterError, ClusterSettings, Shutdown};
pub use receiver::{Answer, Behaviour, Held, Ledger, Overdue, Paths, Receiver, Request};
