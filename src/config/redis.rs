//! A Redis, and where documents have their place in it.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{Secret, Tls};

#[derive(Debug, Clone)]
pub struct RedisSink {
    /// A [`RedisServer`] can be made of it, at the start at least; has the password.
    pub url: Secret,
    pub place: RedisPlace,
    pub tls: Tls,
    /// Most deliveries that are sent before the first is answered.
    pub max: usize,
    /// Most bytes of their documents together.
    pub bytes: usize,
}

/// With `{name}` placeholders.
#[derive(Debug, Clone)]
pub enum RedisPlace {
    /// A key for each subject, which holds its document.
    Key {
        key: String,
        /// For how long after a delivery.
        expire: Option<Duration>,
    },
    /// An entry for each delivery.
    Stream {
        stream: String,
        /// About so many entries are kept.
        max_len: Option<u64>,
    },
}

impl RedisPlace {
    /// What the keys begin with that hold the versions of documents.
    pub const VERSIONS: &str = "walsift:";
}

/// What servers listen on unless they are told otherwise.
const PORT: u16 = 6379;

/// `redis://user:password@host:6379/0`, as registered: <https://www.iana.org/assignments/uri-schemes/prov/redis>;
/// `rediss://` with TLS.
#[derive(Debug, Clone)]
pub struct RedisServer {
    pub tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
    /// `None` is the default user.
    pub user: Option<String>,
    pub password: Option<SecretString>,
    pub database: u32,
}

impl RedisServer {
    /// Says why not, and nothing of what the URL holds.
    pub fn parse(url: &SecretString) -> Result<Self, String> {
        let url = Url::parse(url.expose_secret()).map_err(|error| format!("the url is malformed: {error}"))?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err("the url of a Redis begins with redis:// or rediss://".to_owned()),
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host.is_empty() {
            return Err("the url has no host".to_owned());
        }
        let database = url.path().trim_matches('/');
        let database = if database.is_empty() { Ok(0) } else { database.parse() };
        if url.query().is_some() || url.fragment().is_some() {
            return Err("the url ends with the number of the database".to_owned());
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: url.port().unwrap_or(PORT),
            user: Some(decoded(url.username())).filter(|user| !user.is_empty()),
            password: url.password().map(|password| decoded(password).into()),
            database: database.map_err(|_| "after the host the url has the number of a database".to_owned())?,
        })
    }

    /// As a url, without user and password.
    pub fn shown(&self) -> String {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let (host, port, database) = (&self.host, self.port, self.database);
        if host.contains(':') {
            format!("{scheme}://[{host}]:{port}/{database}")
        } else {
            format!("{scheme}://{host}:{port}/{database}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_who() {
        let cases = [
            ("redis://cache", "redis://cache:6379/0", None, None),
            ("rediss://:p%40ss@cache:1/7", "rediss://cache:1/7", None, Some("p@ss")),
            (
                "redis://app:secret@[::1]:7000/",
                "redis://[::1]:7000/0",
                Some("app"),
                Some("secret"),
            ),
        ];
        for (url, shown, user, password) in cases {
            let server = RedisServer::parse(&url.into()).unwrap();
            assert_eq!((server.shown().as_str(), server.user.as_deref()), (shown, user));
            assert_eq!(server.password.as_ref().map(ExposeSecret::expose_secret), password);
        }
        for (url, said) in [
            ("cache:6379", "begins with redis://"),
            ("http://hunter2@cache", "begins with redis://"),
            ("redis://", "no host"),
            ("redis://:hunter2@cache/first", "number of a database"),
            ("redis://:hunter2@cache/0?timeout=1", "ends with the number"),
        ] {
            let error = RedisServer::parse(&url.into()).unwrap_err();
            assert!(error.contains(said) && !error.contains("hunter2"), "{error}");
        }
    }
}
