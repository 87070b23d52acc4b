//! Sends deliveries as messages, and says what became of each.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde::Deserialize;
use tokio::time::{timeout, timeout_at};

use super::answer::{self, Trouble};
use super::connection::{Access, Connection};
use super::message::Message;
use super::subject::Subjects;
use crate::config::{self, NatsAuth, NatsServer, Terms};
use crate::publish::pieces::{self, Pieces, Together, Told};
use crate::publish::web::Secrets;
use crate::publish::{Batching, Delivery, Failure, FailureClass, Outcome, Reach, Unusable, Wrong};

/// A server that isn't there by then won't be.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// Servers ask idle clients for signs of life after two minutes by default; before that we have left.
const IDLE_MAX: Duration = Duration::from_secs(30);

pub struct NatsSink {
    servers: Vec<NatsServer>,
    /// The server that answered last.
    preferred: AtomicUsize,
    access: Access,
    subjects: Subjects,
    stream: Option<String>,
    /// The most recently used last. Held for a look or a change only.
    idle: Mutex<Vec<Connection>>,
    pieces: Pieces,
    batching: Batching,
    terms: Terms,
}

impl NatsSink {
    pub fn new(name: &str, config: &config::NatsSink, terms: &Terms) -> Result<Self, Unusable> {
        let subjects = Subjects::new(&config.subject).map_err(|reason| Unusable {
            sink: name.to_owned(),
            reason,
        })?;
        Ok(Self {
            servers: config.servers.clone(),
            preferred: AtomicUsize::new(0),
            access: Access {
                auth: config.auth.clone(),
                tls: config.tls.clone(),
                secrets: secrets(config.auth.as_ref()),
            },
            subjects,
            stream: config.stream.clone(),
            idle: Mutex::default(),
            pieces: Pieces::new(),
            batching: Batching {
                deliveries: config.max,
                bytes: config.bytes,
            },
            terms: *terms,
        })
    }

    pub fn batching(&self) -> Batching {
        self.batching
    }

    pub fn placeholders(&self) -> Vec<&str> {
        self.subjects.placeholders().collect()
    }

    /// The message as it would be published.
    pub fn preview(&self, delivery: &Delivery) -> Result<String, Failure> {
        Ok(self.item(delivery)?.text())
    }

    pub async fn deliver(&self, batch: &[Delivery]) -> Vec<Outcome> {
        pieces::deliver(self, &self.pieces, self.terms.timeout, batch).await
    }

    /// Tries whether we are let in, and whether there is a stream for the messages.
    pub async fn reach(&self, time: Duration) -> Reach {
        let mut tried = Vec::new();
        let looked = timeout_at((Instant::now() + time).into(), self.look(time, &mut tried)).await;
        let wrong = looked.unwrap_or_else(|_| Some(wrong(format!("no answer within {time:?}"))));
        Reach { tried, wrong }
    }

    /// One that is not in use, or a new one.
    async fn connection(&self, until: Instant) -> Result<Connection, Trouble> {
        while let Some(mut connection) = self.take() {
            if connection.idle() < IDLE_MAX && connection.is_open().await {
                return Ok(connection);
            }
        }
        let mut trouble = Trouble::Unreachable("no server is configured".to_owned());
        let (preferred, count) = (self.preferred.load(Ordering::Relaxed), self.servers.len());
        for tried in 0..count {
            let at = (preferred + tried) % count;
            let server = &self.servers[at];
            let left = until.saturating_duration_since(Instant::now());
            // Whoever keeps quiet leaves time for the others.
            let time = CONNECT_TIMEOUT_MAX.min(left / u32::try_from(count - tried).unwrap_or(u32::MAX));
            match timeout(time, Connection::open(server, &self.access)).await {
                Ok(Ok(connection)) => {
                    self.preferred.store(at, Ordering::Relaxed);
                    return Ok(connection);
                }
                Ok(Err(refused @ Trouble::Refused(_))) => return Err(refused),
                Ok(Err(other)) => trouble = other,
                Err(_) => trouble = Trouble::Unreachable(format!("{server}: no answer in time")),
            }
        }
        Err(trouble)
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().expect("no holder panics").pop()
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().expect("no holder panics");
        if idle.len() < self.terms.concurrency {
            idle.push(connection);
        }
    }

    async fn look(&self, time: Duration, tried: &mut Vec<String>) -> Option<Wrong> {
        let said = |trouble: &Trouble| self.access.secrets.excerpt(&trouble.to_string(), false);
        let names: Vec<_> = self.servers.iter().map(ToString::to_string).collect();
        let mut connection = match self.connection(Instant::now() + time).await {
            Ok(connection) => connection,
            Err(trouble) => {
                tried.push(format!("connecting to {}: {}", names.join(", "), said(&trouble)));
                return Some(wrong(said(&trouble)));
            }
        };
        let server = &names[self.preferred.load(Ordering::Relaxed)];
        tried.push(format!("connecting to {server}: version {}", connection.info().version));
        let pattern = self.subjects.pattern();
        let question = serde_json::json!({ "subject": pattern }).to_string();
        let asked = connection.ask("$JS.API.STREAM.NAMES", &question).await;
        let (words, wrong) = match asked {
            Ok(answer) => streams(answer.as_deref(), pattern, self.stream.as_deref()),
            Err(trouble) => (said(&trouble), Some(wrong(said(&trouble)))),
        };
        tried.push(format!("asking which stream stores `{pattern}`: {words}"));
        wrong
    }
}

impl Together for NatsSink {
    type Item = Message;

    fn item(&self, delivery: &Delivery) -> Result<Message, Failure> {
        Message::new(delivery, &self.subjects, self.stream.as_deref())
    }

    fn bytes(message: &Message) -> usize {
        message.bytes()
    }

    async fn send(&self, items: &[(&Delivery, Message)], time: Duration) -> Told {
        let until = Instant::now() + time;
        let secrets = &self.access.secrets;
        let mut connection = match self.connection(until).await {
            Ok(connection) => connection,
            Err(trouble) => return Told::All(answer::unanswered(&trouble, secrets)),
        };
        let bytes_max = connection.info().max_payload;
        let messages: Vec<_> = items.iter().map(|(_, message)| message).collect();
        let fit: Vec<_> = messages.iter().copied().filter(|it| it.bytes() <= bytes_max).collect();
        let mut answers = vec![None; fit.len()];
        let published = timeout_at(until.into(), connection.publish(&fit, &mut answers)).await;
        let mut answers = answers.into_iter();
        let told = messages.into_iter().map(|message| {
            if message.bytes() > bytes_max {
                return Some(answer::too_large(message.bytes(), bytes_max));
            }
            let answer = answers.next().flatten()?;
            Some(answer::outcome(&answer, &message.subject, secrets))
        });
        let told = told.collect();
        let rest = match published {
            Ok(Ok(())) => {
                self.keep(connection);
                Outcome::NotTried
            }
            Ok(Err(trouble)) => answer::unanswered(&trouble, secrets),
            Err(_) => late(time),
        };
        Told::Partly(told, rest)
    }
}

#[derive(Deserialize)]
struct Names {
    streams: Option<Vec<String>>,
}

/// What the answer says, and what is wrong with it.
fn streams(answer: Option<&[u8]>, pattern: &str, wanted: Option<&str>) -> (String, Option<Wrong>) {
    // Publishers need no right to ask.
    let Some(answer) = answer else {
        return ("no answer; we may not ask, or there is no JetStream".to_owned(), None);
    };
    let names = serde_json::from_slice(answer)
        .ok()
        .and_then(|names: Names| names.streams);
    let names = names.unwrap_or_default();
    let said = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    let missing = match wanted {
        Some(wanted) if names.iter().any(|name| name == wanted) => None,
        Some(wanted) => Some((wanted, format!("`{pattern}` is not stored by the stream `{wanted}`"))),
        None if names.is_empty() => Some(("NAME", format!("no stream stores `{pattern}`"))),
        None => None,
    };
    let wrong = missing.map(|(name, message)| Wrong {
        message,
        help: Some(format!("make one: nats stream add {name} --subjects '{pattern}'")),
        is_error: false,
    });
    (said, wrong)
}

fn wrong(message: String) -> Wrong {
    Wrong {
        message,
        help: None,
        is_error: false,
    }
}

fn late(time: Duration) -> Outcome {
    Outcome::Retry {
        failure: Failure::uncertain(FailureClass::Timeout, format!("no acknowledgement within {time:?}")),
        after: None,
    }
}

/// Those of the configuration are kept from view for good.
fn secrets(auth: Option<&NatsAuth>) -> Secrets {
    let secrets = Secrets::default();
    match auth {
        None => secrets,
        Some(NatsAuth::Basic { password: secret, .. } | NatsAuth::Token(secret)) => {
            secrets.with(secret.text.expose_secret())
        }
        // Nothing of these is sent but for a signature and a JWT.
        Some(NatsAuth::Nkey(seed)) => secrets.with(seed.text.expose_secret().trim()),
        Some(NatsAuth::Creds(creds)) => {
            let lines = creds.text.expose_secret().lines().map(str::trim);
            let long = lines.filter(|line| line.len() > 40 && !line.starts_with('-'));
            long.fold(secrets, Secrets::with)
        }
    }
}

/// Only what cannot be a secret.
impl fmt::Debug for NatsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSink")
            .field("batching", &self.batching)
            .finish_non_exhaustive()
    }
}
