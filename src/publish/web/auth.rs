//! Credentials: what a request says about who sends it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;

use super::Secrets;
use super::oauth2::{Token, Tokens};
use crate::config::{self, Secret};
use crate::publish::{Failure, FailureClass, Outcome};

/// A file with a credential is read again no more often than this, unless the credential was refused.
const READ_PERIOD: Duration = Duration::from_secs(5);

/// Who we are, as far as the configuration says.
pub(super) enum Auth {
    Nobody,
    Fixed(Fixed),
    Tokens(Box<Tokens>),
}

/// Credentials as they were for one request.
pub(super) enum Pass {
    None,
    Fixed(HeaderValue),
    Token(Arc<Token>),
}

impl Auth {
    /// Without a token yet: those are asked for when they are needed.
    pub fn new(
        config: Option<&config::Auth>,
        tokens: impl FnOnce(&config::OAuth2) -> Result<Tokens, String>,
    ) -> Result<Self, String> {
        Ok(match config {
            None => Self::Nobody,
            Some(config::Auth::Basic { user, password }) => {
                Self::Fixed(Fixed::new(Scheme::Basic { user: user.clone() }, password))
            }
            Some(config::Auth::Bearer(token)) => Self::Fixed(Fixed::new(Scheme::Bearer, token)),
            Some(config::Auth::ApiKey(key)) => Self::Fixed(Fixed::new(Scheme::ApiKey, key)),
            Some(config::Auth::OAuth2(oauth2)) => Self::Tokens(Box::new(tokens(oauth2)?)),
        })
    }

    /// What to send now. The outcome is that of a request that could not be sent for want of it.
    pub async fn pass(&self, secrets: &Secrets) -> Result<Pass, Outcome> {
        match self {
            Self::Nobody => Ok(Pass::None),
            Self::Fixed(fixed) => fixed.current(secrets).map(Pass::Fixed),
            Self::Tokens(tokens) => tokens.current(secrets).await.map(Pass::Token),
        }
    }

    /// Takes note that a pass was refused. Answers whether there is another one.
    pub fn refused(&self, pass: &Pass, secrets: &Secrets) -> bool {
        match (self, pass) {
            (Self::Fixed(fixed), Pass::Fixed(header)) => fixed.refused(header, secrets),
            (Self::Tokens(tokens), Pass::Token(token)) => tokens.refused(token),
            _ => false,
        }
    }
}

impl Pass {
    pub fn header(&self) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Fixed(header) => Some(header.clone()),
            Self::Token(token) => Some(token.header.clone()),
        }
    }

    /// Takes note that it was good.
    pub fn accepted(&self) {
        if let Self::Token(token) = self {
            token.accepted();
        }
    }
}

/// A secret that is always the same, but for what its file says.
pub(super) struct Fixed {
    scheme: Scheme,
    secret: Secret,
    // Held for a look or a change only, and while the file is read.
    read: Mutex<Option<(Instant, HeaderValue)>>,
}

/// How a secret stands in the header.
enum Scheme {
    Basic {
        user: String,
    },
    Bearer,
    /// <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-security-create-api-key>
    ApiKey,
}

impl Fixed {
    fn new(scheme: Scheme, secret: &Secret) -> Self {
        Self {
            scheme,
            secret: secret.clone(),
            read: Mutex::default(),
        }
    }

    fn current(&self, secrets: &Secrets) -> Result<HeaderValue, Outcome> {
        let mut read = self.read.lock().expect("no holder panics");
        match &*read {
            Some((at, header)) if self.secret.file().is_none() || at.elapsed() < READ_PERIOD => Ok(header.clone()),
            _ => {
                let header = self.read(secrets)?;
                *read = Some((Instant::now(), header.clone()));
                Ok(header)
            }
        }
    }

    fn refused(&self, refused: &HeaderValue, secrets: &Secrets) -> bool {
        let Ok(header) = self.read(secrets) else {
            return false;
        };
        let changed = header != refused;
        *self.read.lock().expect("no holder panics") = Some((Instant::now(), header));
        changed
    }

    fn read(&self, secrets: &Secrets) -> Result<HeaderValue, Outcome> {
        let secret = self
            .secret
            .read()
            .map_err(|error| unfit(format!("can't read the file of the credentials: {error}")))?;
        let secret = secret.expose_secret();
        secrets.learn(secret);
        let text = match &self.scheme {
            Scheme::Basic { user } => basic(user, secret),
            Scheme::Bearer => format!("Bearer {secret}"),
            Scheme::ApiKey => format!("ApiKey {secret}"),
        };
        sensitive(&text, secrets).ok_or_else(|| unfit("the credentials can't be sent in a header".to_owned()))
    }
}

/// <https://www.rfc-editor.org/rfc/rfc7617>
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

/// A header that is kept out of sight. `None` if it cannot be one.
pub(super) fn sensitive(text: &str, secrets: &Secrets) -> Option<HeaderValue> {
    let (_, credential) = text.split_once(' ')?;
    secrets.learn(credential);
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Of the files that the configuration names: they may be mended while we run.
pub(super) fn unfit(message: String) -> Outcome {
    Outcome::Retry {
        failure: Failure::certain(FailureClass::Configuration, message),
        after: None,
    }
}
