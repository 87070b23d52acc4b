//! What names a database: not yet its address and password, but where they are told.
//!
//! Whoever connects again and again keeps one of these and resolves it each time, so that a password that has been
//! replaced in its file is used from the next connection on.

use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use super::conninfo::{self, InvalidDsn, SessionAttrs, Target};
use crate::config::{Connection, Secret};

/// Its `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct Dsn {
    connection: Connection,
    /// Which of several hosts is wanted, where `target_session_attrs` does not say.
    of_several: SessionAttrs,
}

impl Dsn {
    /// For those who write, or read from a slot: of several hosts the primary is wanted.
    pub fn new(connection: &Connection) -> Self {
        Self {
            connection: connection.clone(),
            of_several: SessionAttrs::Primary,
        }
    }

    /// For those who read rows: of several hosts a standby is wanted.
    pub fn of_replica(connection: &Connection) -> Self {
        Self {
            connection: connection.clone(),
            of_several: SessionAttrs::Standby,
        }
    }

    /// As of now: all files and the environment are read.
    pub fn resolve(&self) -> Result<Target, InvalidDsn> {
        let mut given = Vec::new();
        if let Some(url) = &self.connection.url {
            given.extend(conninfo::parse(read(url)?.expose_secret())?);
        }
        for (name, value) in &self.connection.parameters {
            given.push(((*name).to_owned(), read(value)?.expose_secret().to_owned()));
        }
        conninfo::resolve(given, &|name| std::env::var(name).ok(), self.of_several)
    }
}

/// A connection string that no file has; it must be resolvable at once.
impl FromStr for Dsn {
    type Err = InvalidDsn;

    fn from_str(text: &str) -> Result<Self, InvalidDsn> {
        let dsn = Self::new(&Connection::of_url(text.into()));
        dsn.resolve()?;
        Ok(dsn)
    }
}

fn read(secret: &Secret) -> Result<SecretString, InvalidDsn> {
    secret.read().map_err(|source| InvalidDsn::File {
        path: secret.file().map(Into::into).unwrap_or_default(),
        source,
    })
}
