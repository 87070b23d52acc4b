//! What an error from Postgres means for the caller.

use tokio_postgres::error::SqlState;

pub use tokio_postgres::Error;

use super::conninfo::InvalidDsn;
use super::login::{Failure, HostFailure};
use super::socket::TlsError;

/// A connection could not be made or taken from its pool.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Invalid(#[from] InvalidDsn),
    #[error("cannot set up tls: {0}")]
    Tls(#[from] TlsError),
    /// By every host, each with its reason.
    #[error("cannot connect as {user} to the database {database}: {}", listed(.failures))]
    Refused {
        user: String,
        database: String,
        failures: Vec<HostFailure>,
    },
    /// All connections of a pool were in use.
    #[error("no connection within the time limit")]
    Timeout,
}

impl ConnectError {
    /// What the last server that has answered said to the login.
    pub fn sqlstate(&self) -> Option<&str> {
        let Self::Refused { failures, .. } = self else {
            return None;
        };
        failures.iter().rev().find_map(|failed| match &failed.failure {
            Failure::Login(error) => error.sqlstate.as_deref(),
            _ => None,
        })
    }
}

fn listed(failures: &[HostFailure]) -> String {
    let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
    failures.join("; ")
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The connection is gone or the server is not itself: connect again, then try again.
    Connection,
    /// Nothing is wrong with the statement: try again (a deadlock, a lock not given, a server out of some resource).
    Transient,
    /// This statement will not work as long as the schema, the privileges or the configuration are what they are.
    Statement,
    /// These values do not work with this statement; others may.
    Data,
}

/// Sorts an error by its SQLSTATE, see <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub fn disposition(error: &Error) -> Disposition {
    match error.code() {
        Some(code) => disposition_of(code),
        None => Disposition::Connection,
    }
}

fn disposition_of(code: &SqlState) -> Disposition {
    if *code == SqlState::QUERY_CANCELED {
        // A statement time-out: fewer rows at a time may get through.
        return Disposition::Data;
    }
    match code.code().get(..2).unwrap_or_default() {
        "08" | "57" | "58" | "XX" => Disposition::Connection,
        "25" | "40" | "53" | "55" => Disposition::Transient,
        "0A" | "26" | "28" | "34" | "3D" | "3F" | "42" => Disposition::Statement,
        _ => Disposition::Data,
    }
}

/// One line for people: what the server said, with its detail and hint, or what the driver said, with its cause.
pub fn describe(error: &Error) -> String {
    let Some(db) = error.as_db_error() else {
        let cause = std::error::Error::source(error);
        return cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    };
    let mut text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
    if let Some(hint) = db.hint() {
        text.push_str(": ");
        text.push_str(hint);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_error_has_its_disposition() {
        for (code, expected) in [
            ("08006", Disposition::Connection),
            ("57P01", Disposition::Connection),
            ("57P03", Disposition::Connection),
            ("57014", Disposition::Data),
            ("40P01", Disposition::Transient),
            ("40001", Disposition::Transient),
            ("53300", Disposition::Transient),
            ("55P03", Disposition::Transient),
            ("42703", Disposition::Statement),
            ("42501", Disposition::Statement),
            ("22012", Disposition::Data),
            ("21000", Disposition::Data),
        ] {
            assert_eq!(disposition_of(&SqlState::from_code(code)), expected, "{code}");
        }
    }
}
