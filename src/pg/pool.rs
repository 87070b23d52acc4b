//! Connections: one by one, and from a pool.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, PoolError, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::ConnectError;
use super::{Dsn, identifier, tls};

/// A pooled connection; statements prepared with `prepare_cached` stay with it.
pub type Client = deadpool_postgres::Client;

/// How long a caller waits for a connection before it is told that there is none.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The settings of a session. A commit is durable on this server before it counts, whatever the server's default, and does
/// not wait for standbys: one that is dead would stop everything, and a failover that loses commits of ours is noticed.
///
/// The others are those that change what statements mean or how their values are written, always the same
/// whatever the server, the database or the role say: documents must not depend on them.
#[derive(Debug, Clone)]
pub struct Session {
    /// The only schema on the search path, where not the server's own choice.
    pub search_path: Option<String>,
    pub statement_timeout: Duration,
}

impl Session {
    fn options(&self) -> String {
        let mut options = format!(
            "-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=3 -c bytea_output=hex \
             -c synchronous_commit=local -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c statement_timeout={}",
            self.statement_timeout.as_millis()
        );
        if let Some(schema) = &self.search_path {
            options.push_str(" -c search_path=");
            // In this parameter a backslash keeps a space from ending the value.
            options.push_str(&identifier(schema).replace('\\', "\\\\").replace(' ', "\\ "));
        }
        options
    }

    fn configure(&self, dsn: &Dsn) -> Result<(tokio_postgres::Config, MakeRustlsConnect), ConnectError> {
        let mut config = dsn.config.clone();
        let options = match config.get_options() {
            Some(own) => format!("{own} {}", self.options()),
            None => self.options(),
        };
        config.options(options);
        Ok((config, MakeRustlsConnect::new(tls::client_config(&dsn.tls)?)))
    }
}

/// A connection of its own, closed when the client is dropped.
pub async fn connect(dsn: &Dsn, session: &Session) -> Result<tokio_postgres::Client, ConnectError> {
    let (config, tls) = session.configure(dsn)?;
    let connected = config.connect(tls).await;
    let (client, connection) = connected.map_err(|source| ConnectError::Postgres {
        to: dsn.to_string(),
        source,
    })?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = super::describe(&error), "connection to postgres ended");
        }
    });
    Ok(client)
}

/// Connections to one database with one kind of session.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: deadpool_postgres::Pool,
    to: String,
}

impl Pool {
    /// Opens nothing yet.
    pub fn new(dsn: &Dsn, session: &Session, size: usize) -> Result<Self, ConnectError> {
        let (config, tls) = session.configure(dsn)?;
        let manager = Manager::from_config(
            config,
            tls,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let timeouts = Timeouts {
            wait: Some(WAIT_TIMEOUT),
            create: Some(WAIT_TIMEOUT),
            recycle: Some(WAIT_TIMEOUT),
        };
        let builder = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1);
        let inner = builder.build().map_err(|error| ConnectError::Tls(error.to_string()))?;
        Ok(Self {
            inner,
            to: dsn.to_string(),
        })
    }

    /// Prepared statements know the tables as they were when they were prepared.
    pub fn forget_statements(&self) {
        self.inner.manager().statement_caches.clear();
    }

    pub async fn get(&self) -> Result<Client, ConnectError> {
        self.inner.get().await.map_err(|error| match error {
            PoolError::Backend(source) => ConnectError::Postgres {
                to: self.to.clone(),
                source,
            },
            _ => ConnectError::Timeout,
        })
    }
}
