//! What libpq calls connection information: everything it takes to reach a server, in each of the ways it can be told.
//!
//! ```text
//! a URL, or keywords ──▶ given ┐
//! a service file ──────────────┼──▶ Settings ──▶ Target ◀── password file, ~/.postgresql
//! PGHOST and its like ─────────┘   (the first says)
//! ```
//!
//! Promise: what is accepted means what it means to libpq, with its order of precedence; what cannot be honoured is
//! refused by its name. No error repeats a value, which may be a secret.
//! See <https://www.postgresql.org/docs/current/libpq-connect.html>.

mod invalid;
mod keywords;
mod pairs;
mod passfile;
mod service;
mod settings;
mod target;
mod tls;
mod url;

#[cfg(test)]
mod tests;

pub use invalid::InvalidDsn;
pub use target::{ChannelBinding, Host, Liveness, SessionAttrs, Target};
pub use tls::{RootCert, SslMode, TlsSettings};

/// Yields one variable of the environment.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Name and value, in the order in which they were given; the last of a name counts.
pub(super) type Pairs = Vec<(String, String)>;

/// Takes a connection string apart.
pub(super) fn parse(text: &str) -> Result<Pairs, InvalidDsn> {
    match text
        .strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))
    {
        Some(rest) => url::parse(rest),
        None => pairs::parse(text),
    }
}

/// All that is given, with what the environment and the files that it names have to add.
/// `of_several` is what is wanted of several hosts unless it is told.
pub(super) fn resolve(given: Pairs, variables: Variables<'_>, of_several: SessionAttrs) -> Result<Target, InvalidDsn> {
    target::target(&settings::Settings::gather(given, variables)?, variables, of_several)
}
