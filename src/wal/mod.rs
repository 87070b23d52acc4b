//! The write-ahead log: replication stream, pgoutput, relations, slot, publication. Does not know what a subject is.
//!
//! ```text
//! PgWireStream ─▶ Event::Data ─▶ Message ─▶ Relations
//! ```
//!
//! Promise: what the server sent, in its order, as typed values borrowed from its bytes; and nothing confirmed to it
//! that the caller did not confirm. No value of a row appears in an error or in `Debug`.

mod lsn;
mod mend;
mod pgoutput;
mod publication;
mod relation;
mod server;
mod slot;
mod stream;
mod withdrawal;

#[cfg(any(test, fuzzing))]
pub use pgoutput::encoder;

pub use lsn::{InvalidLsn, Lsn};
pub use mend::publication_fixes;
pub use pgoutput::{Content, DecodeError, Message, OldKind, OldTuple, Problem, RelationIds, Tuple, Value, Values};
pub use publication::{Amendment, Exposure, Publication, Published, amendment, read_publication, server_version};
pub use relation::{Column, Relation, Relations, ReplicaIdentity, UnknownRelation};
pub use server::{inspect, inspect_tables};
pub use slot::{Slot, create_slot, drop_slot, read_slot, system_identifier};
pub use stream::{Event, PgWireStream, StreamError, StreamSettings, TlsMode, TlsSettings, WalSource};
pub use withdrawal::withdraw_unidentified;
