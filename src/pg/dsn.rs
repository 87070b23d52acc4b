//! A libpq connection string, taken apart.
//!
//! `tokio-postgres` reads most of it; the TLS parameters that it does not know (`sslmode=verify-full`, `sslrootcert`,
//! `sslcert`, `sslkey`) are taken out first, because both the SQL connections and the replication stream need them.
//! See <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::Host;

/// Where to connect, as whom, and how the connection is secured. Its `Debug` shows no password.
#[derive(Clone)]
pub struct Dsn {
    pub config: tokio_postgres::Config,
    pub tls: TlsSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    pub mode: SslMode,
    /// PEM file; the system's roots where absent.
    pub root_cert: Option<PathBuf>,
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    Disable,
    /// TLS if the server offers it.
    #[default]
    Prefer,
    /// TLS, whoever answers.
    Require,
    /// TLS, and a certificate that a trusted root signed.
    VerifyCa,
    /// TLS, and a certificate that a trusted root signed for this host.
    VerifyFull,
}

/// The connection string cannot be used. Says why without repeating it: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDsn {
    #[error("not a valid connection string: {0}")]
    Malformed(String),
    #[error("invalid sslmode {0:?}, one of disable, prefer, require, verify-ca, verify-full is wanted")]
    SslMode(String),
    #[error("no host is named")]
    NoHost,
    #[error("no user is named")]
    NoUser,
}

/// How long a connection attempt may take where the connection string names no `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long sent data may stay unacknowledged before the peer counts as dead.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(20);

/// When an idle connection is probed, and how often after that.
const KEEPALIVE: Duration = Duration::from_secs(10);

impl FromStr for Dsn {
    type Err = InvalidDsn;

    fn from_str(text: &str) -> Result<Self, InvalidDsn> {
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        let (rest, parameters) = if is_url { split_url(text) } else { split_keywords(text)? };
        let mut tls = TlsSettings::default();
        for (name, value) in parameters {
            match name {
                "sslmode" => tls.mode = value.parse()?,
                "sslrootcert" => tls.root_cert = Some(value.into()),
                "sslcert" => tls.client_cert = Some(value.into()),
                _ => tls.client_key = Some(value.into()),
            }
        }
        let mut config: tokio_postgres::Config = rest
            .parse()
            .map_err(|error: tokio_postgres::Error| InvalidDsn::Malformed(chain(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(InvalidDsn::NoHost);
        }
        if config.get_user().is_none() {
            return Err(InvalidDsn::NoUser);
        }
        config.ssl_mode(match tls.mode {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        config
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(2);
        if config.get_application_name().is_none() {
            config.application_name("walsift");
        }
        Ok(Self { config, tls })
    }
}

impl Dsn {
    /// The first host: a name, an address, or the folder of a Unix socket.
    pub fn host(&self) -> String {
        match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(folder)) => folder.to_string_lossy().into_owned(),
            None => String::new(),
        }
    }

    pub fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    pub fn password(&self) -> Option<String> {
        self.config
            .get_password()
            .map(|password| String::from_utf8_lossy(password).into_owned())
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Dsn({}@{}:{}/{})",
            self.user(),
            self.host(),
            self.port(),
            self.database()
        )
    }
}

/// As people write it in a log line: `user@host:port/database`.
impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}/{}", self.user(), self.host(), self.port(), self.database())
    }
}

impl FromStr for SslMode {
    type Err = InvalidDsn;

    fn from_str(text: &str) -> Result<Self, InvalidDsn> {
        Ok(match text {
            "disable" => SslMode::Disable,
            "allow" | "prefer" => SslMode::Prefer,
            "require" => SslMode::Require,
            "verify-ca" => SslMode::VerifyCa,
            "verify-full" => SslMode::VerifyFull,
            other => return Err(InvalidDsn::SslMode(other.to_owned())),
        })
    }
}

const TLS_PARAMETERS: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

type Parameters = Vec<(&'static str, String)>;

fn tls_parameter(name: &str) -> Option<&'static str> {
    TLS_PARAMETERS.into_iter().find(|known| *known == name)
}

/// The URL without its TLS parameters, and those.
fn split_url(url: &str) -> (String, Parameters) {
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), Vec::new());
    };
    let mut parameters = Vec::new();
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair
            .split_once('=')
            .and_then(|(name, value)| Some((tls_parameter(name)?, value)))
        {
            Some((name, value)) => {
                parameters.push((
                    name,
                    percent_encoding::percent_decode_str(value)
                        .decode_utf8_lossy()
                        .into_owned(),
                ));
            }
            None => kept.push(pair),
        }
    }
    let rest = if kept.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", kept.join("&"))
    };
    (rest, parameters)
}

/// The `name=value` pairs without the TLS parameters, and those. Values may stand in single quotes, with `\` before a
/// quote or a backslash.
fn split_keywords(text: &str) -> Result<(String, Parameters), InvalidDsn> {
    let mut parameters = Vec::new();
    let mut kept = String::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != '=' && !c.is_whitespace())).collect();
        if name.is_empty() && chars.peek().is_none() {
            return Ok((kept, parameters));
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next() != Some('=') {
            return Err(InvalidDsn::Malformed("a parameter without a value".to_owned()));
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let quoted = chars.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match chars.next() {
                Some('\\') => value.extend(chars.next()),
                Some('\'') if quoted => break,
                Some(c) if !quoted && c.is_whitespace() => break,
                Some(c) => value.push(c),
                None if quoted => return Err(InvalidDsn::Malformed("an unterminated quote".to_owned())),
                None => break,
            }
        }
        if let Some(name) = tls_parameter(&name) {
            parameters.push((name, value));
        } else {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            kept.extend([name.as_str(), "='", value.as_str(), "' "]);
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_own_parameters_and_gives_up_those_of_tls() {
        let dsn: Dsn =
            "postgres://u:p%40ss@db:6432/shop?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&application_name=x"
                .parse()
                .unwrap();
        assert_eq!(dsn.tls.mode, SslMode::VerifyFull);
        assert_eq!(dsn.tls.root_cert, Some("/etc/ca.pem".into()));
        assert_eq!((dsn.host().as_str(), dsn.port(), dsn.database()), ("db", 6432, "shop"));
        assert_eq!(dsn.password().as_deref(), Some("p@ss"));
        assert_eq!(dsn.config.get_application_name(), Some("x"));
    }

    #[test]
    fn keywords_may_be_quoted() {
        let dsn: Dsn = r"host=/tmp user = 'o''x' dbname='a b' password='it\'s' sslmode=disable"
            .replace("''", r"\'")
            .parse()
            .unwrap();
        assert_eq!((dsn.user(), dsn.database()), ("o'x", "a b"));
        assert_eq!(dsn.password().as_deref(), Some("it's"));
        assert_eq!(dsn.tls.mode, SslMode::Disable);
        assert_eq!(dsn.host(), "/tmp");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for text in [
            "postgres://u:secret@h:notaport/d",
            "host=h password='secret",
            "user=u password=secret",
            "",
        ] {
            let error = text.parse::<Dsn>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn neither_debug_nor_display_shows_the_password() {
        let dsn: Dsn = "postgres://u:secret@h/d".parse().unwrap();
        assert!(!format!("{dsn:?} {dsn}").contains("secret"));
    }
}
