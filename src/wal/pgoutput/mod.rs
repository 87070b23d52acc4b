//! A decoder for pgoutput, the format in which Postgres sends logical changes.
//!
//! ```text
//! Begin  (Relation | Type | Origin | Insert | Update | Delete | Truncate | Logical)*  Commit
//! ```
//!
//! Protocol version 1: the server spools a transaction and sends it whole, once it is committed, in the order of
//! commits. A Relation message comes before the first row of its table in a session, and again after the table (or
//! what is published of it) changed; rows name their table by oid only. Non-transactional logical messages may stand
//! between transactions.
//!
//! Promise: any bytes at all give a message or a [`DecodeError`], never a panic; nothing is allocated for a row;
//! counts and lengths are not believed before the bytes are there; errors and `Debug` show no row values.
//! Not promised: that a row fits its table. That is for whoever brings the two together.
//!
//! The formats: <https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>

mod cursor;
mod message;
mod tuple;

#[cfg(any(test, fuzzing))]
pub mod encoder;
#[cfg(test)]
mod tests;

pub(super) use cursor::{Cursor, postgres_micros};
pub use cursor::{DecodeError, Problem};
pub use message::{Content, Message, RelationIds};
pub use tuple::{OldKind, OldTuple, Tuple, Value, Values};
