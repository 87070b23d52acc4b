//! What to read, and in what rhythm.

use std::time::Duration;

use super::super::Lsn;
use super::StreamError;
use super::error::Subject;
use crate::pg::Login;

/// What a stream shows, and from where.
#[derive(Debug, Clone)]
pub struct Reading {
    /// `[a-z0-9_]{1,63}`.
    pub slot: String,
    /// The name as it is, unquoted.
    pub publication: String,
    /// Everything before it is durable with us: it is read from, and confirmed at once.
    pub start: Lsn,
    /// Ceiling for what waits to be taken. A message that is larger still passes, alone.
    pub buffer_bytes: usize,
    /// How many times as long as usual the server may stay silent; 1 or more. It answers nobody while it is busy with
    /// some kinds of transactions, and starts them all over if it is left for that.
    pub patience: u32,
}

/// How often who says something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// Longest a confirmed position is kept from the server; meanwhile further ones join it.
    pub(super) confirm: Duration,
    /// How often the server is asked for a sign of life, and given one.
    pub(super) ask: Duration,
    /// How long it may stay silent.
    pub(super) silence_max: Duration,
    /// How long it bears with a silence of ours.
    pub(super) server_timeout: Duration,
    /// How long what comes may gather between two reads while the stream is behind: every message that finds the reader
    /// waiting costs both sides a wake-up.
    pub(super) gather: Duration,
    /// Longest wait, at the end, for the server to let the slot go.
    pub(super) leave: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            confirm: Duration::from_millis(200),
            ask: Duration::from_secs(10),
            silence_max: Duration::from_secs(25),
            server_timeout: Duration::from_secs(30),
            gather: Duration::from_millis(1),
            leave: Duration::from_secs(1),
        }
    }
}

impl Rhythm {
    /// For a Unix socket: it holds a few hundred messages at most, however small, and while it is full the server has to
    /// wait for its reader.
    pub(super) fn without_gathering(self) -> Self {
        let gather = Duration::ZERO;
        Self { gather, ..self }
    }

    pub(super) fn with_patience(self, times: u32) -> Self {
        let silence_max = self.silence_max * times.max(1);
        Self { silence_max, ..self }
    }

    /// The text forms of values must not depend on what a role or a database has set, nor may warnings be kept from us, or the
    /// session end while it waits for a slot to be made. The last of a name wins.
    pub(super) fn session_options(&self, login: &Login) -> String {
        format!(
            "{} -c wal_sender_timeout={}ms -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=3 \
             -c timezone=UTC -c bytea_output=hex -c idle_session_timeout=0 -c client_min_messages=warning",
            login.options.as_deref().unwrap_or_default(),
            self.server_timeout.as_millis(),
        )
    }
}

impl Reading {
    /// `START_REPLICATION` for this.
    pub(super) fn command(&self) -> Result<String, StreamError> {
        let Self {
            slot,
            publication,
            start,
            ..
        } = self;
        let slot_bytes = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !(1..=63).contains(&slot.len()) || !slot.bytes().all(slot_bytes) {
            return Err(StreamError::Setting("a slot name has 1 to 63 of a-z, 0-9 and _"));
        }
        if publication.is_empty() || publication.contains('\0') {
            let wanted = "a publication name is not empty and has no zero byte";
            return Err(StreamError::Setting(wanted));
        }
        // A list of identifiers inside of a string.
        let publications = format!("\"{}\"", publication.replace('"', "\"\"")).replace('\'', "''");
        Ok(format!(
            "START_REPLICATION SLOT {slot} LOGICAL {start} \
             (proto_version '1', publication_names '{publications}', messages 'true')"
        ))
    }

    pub(super) fn subject(&self) -> Subject {
        Subject {
            slot: self.slot.clone(),
            publication: self.publication.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::ChannelBinding;

    fn reading(slot: &str, publication: &str) -> Reading {
        Reading {
            slot: slot.to_owned(),
            publication: publication.to_owned(),
            start: Lsn(0x16_B374_D848),
            buffer_bytes: 1000,
            patience: 1,
        }
    }

    #[test]
    fn a_publication_is_quoted_as_an_identifier_in_a_string() {
        assert_eq!(
            reading("walsift", "Walsift's \"1\"").command().unwrap(),
            "START_REPLICATION SLOT walsift LOGICAL 16/B374D848 (proto_version '1', publication_names \
             '\"Walsift''s \"\"1\"\"\"', messages 'true')"
        );
    }

    #[test]
    fn names_that_would_change_the_command_are_refused() {
        for slot in ["", "Upper", "a b", "a;drop", "ä", &"x".repeat(64)] {
            assert!(reading(slot, "walsift").command().is_err(), "{slot}");
        }
        assert!(reading("walsift", "a\0b").command().is_err());
        assert!(reading("walsift", "").command().is_err());
    }

    #[test]
    fn what_values_depend_on_comes_last_and_the_password_is_not_shown() {
        let login = Login {
            user: "reader".to_owned(),
            password: Some("hunter2".into()),
            database: "shop".to_owned(),
            application_name: "walsift".to_owned(),
            options: Some("-c datestyle=German".to_owned()),
            channel_binding: ChannelBinding::default(),
        };
        let options = Rhythm::default().session_options(&login);
        assert!(options.starts_with("-c datestyle=German -c wal_sender_timeout=30000ms -c datestyle=ISO "));
        assert!(!format!("{login:?}").contains("hunter2"));
    }

    #[test]
    fn the_server_is_asked_in_time_to_answer() {
        let rhythm = Rhythm::default();
        assert!(rhythm.ask * 2 < rhythm.silence_max && rhythm.ask * 2 < rhythm.server_timeout);
        assert!(rhythm.silence_max < Duration::from_secs(30) && rhythm.confirm < Duration::from_millis(250));
    }
}
