//! The replication session: one slot, one publication, changes in commit order.
//!
//! ```text
//! server ─▶ Session ─▶ Pump ─▶ channel, bounded in bytes ─▶ WalSource::next
//!    ▲                  │
//!    └─ standby status ◀┴───────── confirmed LSN ◀────────── WalSource::confirm
//! ```
//!
//! Promise: events arrive in order, and none is lost to a cancelled [`WalSource::next`]; nothing is confirmed to the
//! server but what [`WalSource::confirm`] said, that soon, and the last of it before the stream is closed; what waits to
//! be read has a ceiling in bytes; a server that falls silent is noticed within half a minute, in the middle of a
//! message too; no step waits without a limit.
//! Not promised: reconnecting, or judging whether a start position is sound. A position behind the slot's confirmed
//! one is silently moved forward by the server, and one ahead of it silently skips transactions, so whoever opens a
//! stream compares the two first.
//!
//! Why a client of our own: those that there are lose the last confirmation, or hang in the middle of a message, or
//! take a dead server for an idle one, or bound what waits by its number; and none reads faster when it is behind.
//!
//! The protocol: <https://www.postgresql.org/docs/current/protocol-replication.html> and
//! <https://www.postgresql.org/docs/current/protocol-logical-replication.html>

mod answer;
mod channel;
mod error;
mod frames;
mod login;
mod pulse;
mod pump;
mod reader;
mod session;
mod settings;
mod source;
mod wire;

#[cfg(test)]
mod tests;

pub use error::{ServerError, StreamError};
pub use reader::WalStream;
pub use session::Session;
pub use settings::Reading;
pub use source::{Event, WalSource};
