//! How a database is named in the file.

use std::path::{Path, PathBuf};
use std::{fs, io};

use secrecy::{ExposeSecret, SecretString};

use super::Place;

/// A connection string, or single parameters; what neither says, the environment may.
#[derive(Debug, Clone)]
pub struct Connection {
    /// A libpq connection string, as a URL or as keywords.
    pub url: Option<Secret>,
    /// By libpq's names, each once.
    pub parameters: Vec<(&'static str, Secret)>,
    pub place: Place,
}

impl Connection {
    /// As one connection string, with the values as they were when the configuration was read.
    pub fn text(&self) -> SecretString {
        match &self.url {
            Some(url) => url.text.clone(),
            None => self.composed().into(),
        }
    }

    /// `host='db' user='app'`: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>
    fn composed(&self) -> String {
        let pair = |(name, value): &(&str, Secret)| {
            let value = value.text.expose_secret().replace('\\', "\\\\").replace('\'', "\\'");
            format!("{name}='{value}'")
        };
        let pairs: Vec<_> = self.parameters.iter().map(pair).collect();
        pairs.join(" ")
    }

    /// One that stands in no file.
    pub fn of_url(url: SecretString) -> Self {
        Self {
            url: Some(url.into()),
            parameters: Vec::new(),
            place: Place::absent("url"),
        }
    }
}

/// A value that is not to be shown. One that has a file of its own can be read again, as the file may change.
#[derive(Debug, Clone)]
pub struct Secret {
    /// As it was when the configuration was read.
    pub text: SecretString,
    file: Option<PathBuf>,
}

impl Secret {
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// As it is now.
    pub fn read(&self) -> io::Result<SecretString> {
        match &self.file {
            Some(file) => read(file).map(SecretString::from),
            None => Ok(self.text.clone()),
        }
    }

    pub(crate) fn of_file(text: String, file: PathBuf) -> Self {
        Self {
            text: text.into(),
            file: Some(file),
        }
    }
}

impl From<SecretString> for Secret {
    fn from(text: SecretString) -> Self {
        Self { text, file: None }
    }
}

/// What a file holds, less one newline at its end.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = fs::read_to_string(path)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
