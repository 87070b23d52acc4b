//! The replication session: one slot, one publication, changes in commit order.
//!
//! ```text
//! server ─▶ pgwire-replication ─▶ forwarder ─▶ channel, bounded in bytes ─▶ WalSource::next
//!    ▲                                │
//!    └──────── standby status ◀───────┴────────── confirmed LSN ◀────────── WalSource::confirm
//! ```
//!
//! Promise: events arrive in order, and none is lost to a cancelled [`WalSource::next`]; nothing is confirmed to the
//! server but what [`WalSource::confirm`] said; what waits to be read has a ceiling in bytes; a dead peer is noticed.
//! Not promised: reconnecting, or judging whether a start position is sound. A position behind the slot's confirmed
//! one is silently moved forward by the server, and one ahead of it silently skips transactions, so whoever opens a
//! stream compares the two first.
//!
//! The protocol: <https://www.postgresql.org/docs/current/protocol-logical-replication.html>

mod channel;
mod error;
mod forwarder;
mod pgwire;
mod settings;
mod source;

#[cfg(test)]
mod tests;

pub use error::StreamError;
pub use pgwire::PgWireStream;
pub use settings::{StreamSettings, TlsMode, TlsSettings};
pub use source::{Event, WalSource};
