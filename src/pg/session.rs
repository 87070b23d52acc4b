//! What a session on the server is set to.

use std::time::Duration;

use super::identifier;

/// The settings of a session. A commit is durable on this server before it counts, whatever the server's default, and does
/// not wait for standbys: one that is dead would stop everything, and a failover that loses commits of ours is noticed.
/// Each statement has a snapshot of its own: one that is older than its locks may find a table of the state empty.
///
/// The others are those that change what statements mean or how their values are written, always the same
/// whatever the server, the database or the role say: documents must not depend on them. And those by which the
/// server soon notices that we are gone, even if our machine has no time left to say so.
#[derive(Debug, Clone)]
pub struct Session {
    /// The only schema on the search path, where not the server's own choice.
    pub search_path: Option<String>,
    /// Zero for a session whose statements may take as long as they do.
    pub statement_timeout: Duration,
}

/// How much later than it should a server may say that a statement took too long, before it counts as dead.
const GRACE: Duration = Duration::from_secs(5);

impl Session {
    pub(super) fn options(&self) -> String {
        let mut options = format!(
            "-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=3 -c bytea_output=hex \
             -c synchronous_commit=local -c default_transaction_isolation=read\\ committed -c lock_timeout=10s \
             -c idle_in_transaction_session_timeout=60s -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 \
             -c tcp_keepalives_count=3 -c statement_timeout={}",
            self.statement_timeout.as_millis()
        );
        if let Some(schema) = &self.search_path {
            options.push_str(" -c search_path=");
            // In this parameter a backslash keeps a space from ending the value.
            options.push_str(&identifier(schema).replace('\\', "\\\\").replace(' ', "\\ "));
        }
        options
    }

    /// How long the server may keep quiet while it owes an answer.
    pub(super) fn answer_limit(&self) -> Option<Duration> {
        (!self.statement_timeout.is_zero()).then(|| self.statement_timeout + GRACE)
    }
}
