//! Why a replication session could not be had, or came to its end.

use std::io;
use std::time::Duration;

use pgwire_replication::PgWireError;

/// The session is over, or never was.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Another session reads from the slot: another process of ours, or one that died and whose server process has
    /// not noticed yet.
    #[error("replication slot \"{slot}\" is in use by another session")]
    SlotInUse { slot: String },
    #[error("replication slot \"{slot}\" does not exist")]
    SlotMissing { slot: String },
    /// The server looks for the publication as of the WAL it reads, so it must be older than the slot's position.
    #[error("publication \"{publication}\" does not exist, or did not at the position of the slot")]
    PublicationMissing { publication: String },
    /// The server said no for another reason. Among them is 55000 for a slot that was invalidated, but for other
    /// things as well; `pg_replication_slots` tells which.
    #[error("server: {message}")]
    Server { sqlstate: Option<String>, message: String },
    #[error("connection failed")]
    Connection(#[source] io::Error),
    #[error("no replication session within {after:?}")]
    ConnectTimeout { after: Duration },
    #[error("tls: {0}")]
    Tls(String),
    #[error("authentication: {0}")]
    Authentication(String),
    /// The peer does not speak the protocol as we know it.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The peer, which is asked to speak up regularly, did not: a cut cable, a frozen host.
    #[error("nothing heard from the server for {0:?}")]
    Silent(Duration),
    #[error("the stream has ended")]
    Ended,
    #[error("invalid setting: {0}")]
    Setting(&'static str),
}

/// What a session was opened on, to name in errors.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) slot: String,
    pub(super) publication: String,
}

impl StreamError {
    pub(super) fn of(error: PgWireError, subject: &Subject) -> Self {
        match error {
            PgWireError::Server(text) => Self::server(&text, subject),
            PgWireError::Io(error) => Self::Connection(io::Error::new(error.kind(), error)),
            PgWireError::Tls(text) => Self::Tls(text),
            PgWireError::Auth(text) => Self::Authentication(text),
            // "already joined": the real cause went down with a cancelled wait for it. Opening again will tell.
            PgWireError::Internal(_) => Self::Ended,
            other => Self::Protocol(other.to_string()),
        }
    }

    /// `text` is all that the client keeps of an error response: the primary message and a suffix with the SQLSTATE.
    fn server(text: &str, subject: &Subject) -> Self {
        let (message, sqlstate) = match text.strip_suffix(')').and_then(|text| text.rsplit_once(" (SQLSTATE ")) {
            Some((message, sqlstate)) => (message, Some(sqlstate)),
            None => (text, None),
        };
        let Subject { slot, publication } = subject;
        match sqlstate {
            Some("55006") => Self::SlotInUse { slot: slot.clone() },
            // Also said of publications, and of parameters in `options`; the message is in the server's language, so
            // only the name in it tells.
            Some("42704") if names(message, slot) => Self::SlotMissing { slot: slot.clone() },
            Some("42704") if names(message, publication) => Self::PublicationMissing {
                publication: publication.clone(),
            },
            _ => Self::Server {
                sqlstate: sqlstate.map(str::to_owned),
                message: message.to_owned(),
            },
        }
    }
}

/// Whether `name` stands in `message` in quotes, or whatever the language takes for quotes.
fn names(message: &str, name: &str) -> bool {
    let bounds = |c: Option<char>| c.is_some_and(|c| !c.is_alphanumeric() && !c.is_whitespace() && c != '_');
    message.match_indices(name).any(|(at, _)| {
        let (before, rest) = message.split_at(at);
        bounds(before.chars().next_back()) && bounds(rest.chars().nth(name.chars().count()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> StreamError {
        let subject = Subject {
            slot: "s".to_owned(),
            publication: "Größen".to_owned(),
        };
        StreamError::of(PgWireError::Server(text.to_owned()), &subject)
    }

    #[test]
    fn a_slot_in_use_is_told_from_a_missing_one() {
        let in_use = said("replication slot \"s\" is active for PID 4711 (SQLSTATE 55006)");
        assert!(matches!(in_use, StreamError::SlotInUse { slot } if slot == "s"));
        let missing = said("replication slot \"s\" does not exist (SQLSTATE 42704)");
        assert!(matches!(missing, StreamError::SlotMissing { slot } if slot == "s"));
    }

    #[test]
    fn what_is_missing_is_told_by_its_name_in_any_language() {
        let publication = said("Publikation »Größen« existiert nicht (SQLSTATE 42704)");
        assert!(matches!(publication, StreamError::PublicationMissing { publication } if publication == "Größen"));
        let slot = said("le slot de réplication « s » n'existe pas (SQLSTATE 42704)");
        assert!(matches!(
            slot,
            StreamError::Server { .. } | StreamError::SlotMissing { .. }
        ));
        let parameter = said("unrecognized configuration parameter \"walsenders\" (SQLSTATE 42704)");
        assert!(matches!(parameter, StreamError::Server { sqlstate: Some(code), .. } if code == "42704"));
    }

    #[test]
    fn other_errors_keep_their_words_and_their_code() {
        let denied = said("permission denied (really) (SQLSTATE 42501)");
        let StreamError::Server { sqlstate, message } = denied else {
            panic!("{denied:?}")
        };
        assert_eq!(
            (sqlstate.as_deref(), message.as_str()),
            (Some("42501"), "permission denied (really)")
        );
        let bare = said("unknown server error");
        assert!(matches!(bare, StreamError::Server { sqlstate: None, .. }));
    }
}
