//! Where and how to open a replication session.

use std::path::PathBuf;
use std::time::Duration;

use pgwire_replication::{ReplicationConfig, SslMode, TlsConfig};
use secrecy::{ExposeSecret, SecretString};

use super::super::Lsn;
use super::StreamError;

/// All that a session needs to know.
#[derive(Debug, Clone)]
pub struct StreamSettings {
    /// A name, an address, or the directory of a Unix socket.
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<SecretString>,
    pub database: String,
    pub tls: TlsSettings,
    /// `[a-z0-9_]{1,63}`.
    pub slot: String,
    /// The name as it is, unquoted.
    pub publication: String,
    /// Everything before it is durable with us: it is read from, and confirmed at once.
    pub start: Lsn,
    /// For all from the name look-up to the server's consent to stream.
    pub connect_timeout: Duration,
    pub application_name: String,
    /// More `-c name=value` for the session. What this program depends on cannot be overridden.
    pub options: Option<String>,
    /// Ceiling for the events that wait to be read. One that is larger still passes, alone.
    pub buffer_bytes: usize,
}

#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    pub mode: TlsMode,
    /// PEM; instead of Mozilla's roots.
    pub root_cert: Option<PathBuf>,
    /// PEM; both or neither of certificate and key.
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
}

/// As in libpq's `sslmode`, apart from `verify-ca`: the client in use checks the host name there as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    Disable,
    #[default]
    Prefer,
    /// Encrypted, to whomever: no certificate is checked, not even with a root certificate given.
    Require,
    VerifyFull,
}

/// How often who says something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// The server drops a peer it has not heard for that long, and asks for a sign of life after half of it.
    pub(super) server_timeout: Duration,
    /// Longest a confirmed position is kept from the server, and how often it hears from us while we are slow.
    ///
    /// A raised position wakes the client, which writes a status as soon as the last one is that old. Nothing is
    /// written while there is nothing to say, so a short interval costs an idle server nothing.
    pub(super) status: Duration,
    /// When we speak though nothing arrived. More than half of `server_timeout`: our status counts as a sign of life,
    /// and if it always came first the server would never ask, and its silence would tell nothing. Less than
    /// all of it: if the question is late, we are not dropped.
    pub(super) idle: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            server_timeout: Duration::from_secs(30),
            status: Duration::from_millis(250),
            idle: Duration::from_secs(20),
        }
    }
}

/// Events between the client and us. It counts them, not their bytes, so few.
const CLIENT_EVENTS: usize = 64;

impl StreamSettings {
    pub fn new(host: &str, user: &str, database: &str, slot: &str, publication: &str) -> Self {
        Self {
            host: host.to_owned(),
            port: 5432,
            user: user.to_owned(),
            password: None,
            database: database.to_owned(),
            tls: TlsSettings::default(),
            slot: slot.to_owned(),
            publication: publication.to_owned(),
            start: Lsn::ZERO,
            connect_timeout: Duration::from_secs(10),
            application_name: "walsift".to_owned(),
            options: None,
            buffer_bytes: 8 << 20,
        }
    }

    /// For the client. Its `Debug` shows the password, so it must not outlive the call that takes it.
    pub(super) fn client_config(&self, rhythm: Rhythm) -> Result<ReplicationConfig, StreamError> {
        self.check()?;
        let password = self.password.as_ref().map_or("", |password| password.expose_secret());
        // The client escapes single quotes; what is between them the server reads as a list of identifiers.
        let publication = format!("\"{}\"", self.publication.replace('"', "\"\""));
        let config = ReplicationConfig::new(
            &self.host,
            &self.user,
            password,
            &self.database,
            &self.slot,
            publication,
        )
        .with_port(self.port)
        .with_tls(self.tls_config())
        .with_start_lsn(pgwire_replication::Lsn::from_u64(self.start.0))
        .with_status_interval(rhythm.status)
        .with_wakeup_interval(rhythm.idle)
        .with_buffer_size(CLIENT_EVENTS)
        .with_application_name(&self.application_name)
        .with_options(self.session_options(rhythm));
        Ok(config)
    }

    fn check(&self) -> Result<(), StreamError> {
        let slot_bytes = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !(1..=63).contains(&self.slot.len()) || !self.slot.bytes().all(slot_bytes) {
            // It becomes part of a replication command, which has no way to quote it.
            return Err(StreamError::Setting("a slot name has 1 to 63 of a-z, 0-9 and _"));
        }
        if self.publication.is_empty() || self.publication.contains('\0') {
            return Err(StreamError::Setting(
                "a publication name is not empty and has no zero byte",
            ));
        }
        Ok(())
    }

    /// The text forms of values must not depend on what a role or a database has set. The last of a name wins.
    fn session_options(&self, rhythm: Rhythm) -> String {
        format!(
            "{} -c wal_sender_timeout={}ms -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=3 \
             -c timezone=UTC -c bytea_output=hex",
            self.options.as_deref().unwrap_or_default(),
            rhythm.server_timeout.as_millis(),
        )
    }

    fn tls_config(&self) -> TlsConfig {
        let TlsSettings {
            mode,
            root_cert,
            client_cert,
            client_key,
        } = self.tls.clone();
        TlsConfig {
            mode: match mode {
                // A Unix socket knows no TLS, and libpq does not mind either.
                _ if self.host.starts_with('/') => SslMode::Disable,
                TlsMode::Disable => SslMode::Disable,
                TlsMode::Prefer => SslMode::Prefer,
                TlsMode::Require => SslMode::Require,
                TlsMode::VerifyFull => SslMode::VerifyFull,
            },
            ca_pem_path: root_cert,
            // The client refuses to verify an address unless told its name, though certificates may well hold one.
            sni_hostname: Some(self.host.clone()),
            client_cert_pem_path: client_cert,
            client_key_pem_path: client_key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> StreamSettings {
        StreamSettings::new("db.example", "reader", "shop", "walsift", "Walsift \"1\"")
    }

    #[test]
    fn a_publication_is_quoted_as_an_identifier() {
        let config = settings().client_config(Rhythm::default()).unwrap();
        assert_eq!(config.publication.names(), ["\"Walsift \"\"1\"\"\""]);
    }

    #[test]
    fn names_that_would_change_the_command_are_refused() {
        for slot in ["", "Upper", "a b", "a;drop", "ä", &"x".repeat(64)] {
            let settings = StreamSettings {
                slot: slot.to_owned(),
                ..settings()
            };
            assert!(settings.client_config(Rhythm::default()).is_err(), "{slot}");
        }
        let settings = StreamSettings {
            publication: "a\0b".to_owned(),
            ..settings()
        };
        assert!(settings.client_config(Rhythm::default()).is_err());
    }

    #[test]
    fn the_password_is_not_shown() {
        let settings = StreamSettings {
            password: Some("hunter2".into()),
            ..settings()
        };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn what_values_depend_on_comes_last() {
        let settings = StreamSettings {
            options: Some("-c datestyle=German".to_owned()),
            ..settings()
        };
        let options = settings.client_config(Rhythm::default()).unwrap().options.unwrap();
        assert!(options.starts_with("-c datestyle=German -c wal_sender_timeout=30000ms -c datestyle=ISO "));
    }

    #[test]
    fn the_rhythm_lets_the_server_ask() {
        let Rhythm {
            server_timeout,
            status,
            idle,
        } = Rhythm::default();
        assert!(server_timeout / 2 < idle && idle < server_timeout && status < Duration::from_secs(1));
    }
}
