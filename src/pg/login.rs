//! From a [`Dsn`] to a session: hosts and their addresses are tried one after the other, each secured as it is to be,
//! until one takes the login and is the kind of server that is wanted.
//!
//! ```text
//! Dsn ──resolve──▶ hosts ──look up──▶ addresses ──dial──▶ Socket ──attempt──▶ session, and what the server is
//!                    ▲                                       │ refused, dead, of the wrong kind
//!                    └───────────────── the next ◀───────────┘
//! ```
//!
//! What a login is made of is the caller's: the attempt gets a socket and what to say over it. So SQL and the
//! replication stream find the same server in the same way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use secrecy::SecretString;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::conninfo::{ChannelBinding, Host, SessionAttrs, SslMode, Target};
use super::error::{ConnectError, describe};
use super::socket::{Address, Encryption, Socket, Tls, client_config, dial};
use super::{Dsn, Error};

/// What to say to one host.
#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    pub database: String,
    pub password: Option<SecretString>,
    pub application_name: String,
    /// Command-line options for the server, `-c name=value`.
    pub options: Option<String>,
    pub channel_binding: ChannelBinding,
}

/// What a server has said of itself at the login, by parameters of these names; `None` where it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerTraits {
    pub in_hot_standby: Option<bool>,
    pub default_transaction_read_only: Option<bool>,
}

/// Why a login did not come about.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct LoginError {
    /// Where the server has said no.
    pub sqlstate: Option<String>,
    /// One line, for people.
    pub message: String,
}

/// Why an address is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("the server offers no TLS")]
    NoTls,
    #[error("tls: {0}")]
    Tls(String),
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error("{0}")]
    Role(&'static str),
}

/// A host that was tried in vain.
#[derive(Debug, thiserror::Error)]
#[error("{host}: {failure}")]
pub struct HostFailure {
    /// `host:port`.
    pub host: String,
    pub failure: Failure,
}

/// The first session that `attempt` makes with a server that is wanted. Everything outside is asked anew: files, the
/// environment, the name service.
pub async fn log_in<T, F>(dsn: &Dsn, attempt: impl Fn(Socket, Login) -> F + Send + Sync) -> Result<T, ConnectError>
where
    T: Send,
    F: Future<Output = Result<(T, ServerTraits), LoginError>> + Send,
{
    let prepared = Prepared::of(dsn).await?;
    let target = &prepared.target;
    let rounds: &[SessionAttrs] = match target.session_attrs {
        SessionAttrs::PreferStandby => &[SessionAttrs::Standby, SessionAttrs::Any],
        _ => std::slice::from_ref(&target.session_attrs),
    };
    let mut failures = Vec::new();
    for wanted in rounds {
        failures.clear();
        for host in &prepared.hosts() {
            match prepared.try_host(host, *wanted, &attempt).await {
                Ok(session) => return Ok(session),
                Err(failed) => failures.extend(failed.into_iter().map(|failure| HostFailure {
                    host: host.to_string(),
                    failure,
                })),
            }
        }
    }
    Err(ConnectError::Refused {
        user: target.user.clone(),
        database: target.database.clone(),
        failures,
    })
}

/// A [`Dsn`] as of now.
pub(super) struct Prepared {
    target: Target,
    /// Where any host may want TLS.
    tls: Option<Arc<ClientConfig>>,
}

impl Prepared {
    async fn of(dsn: &Dsn) -> Result<Self, ConnectError> {
        let dsn = dsn.clone();
        let read = tokio::task::spawn_blocking(move || Self::read(&dsn)).await;
        read.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }

    /// Reads files.
    pub(super) fn read(dsn: &Dsn) -> Result<Self, ConnectError> {
        let target = dsn.resolve()?;
        let by_tcp = target.hosts.iter().any(|host| host.socket().is_none());
        let tls = if by_tcp && target.tls.mode != SslMode::Disable {
            Some(Arc::new(client_config(&target.tls)?))
        } else {
            None
        };
        Ok(Self { target, tls })
    }

    fn hosts(&self) -> Vec<Host> {
        let mut hosts = self.target.hosts.clone();
        if self.target.shuffle {
            fastrand::shuffle(&mut hosts);
        }
        hosts
    }

    async fn try_host<T, F>(
        &self,
        host: &Host,
        wanted: SessionAttrs,
        attempt: &(impl Fn(Socket, Login) -> F + Send + Sync),
    ) -> Result<T, Vec<Failure>>
    where
        T: Send,
        F: Future<Output = Result<(T, ServerTraits), LoginError>> + Send,
    {
        let addresses = self.addresses(host).await.map_err(|failure| vec![failure])?;
        let mut failures = Vec::new();
        for address in addresses {
            let failure = match self.try_address(host, &address, attempt).await {
                Ok((session, traits)) => match traits.unlike(wanted) {
                    None => return Ok(session),
                    Some(unlike) => Failure::Role(unlike),
                },
                Err(failure) => failure,
            };
            // Its other addresses lead to a server that would say the same.
            let is_last = matches!(failure, Failure::Login(_));
            failures.push(failure);
            if is_last {
                break;
            }
        }
        Err(failures)
    }

    async fn addresses(&self, host: &Host) -> Result<Vec<Address>, Failure> {
        if let Some(socket) = host.socket() {
            return Ok(vec![Address::Unix(socket)]);
        }
        if let Some(address) = host.address {
            return Ok(vec![Address::Tcp((address, host.port).into())]);
        }
        let found = self.within_time(async { Ok(lookup_host((host.name.as_str(), host.port)).await?) });
        let mut addresses: Vec<_> = found.await?.map(Address::Tcp).collect();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
        }
        if self.target.shuffle {
            fastrand::shuffle(&mut addresses);
        }
        Ok(addresses)
    }

    /// In each way in which the connection may be secured, until one is taken. Tells of the first.
    async fn try_address<T, F>(
        &self,
        host: &Host,
        address: &Address,
        attempt: &(impl Fn(Socket, Login) -> F + Send + Sync),
    ) -> Result<(T, ServerTraits), Failure>
    where
        T: Send,
        F: Future<Output = Result<(T, ServerTraits), LoginError>> + Send,
    {
        let mut first = None;
        for encryption in self.encryptions(host, address) {
            let mut encrypted = false;
            // On the heap: a handshake takes much room, and all that connects would be as large.
            let tried = Box::pin(self.within_time(async {
                let socket = dial(address, &self.target.liveness, encryption).await?;
                encrypted = socket.is_encrypted();
                let logged_in = attempt(socket, self.login(host)).await;
                logged_in.map_err(|error| self.explained(host, error).into())
            }));
            match tried.await {
                Ok(session) => return Ok(session),
                Err(failure) => {
                    let otherwise = self.may_do_otherwise(&failure, encrypted);
                    let first = first.get_or_insert(failure);
                    if !otherwise {
                        return Err(std::mem::replace(first, Failure::NoTls));
                    }
                }
            }
        }
        Err(first.unwrap_or(Failure::NoTls))
    }

    fn encryptions(&self, host: &Host, address: &Address) -> Vec<Encryption> {
        let (Some(config), Address::Tcp(_)) = (&self.tls, address) else {
            return vec![Encryption::None];
        };
        let tls = Tls {
            config: config.clone(),
            host: host.name.clone(),
        };
        match self.target.tls.mode {
            SslMode::Disable => vec![Encryption::None],
            SslMode::Allow => vec![Encryption::None, Encryption::Required(tls)],
            SslMode::Prefer => vec![Encryption::Offered(tls), Encryption::None],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull if self.target.tls.direct => {
                vec![Encryption::Direct(tls)]
            }
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => vec![Encryption::Required(tls)],
        }
    }

    /// Whether the same server might be content with TLS, or without.
    fn may_do_otherwise(&self, failure: &Failure, encrypted: bool) -> bool {
        // 28000: there is no line for this connection in its pg_hba.conf. A wrong password has another code, and is
        // not to be sent once more, in clear.
        let not_like_this = matches!(failure, Failure::Login(error) if error.sqlstate.as_deref() == Some("28000"));
        match self.target.tls.mode {
            SslMode::Allow => not_like_this && !encrypted,
            SslMode::Prefer => matches!(failure, Failure::Tls(_)) || (not_like_this && encrypted),
            _ => false,
        }
    }

    fn login(&self, host: &Host) -> Login {
        Login {
            user: self.target.user.clone(),
            database: self.target.database.clone(),
            password: host.password.clone(),
            application_name: self.target.application_name.clone(),
            options: self.target.options.clone(),
            channel_binding: self.target.channel_binding,
        }
    }

    /// A password that is missing may be in a file that was not read.
    fn explained(&self, host: &Host, mut error: LoginError) -> LoginError {
        if let (Some(problem), None) = (&self.target.passfile_problem, &host.password) {
            error.message = format!("{}; {problem}", error.message);
        }
        error
    }

    async fn within_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match self.target.connect_timeout {
            Some(limit) => timeout(limit, work).await.unwrap_or(Err(Failure::Timeout(limit))),
            None => work.await,
        }
    }
}

impl ServerTraits {
    /// By the values of the parameters as the server has sent them: `on` or `off`.
    pub fn of<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Self {
        let is_on = |name: &str| parameter(name).map(|value| value == "on");
        Self {
            in_hot_standby: is_on("in_hot_standby"),
            default_transaction_read_only: is_on("default_transaction_read_only"),
        }
    }

    /// Why the server is not what is wanted.
    fn unlike(self, wanted: SessionAttrs) -> Option<&'static str> {
        let read_only = match (self.in_hot_standby, self.default_transaction_read_only) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
        match wanted {
            SessionAttrs::Any | SessionAttrs::PreferStandby => None,
            SessionAttrs::Primary => unless(self.in_hot_standby, false, "the server is a standby"),
            SessionAttrs::Standby => unless(self.in_hot_standby, true, "the server is not a standby"),
            SessionAttrs::ReadWrite => unless(read_only, false, "sessions are read-only"),
            SessionAttrs::ReadOnly => unless(read_only, true, "sessions are not read-only"),
        }
    }
}

fn unless(found: Option<bool>, wanted: bool, otherwise: &'static str) -> Option<&'static str> {
    match found {
        Some(found) if found == wanted => None,
        Some(_) => Some(otherwise),
        None => Some("the server does not say whether it is a standby, as those from version 14 on do"),
    }
}

impl From<Error> for LoginError {
    fn from(error: Error) -> Self {
        Self {
            sqlstate: error.code().map(|code| code.code().to_owned()),
            message: describe(&error),
        }
    }
}

#[cfg(test)]
mod tests;
