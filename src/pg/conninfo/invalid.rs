//! What can be wrong with connection information.

use std::io;
use std::path::PathBuf;

/// The connection information cannot be used. Says why without repeating a value: it may be a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDsn {
    #[error("not a valid connection string: {0}")]
    Malformed(&'static str),
    #[error("unknown connection parameter{}", named(.0))]
    Unknown(String),
    #[error("the connection parameter `{name}` {reason}")]
    Unsupported { name: String, reason: String },
    #[error("the value of the connection parameter `{name}` is not valid: wanted is {wanted}")]
    Value { name: &'static str, wanted: String },
    #[error("there are {hosts} hosts, but `{name}` has {values} values")]
    Count {
        name: &'static str,
        hosts: usize,
        values: usize,
    },
    /// Two parameters that do not go together.
    #[error("{0}")]
    Conflict(&'static str),
    #[error("no user is named, and this process's user has no name")]
    NoUser,
    #[error("can't read {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("no service of this name in {files}")]
    NoService { files: String },
    #[error("{}, line {line}: {reason}", path.display())]
    ServiceFile { path: PathBuf, line: usize, reason: String },
    #[error("the private key {} must be readable by its owner alone (0600)", .0.display())]
    KeyPermissions(PathBuf),
}

impl InvalidDsn {
    pub(super) fn value(name: &'static str, wanted: &str) -> Self {
        Self::Value {
            name,
            wanted: wanted.to_owned(),
        }
    }
}

/// What was taken for a name may be the rest of a password with a blank in it.
fn named(name: &str) -> String {
    let is_name = name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_name { format!(" `{name}`") } else { String::new() }
}
