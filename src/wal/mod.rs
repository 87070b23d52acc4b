//! The write-ahead log: replication stream, pgoutput, relations, slot, publication. Does not know what a subject is.

mod lsn;
mod pgoutput;
mod relation;
mod stream;

pub use lsn::{InvalidLsn, Lsn};
pub use pgoutput::{Content, DecodeError, Message, OldKind, OldTuple, Problem, RelationIds, Tuple, Value, Values};
pub use relation::{Column, Relation, Relations, ReplicaIdentity, UnknownRelation};
pub use stream::{Event, PgWireStream, StreamError, StreamSettings, TlsMode, TlsSettings, WalSource};
