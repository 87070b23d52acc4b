//! Why a replication session could not be had, or came to its end.

use std::fmt;
use std::io;
use std::time::Duration;

use super::super::pgoutput::DecodeError;
use crate::pg::{self, LoginError};

/// The session is over, or never was.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Another session reads from the slot: another process of ours, or one that died and whose server process has
    /// not noticed yet.
    #[error("replication slot \"{slot}\" is in use by another session")]
    SlotInUse { slot: String },
    #[error("replication slot \"{slot}\" does not exist")]
    SlotMissing { slot: String },
    /// It was invalidated, or belongs to another database, or is kept for a failover; `pg_replication_slots` tells.
    #[error("replication slot \"{slot}\" cannot be read: {said}")]
    SlotUnusable { slot: String, said: Box<ServerError> },
    /// The server looks for the publication as of the WAL it reads, so it must be older than the slot's position.
    #[error("publication \"{publication}\" does not exist, or did not at the position of the slot")]
    PublicationMissing { publication: String },
    /// The server said no for another reason.
    #[error("server: {0}")]
    Server(ServerError),
    #[error(transparent)]
    Connect(#[from] pg::ConnectError),
    #[error("connection failed")]
    Connection(#[source] io::Error),
    #[error("no replication session within {after:?}")]
    ConnectTimeout { after: Duration },
    #[error("authentication: {0}")]
    Authentication(String),
    /// The peer does not speak the protocol as we know it.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The peer was asked for a sign of life and gave none: a cut cable, a frozen host.
    #[error("nothing heard from the server for {0:?}")]
    Silent(Duration),
    /// The server has ended the stream unasked, as one that shuts down does.
    #[error("the server has ended the stream")]
    Dismissed,
    #[error("the stream has ended")]
    Ended,
    #[error("invalid setting: {0}")]
    Setting(&'static str),
}

/// The function of the server that warns, from version 18 on, where a publication is missing, and then leaves its changes
/// out; see `pgoutput.c`. Before that it was an error.
const PUBLICATION_LOADER: &str = "LoadPublications";

/// An error or a notice as the server words it, in its own language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    /// Five letters and digits, see <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    pub sqlstate: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// The function of the server that says so.
    pub routine: Option<String>,
}

impl ServerError {
    /// Whether, said as a warning, it means that the stream goes on without some of the changes.
    pub(super) fn leaves_out_changes(&self) -> bool {
        self.routine.as_deref() == Some(PUBLICATION_LOADER)
    }

    /// A row filter may trip over a value, and the server repeats it then.
    pub(super) fn withhold_values(&mut self) {
        if self.sqlstate.starts_with("22") || self.sqlstate.starts_with("23") {
            "the server could not make sense of a value".clone_into(&mut self.message);
            self.detail = None;
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)?;
        for more in [&self.detail, &self.hint].into_iter().flatten() {
            write!(f, ": {more}")?;
        }
        Ok(())
    }
}

/// What a session reads, to name in errors.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) slot: String,
    pub(super) publication: String,
}

impl Subject {
    /// What the server's refusal means to whoever reads this.
    pub(super) fn explain(&self, said: ServerError) -> StreamError {
        let (slot, publication) = (self.slot.clone(), self.publication.clone());
        match said.sqlstate.as_str() {
            _ if said.leaves_out_changes() => StreamError::PublicationMissing { publication },
            "55006" => StreamError::SlotInUse { slot },
            // Also said of parameters in `options`. The message is in the server's language, so only the name in it tells.
            "42704" if names(&said.message, &slot) => StreamError::SlotMissing { slot },
            "42704" if names(&said.message, &publication) => StreamError::PublicationMissing { publication },
            // Also said where `wal_level` is too low.
            "55000" if names(&said.message, &slot) => StreamError::SlotUnusable {
                slot,
                said: Box::new(said),
            },
            _ => StreamError::Server(said),
        }
    }
}

/// The other side has closed the connection without a word.
pub(super) fn hung_up() -> StreamError {
    let said = "the server has closed the connection";
    StreamError::Connection(io::Error::new(io::ErrorKind::UnexpectedEof, said))
}

impl From<DecodeError> for StreamError {
    fn from(error: DecodeError) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl From<StreamError> for LoginError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Server(said) => Self {
                message: said.to_string(),
                sqlstate: Some(said.sqlstate),
            },
            StreamError::Connection(source) => Self {
                sqlstate: None,
                message: format!("connection failed: {source}"),
            },
            other => Self {
                sqlstate: None,
                message: other.to_string(),
            },
        }
    }
}

/// Whether `name` stands in `message` in quotes, or whatever the language takes for quotes.
fn names(message: &str, name: &str) -> bool {
    let is_quote = |c: Option<char>| c.is_some_and(|c| !c.is_alphanumeric() && c != '_');
    message.match_indices(name).any(|(at, _)| {
        let (before, rest) = message.split_at(at);
        let after = rest.strip_prefix(name).unwrap_or_default();
        is_quote(before.trim_end().chars().next_back()) && is_quote(after.trim_start().chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sqlstate: &str, message: &str) -> StreamError {
        let subject = Subject {
            slot: "walsift".to_owned(),
            publication: "Größen".to_owned(),
        };
        subject.explain(ServerError {
            sqlstate: sqlstate.to_owned(),
            message: message.to_owned(),
            ..ServerError::default()
        })
    }

    #[test]
    fn what_is_wrong_with_a_slot_is_told_apart() {
        let in_use = said("55006", "replication slot \"walsift\" is active for PID 4711");
        assert!(matches!(in_use, StreamError::SlotInUse { slot } if slot == "walsift"));
        let missing = said("42704", "replication slot \"walsift\" does not exist");
        assert!(matches!(missing, StreamError::SlotMissing { slot } if slot == "walsift"));
        for words in [
            "can no longer get changes from replication slot \"walsift\"",
            "can no longer access replication slot \"walsift\"",
            "cannot read from logical replication slot \"walsift\"",
        ] {
            assert!(
                matches!(said("55000", words), StreamError::SlotUnusable { .. }),
                "{words}"
            );
        }
        let too_low = said("55000", "logical decoding requires wal_level >= logical");
        assert!(matches!(too_low, StreamError::Server(_)));
    }

    #[test]
    fn what_is_missing_is_told_by_its_name_in_any_language() {
        let publication = said("42704", "Publikation »Größen« existiert nicht");
        assert!(matches!(publication, StreamError::PublicationMissing { publication } if publication == "Größen"));
        let slot = said("42704", "le slot de réplication « walsift » n'existe pas");
        assert!(matches!(slot, StreamError::SlotMissing { .. }), "{slot:?}");
        let parameter = said("42704", "unrecognized configuration parameter \"walsifted\" walsift x");
        assert!(matches!(parameter, StreamError::Server(error) if error.sqlstate == "42704"));
    }

    #[test]
    fn other_errors_keep_their_words_but_no_values() {
        let denied = said("42501", "permission denied (really)");
        assert_eq!(
            denied.to_string(),
            "server: permission denied (really) (SQLSTATE 42501)"
        );
        let mut value = ServerError {
            sqlstate: "22P02".to_owned(),
            message: "invalid input syntax for type integer: \"secret\"".to_owned(),
            ..ServerError::default()
        };
        value.withhold_values();
        assert!(!value.to_string().contains("secret"));
    }
}
