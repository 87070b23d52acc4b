//! The write-ahead log: replication stream, pgoutput, relations, slot, publication. Does not know what a subject is.
//!
//! ```text
//! WalStream ─▶ Event::Data ─▶ Message ─▶ Relations
//! ```
//!
//! Promise: what the server sent, in its order, as typed values borrowed from its bytes; and nothing confirmed to it
//! that the caller did not confirm. No value of a row appears in an error or in `Debug`.

mod identity;
mod lsn;
mod mark;
mod mend;
mod outlook;
mod pgoutput;
mod publication;
mod relation;
mod replica;
mod server;
mod slot;
mod stream;
mod withdrawal;

#[cfg(any(test, fuzzing))]
pub use pgoutput::encoder;

pub use identity::{Fork, Identity, read_identity};
pub use lsn::{InvalidLsn, Lsn};
pub use mark::mark;
pub use mend::publication_fixes;
pub use outlook::{IDLE_STEP_BYTES, Outlook, lag, time_left_since};
pub use pgoutput::{Content, DecodeError, Message, OldKind, OldTuple, Problem, RelationIds, Tuple, Value, Values};
pub use publication::{Amendment, Exposure, Publication, Published, amendment, read_publication};
pub use relation::{Column, Relation, Relations, ReplicaIdentity, UnknownRelation};
pub use replica::{Moment, Sight, moment, sight};
pub use server::{inspect, inspect_schemas, inspect_tables, read_version};
pub use slot::{Slot, Standing, create_slot, drop_slot, knows_failover, read_slot};
pub use stream::{Event, Reading, ServerError, Session, StreamError, WalSource, WalStream};
pub use withdrawal::withdraw_unidentified;
