//! A world to try Walsift in: a Postgres of its own and a receiver of documents, both gone without trace when the
//! process is. The tests live in it, and `walsift demo` shows it.
//!
//! Nothing here is used by `walsift run`.

mod cluster;
mod port;
mod receiver;

mod counts;
mod engine;
mod shop;
mod stage;

mod scenes;
mod story;

mod play;

pub use cluster::{Cluster, ClusterError, ClusterSettings, Shutdown};
pub use play::play;
pub use port::listen;
pub use receiver::{Answer, Behaviour, Held, Ledger, Overdue, Paths, Receiver, Request};
pub use scenes::Failure;
