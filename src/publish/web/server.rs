//! A web server, with all that it takes to send it requests.

use std::fmt;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, HeaderName};
use reqwest::{Method, Response, StatusCode, Url};
use secrecy::ExposeSecret;

use super::auth::{Auth, Pass};
use super::client::Clients;
use super::oauth2::Tokens;
use super::silence::{Silence, words};
use super::{REDACTED, Request, Secrets, start_of};
use crate::config::{self, Access, Terms};
use crate::publish::{Failure, FailureClass, Outcome, Reach, Wrong};

/// Most bytes that are read of an answer that is not wanted: only then the connection can be used again.
const UNWANTED_BYTES_MAX: usize = 16 << 10;

pub(in crate::publish) struct Server {
    clients: Clients,
    auth: Auth,
    gzip: bool,
    secrets: Secrets,
}

impl Server {
    /// `samples` are urls of the sink, one of each kind; `secrets` are those of its requests. Needs a process-wide rustls provider, which
    /// `main` installs. Says why not, without secrets.
    pub fn new(access: &Access, terms: &Terms, gzip: bool, samples: &[Url], secrets: Secrets) -> Result<Self, String> {
        let secrets = with_credentials(secrets, access.auth.as_ref());
        let tokens = |oauth2: &config::OAuth2| Tokens::new(oauth2, terms, &access.tls);
        Ok(Self {
            clients: Clients::new(terms, &access.tls, samples)?,
            auth: Auth::new(access.auth.as_ref(), tokens)?,
            gzip,
            secrets,
        })
    }

    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The headers that a request gets on its way, for showing it: without their secrets.
    pub fn further_headers(&self, request: &Request) -> Vec<(HeaderName, &'static str)> {
        let credentials = self.has_credentials().then_some((AUTHORIZATION, REDACTED));
        let encoding = self.compresses(request).then_some((CONTENT_ENCODING, "gzip"));
        credentials.into_iter().chain(encoding).collect()
    }

    /// Whether requests carry credentials, which are not among their headers before they are sent.
    fn has_credentials(&self) -> bool {
        !matches!(self.auth, Auth::Nobody)
    }

    /// Whether bodies may be compressed on their way.
    fn compresses(&self, request: &Request) -> bool {
        self.gzip && super::body::is_worth_compressing(&request.body)
    }

    /// Sends a request with our credentials; with others if they are refused and there are others by then. Without an
    /// answer within that time, what this means for what was to be delivered.
    pub async fn send(&self, request: Request, time: Duration) -> Result<Response, Outcome> {
        let until = Instant::now() + time;
        let request = if self.gzip { request.compressed().await } else { request };
        let again = self.has_credentials().then(|| request.clone());
        let (pass, mut response) = self.send_once(request, time, until).await?;
        match again.filter(|_| is_refused(&response) && self.auth.refused(&pass, &self.secrets)) {
            None => Ok(response),
            Some(request) => {
                start_of(&mut response, UNWANTED_BYTES_MAX).await;
                let (_, response) = self.send_once(request, time, until).await?;
                Ok(response)
            }
        }
    }

    /// Asks for nothing but an answer, and says what came of it. Whatever the status, somebody is there.
    pub async fn reach(&self, url: Url, time: Duration) -> Reach {
        self.reach_for(url, time, |_| None).await
    }

    /// As [`Server::reach`], for those who know of further statuses what is wrong then.
    pub async fn reach_for(
        &self,
        url: Url,
        time: Duration,
        wrong: impl Fn(StatusCode) -> Option<&'static str>,
    ) -> Reach {
        let name = self.secrets.excerpt(&shown(&url), false);
        let request = Request {
            method: Method::HEAD,
            url,
            headers: reqwest::header::HeaderMap::new(),
            body: bytes::Bytes::new(),
        };
        let (said, wrong) = match self.send(request, time).await {
            Ok(response) => (
                response.status().to_string(),
                wrong_status(response.status(), self.has_credentials(), wrong),
            ),
            Err(Outcome::Retry { failure, .. } | Outcome::Rejected { failure }) => {
                let wrong = Wrong {
                    message: failure.message.clone(),
                    help: None,
                    is_error: false,
                };
                (failure.message, Some(wrong))
            }
            Err(Outcome::Delivered { .. } | Outcome::NotTried) => ("not tried".to_owned(), None),
        };
        Reach {
            tried: vec![format!("HEAD {name}: {said}")],
            wrong,
        }
    }

    async fn send_once(&self, request: Request, time: Duration, until: Instant) -> Result<(Pass, Response), Outcome> {
        let pass = self.pass(until).await?;
        let request = match pass.header() {
            Some(header) => request.with_header(AUTHORIZATION, header),
            None => request,
        };
        let left = until.saturating_duration_since(Instant::now());
        let mut sent = self
            .clients
            .get()
            .request(request.method, request.url)
            .headers(request.headers)
            .timeout(left);
        if !request.body.is_empty() {
            sent = sent.body(request.body);
        }
        let response = sent.send().await;
        let response = response.map_err(|error| {
            self.clients.doubt();
            Silence::of(&error).outcome(words(error, time, &self.secrets))
        })?;
        if !is_refused(&response) {
            pass.accepted();
        }
        Ok((pass, response))
    }

    async fn pass(&self, until: Instant) -> Result<Pass, Outcome> {
        let pass = tokio::time::timeout_at(until.into(), self.auth.pass(&self.secrets)).await;
        pass.unwrap_or_else(|_| {
            let failure = Failure::certain(FailureClass::Timeout, "no access token in time");
            Err(Outcome::Retry { failure, after: None })
        })
    }
}

/// Only what cannot be a secret.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("gzip", &self.gzip)
            .finish_non_exhaustive()
    }
}

fn is_refused(response: &Response) -> bool {
    response.status() == StatusCode::UNAUTHORIZED
}

/// Those of the configuration are kept from view for good.
fn with_credentials(secrets: Secrets, auth: Option<&config::Auth>) -> Secrets {
    match auth {
        None => secrets,
        Some(
            config::Auth::Basic { password: secret, .. } | config::Auth::Bearer(secret) | config::Auth::ApiKey(secret),
        ) => secrets.with(secret.text.expose_secret()),
        Some(config::Auth::OAuth2(oauth2)) => {
            let own = std::iter::once(&oauth2.client_secret.text);
            let further = oauth2.parameters.iter().map(|(_, value)| value);
            let all = own.chain(further);
            all.fold(secrets, |secrets, secret| secrets.with(secret.expose_secret()))
        }
    }
}

/// Without user and query.
fn shown(url: &Url) -> String {
    let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{host}{port}{}", url.path())
}

/// Few statuses say something of the server and not of what it was asked.
fn wrong_status(
    status: StatusCode,
    with_credentials: bool,
    wrong: impl Fn(StatusCode) -> Option<&'static str>,
) -> Option<Wrong> {
    let message = match status.as_u16() {
        401 if with_credentials => "the credentials are not accepted",
        401 => "credentials are asked for",
        407 => "the proxy asks for credentials",
        502..=504 => "nobody is behind the server that answers",
        _ => wrong(status)?,
    };
    Some(Wrong {
        message: format!("{message}: {status}"),
        help: None,
        is_error: false,
    })
}
