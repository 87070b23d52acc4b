//! What the rest of the program knows of a replication session.

use std::fmt;
use std::future::Future;
use std::time::SystemTime;

use bytes::Bytes;

use super::super::Lsn;
use super::StreamError;

/// One thing that happened in the stream.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    Begin {
        xid: u32,
        /// Where the commit record stands.
        final_lsn: Lsn,
        commit_time: SystemTime,
    },
    /// One pgoutput message as the server sent it, for [`Message::decode`](super::super::Message::decode): neither a
    /// begin, a commit nor a logical message. A part of what one read has brought, and keeps all of that in memory.
    Data(Bytes),
    Commit {
        /// Right behind the commit record; what to confirm once the transaction is durable elsewhere.
        end_lsn: Lsn,
        commit_time: SystemTime,
    },
    /// From `pg_logical_emit_message`. A transactional one stands between begin and commit; any other may come at
    /// any time, and its LSN says nothing about what may be confirmed.
    Message {
        transactional: bool,
        lsn: Lsn,
        prefix: String,
        content: Bytes,
    },
    /// The server has read the WAL up to here. Outside of a transaction, with all before it durable, this position
    /// may be confirmed; and it should be, or WAL piles up while only tables that are not published change.
    KeepAlive { wal_end: Lsn },
}

/// A replication session that has been opened.
pub trait WalSource: Send {
    /// The next event. Cancel-safe: an event is either returned or still there. After an error every further call
    /// gives [`StreamError::Ended`].
    fn next(&mut self) -> impl Future<Output = Result<Event, StreamError>> + Send;

    /// The next event, if it is there already.
    fn try_next(&mut self) -> Option<Result<Event, StreamError>>;

    /// Lets the server forget everything before `lsn`, and soon tells it so. A position before one confirmed earlier
    /// changes nothing.
    fn confirm(&mut self, lsn: Lsn);

    /// Ends the session within seconds, after an attempt to tell the server the last confirmed position. Events not
    /// read yet are dropped; the server sends them again.
    fn close(self) -> impl Future<Output = ()> + Send;
}

// By hand because what is printed ends in logs, and row values must not.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { xid, final_lsn, .. } => write!(f, "Begin(xid {xid}, {final_lsn})"),
            Self::Data(bytes) => write!(f, "Data({} bytes)", bytes.len()),
            Self::Commit { end_lsn, .. } => write!(f, "Commit({end_lsn})"),
            Self::Message {
                lsn, prefix, content, ..
            } => {
                write!(f, "Message({prefix:?}, {lsn}, {} bytes)", content.len())
            }
            Self::KeepAlive { wal_end } => write!(f, "KeepAlive({wal_end})"),
        }
    }
}
