//! What names a database: not yet its address and password, but where they are told.
//!
//! Whoever connects again and again keeps one of these and resolves it each time, so that a password that has been
//! replaced in its file is used from the next connection on.

use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use super::conninfo::{self, InvalidDsn, Target};
use crate::config::{Connection, Secret};

/// Its `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct Dsn(Connection);

impl Dsn {
    pub fn new(connection: &Connection) -> Self {
        Self(connection.clone())
    }

    /// As of now: all files and the environment are read.
    pub fn resolve(&self) -> Result<Target, InvalidDsn> {
        let mut given = Vec::new();
        if let Some(url) = &self.0.url {
            given.extend(conninfo::parse(read(url)?.expose_secret())?);
        }
        for (name, value) in &self.0.parameters {
            given.push(((*name).to_owned(), read(value)?.expose_secret().to_owned()));
        }
        conninfo::resolve(given, &|name| std::env::var(name).ok())
    }
}

/// A connection string that no file has; it must be resolvable at once.
impl FromStr for Dsn {
    type Err = InvalidDsn;

    fn from_str(text: &str) -> Result<Self, InvalidDsn> {
        let dsn = Self(Connection::of_url(text.into()));
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
