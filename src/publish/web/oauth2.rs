//! Access tokens by client credentials: <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>
//!
//! One token is held for all requests of a sink. Whoever finds none that is still good asks for one; the others wait for
//! what is heard then, be it a token or a refusal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{RequestBuilder, Response, Url};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::auth::{basic, sensitive, unfit};
use super::client::Clients;
use super::silence::{Silence, words};
use super::{End, Secrets, start_of, wanted_pause};
use crate::config::{self, ClientAuth, Terms, Tls};
use crate::publish::{Failure, FailureClass, Outcome};

/// So long before its end a token is no longer used: a request may take as long. Of a token with a short life, a part.
const MARGIN_MAX: Duration = Duration::from_secs(30);
const MARGIN_PART: u32 = 5;

/// Whatever a server says, a token is asked for again after so long.
const LIFE_MAX: Duration = Duration::from_hours(24);

/// A token that was never accepted is replaced no sooner than this: it is not the token that is wrong.
const UNPROVED_MIN: Duration = Duration::from_mins(1);

/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// All but the characters that <https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set> leaves.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');

pub(super) struct Tokens {
    clients: Clients,
    url: Url,
    config: config::OAuth2,
    timeout: Duration,
    // Held for a look or a change only.
    held: Mutex<Option<Arc<Token>>>,
    /// Held while a token is asked for: the others wait. When that was last refused, and how.
    turn: tokio::sync::Mutex<Option<(Instant, Outcome)>>,
}

pub(super) struct Token {
    pub header: HeaderValue,
    obtained: Instant,
    /// `None`: until it is refused.
    expires: Option<Instant>,
    accepted: AtomicBool,
}

impl Token {
    pub fn accepted(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }
}

impl Tokens {
    /// Says why not, without secrets.
    pub fn new(config: &config::OAuth2, terms: &Terms, tls: &Tls) -> Result<Self, String> {
        let url = Url::parse(config.token_url.expose_secret());
        let url = url.map_err(|error| format!("the url for tokens is not valid: {error}"))?;
        Ok(Self {
            clients: Clients::new(terms, tls, std::slice::from_ref(&url))?,
            url,
            config: config.clone(),
            timeout: terms.timeout,
            held: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// A token that is good, as far as we know.
    pub async fn current(&self, secrets: &Secrets) -> Result<Arc<Token>, Outcome> {
        let asked = Instant::now();
        if let Some(token) = self.good(asked) {
            return Ok(token);
        }
        let mut turn = self.turn.lock().await;
        if let Some(token) = self.good(asked) {
            return Ok(token);
        }
        if let Some((at, outcome)) = &*turn
            && *at >= asked
        {
            return Err(outcome.clone());
        }
        match self.ask(secrets).await {
            Ok(token) => {
                let token = Arc::new(token);
                *self.held.lock().expect("no holder panics") = Some(Arc::clone(&token));
                Ok(token)
            }
            Err(outcome) => {
                *turn = Some((Instant::now(), outcome.clone()));
                Err(outcome)
            }
        }
    }

    /// Drops a token that had been good. Answers whether asking for another one may help.
    pub fn refused(&self, refused: &Arc<Token>) -> bool {
        let mut held = self.held.lock().expect("no holder panics");
        if held.as_ref().is_some_and(|held| !Arc::ptr_eq(held, refused)) {
            return true;
        }
        let outdated = refused.accepted.load(Ordering::Relaxed) || refused.obtained.elapsed() >= UNPROVED_MIN;
        if outdated {
            *held = None;
        }
        outdated
    }

    /// Also one that is so short-lived that it is used up by those who waited for it.
    fn good(&self, asked: Instant) -> Option<Arc<Token>> {
        let held = self.held.lock().expect("no holder panics");
        let token = held.as_ref()?;
        let lives = token.expires.is_none_or(|expires| Instant::now() < expires);
        (lives || token.obtained >= asked).then(|| Arc::clone(token))
    }

    async fn ask(&self, secrets: &Secrets) -> Result<Token, Outcome> {
        let request = self.request(secrets)?;
        let response = request.timeout(self.timeout).send().await.map_err(|error| {
            self.clients.doubt();
            let silence = Silence::of(&error);
            let message = words(error, self.timeout, secrets);
            // Whatever became of the request for a token, that of the document was not sent.
            let class = match silence {
                Silence::Timeout => FailureClass::Timeout,
                Silence::NoConnection | Silence::Broken => FailureClass::Connection,
                Silence::NoRequest => FailureClass::Configuration,
            };
            no_token(class, &message, None)
        })?;
        self.answered(response, secrets).await
    }

    fn request(&self, secrets: &Secrets) -> Result<RequestBuilder, Outcome> {
        let config = &self.config;
        let secret = config.client_secret.read();
        let secret = secret.map_err(|error| unfit(format!("can't read the file of the client's secret: {error}")))?;
        secrets.learn(secret.expose_secret());
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(config.scope.as_deref().map(|scope| ("scope", scope)));
        for (name, value) in &config.parameters {
            form.push((name, value.expose_secret()));
        }
        let mut request = self
            .clients
            .get()
            .post(self.url.clone())
            .header(ACCEPT, "application/json");
        match config.client_auth {
            ClientAuth::Basic => {
                let text = basic(&encoded(&config.client_id), &encoded(secret.expose_secret()));
                let header = sensitive(&text, secrets).expect("Base64 is fit for a header");
                request = request.header(AUTHORIZATION, header);
            }
            ClientAuth::Post => {
                form.push(("client_id", &config.client_id));
                form.push(("client_secret", secret.expose_secret()));
            }
        }
        let pairs: Vec<_> = form
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        Ok(request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(pairs.join("&")))
    }

    async fn answered(&self, mut response: Response, secrets: &Secrets) -> Result<Token, Outcome> {
        let obtained = Instant::now();
        let status = response.status();
        let after = wanted_pause(&response);
        let (body, end) = start_of(&mut response, ANSWER_BYTES_MAX).await;
        if !status.is_success() {
            let class = match status.as_u16() {
                408 => FailureClass::Timeout,
                429 => FailureClass::RateLimited,
                500.. => FailureClass::ServerError,
                _ => FailureClass::Configuration,
            };
            let said = secrets.excerpt(&String::from_utf8_lossy(&body), end == End::Cut);
            let colon = if said.is_empty() { "" } else { ": " };
            return Err(no_token(class, &format!("{status}{colon}{said}"), after));
        }
        // What is said on success is not shown: there is a token somewhere in it.
        let strange = |what: &str| no_token(FailureClass::Configuration, &format!("{status}, but {what}"), None);
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| strange("without a token"))?;
        if granted
            .token_type
            .is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer"))
        {
            return Err(strange("the token is not one for the bearer"));
        }
        let header = sensitive(&format!("Bearer {}", granted.access_token), secrets);
        Ok(Token {
            header: header.ok_or_else(|| strange("the token can't be sent in a header"))?,
            obtained,
            expires: granted.expires_in.and_then(Seconds::duration).map(|life| {
                let life = life.min(LIFE_MAX);
                obtained + life.saturating_sub(MARGIN_MAX.min(life / MARGIN_PART))
            }),
            accepted: AtomicBool::new(false),
        })
    }
}

/// <https://www.rfc-editor.org/rfc/rfc6749#section-5.1>
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
}

/// Some servers write numbers as strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    fn duration(self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(seconds) => seconds,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
    }
}

fn no_token(class: FailureClass, why: &str, after: Option<Duration>) -> Outcome {
    Outcome::Retry {
        failure: Failure::certain(class, format!("no access token: {why}")),
        after,
    }
}

/// As a value of `application/x-www-form-urlencoded`.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string()
}
