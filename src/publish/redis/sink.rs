//! Sends deliveries as commands, and says what became of each.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use tokio::time::timeout_at;

use super::answer::{self, Trouble, is_too_large};
use super::command::Commands;
use super::connection::Connection;
use super::wire::{Command, Reply};
use crate::config::{self, RedisServer, Secret, Terms, Tls};
use crate::publish::pieces::{self, Pieces, Together, Told};
use crate::publish::web::Secrets;
use crate::publish::{Batching, Delivery, Failure, FailureClass, Outcome, Reach, Unusable, Wrong};

/// A server that isn't there by then won't be.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// What is idle for longer may be cut by whatever is in between.
const IDLE_MAX: Duration = Duration::from_secs(30);

pub struct RedisSink {
    url: Secret,
    tls: Tls,
    pub(super) secrets: Secrets,
    pub(super) commands: Commands,
    /// The most recently used last. Held for a look or a change only.
    idle: Mutex<Vec<Connection>>,
    pieces: Pieces,
    batching: Batching,
    pub(super) terms: Terms,
}

impl RedisSink {
    pub fn new(name: &str, config: &config::RedisSink, terms: &Terms) -> Result<Self, Unusable> {
        let unusable = |reason| Unusable {
            sink: name.to_owned(),
            reason,
        };
        let server = RedisServer::parse(&config.url.text).map_err(unusable)?;
        let secrets = Secrets::default();
        learn(&secrets, &server);
        Ok(Self {
            url: config.url.clone(),
            tls: config.tls.clone(),
            secrets,
            commands: Commands::new(&config.place).map_err(unusable)?,
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
        self.commands.placeholders()
    }

    /// The command as it would be sent.
    pub fn preview(&self, delivery: &Delivery) -> Result<String, Failure> {
        self.commands.preview(delivery)
    }

    /// An outcome for each, in the same order. What there is no time for is not tried.
    pub async fn deliver(&self, batch: &[Delivery]) -> Vec<Outcome> {
        pieces::deliver(self, &self.pieces, self.terms.timeout, batch).await
    }

    /// Tries whether we are let in, and may do what we have to.
    pub async fn reach(&self, time: Duration) -> Reach {
        let name = self
            .server()
            .map_or_else(|_| "the server".to_owned(), |server| server.shown());
        let until = Instant::now() + time;
        let tried = async {
            let mut connection = self.connect(until).await?;
            let tried = timeout_at(until.into(), connection.try_out(self.commands.kind())).await;
            tried.unwrap_or_else(|_| Err(Trouble::Broken("no answer in time".to_owned())))?;
            Ok::<_, Trouble>(connection)
        };
        let (said, wrong) = match tried.await {
            Ok(connection) => {
                self.keep(connection);
                ("let in".to_owned(), None)
            }
            Err(trouble) => {
                let message = self.secrets.excerpt(&trouble.to_string(), false);
                let wrong = Wrong {
                    message: message.clone(),
                    help: None,
                    is_error: false,
                };
                (message, Some(wrong))
            }
        };
        Reach {
            tried: vec![format!("connecting to {name}: {said}")],
            wrong,
        }
    }

    /// One that is not in use, or a new one.
    pub(super) async fn connection(&self, until: Instant) -> Result<Connection, Trouble> {
        while let Some(mut connection) = self.take() {
            if connection.idle() < IDLE_MAX && connection.is_open().await {
                return Ok(connection);
            }
        }
        self.connect(until).await
    }

    async fn connect(&self, until: Instant) -> Result<Connection, Trouble> {
        let server = self.server()?;
        let until = until.min(Instant::now() + CONNECT_TIMEOUT_MAX);
        let opened = timeout_at(until.into(), Connection::open(&server, &self.tls, self.commands.kind())).await;
        opened.unwrap_or_else(|_| Err(Trouble::Unreachable(format!("{}: no answer in time", server.shown()))))
    }

    /// As it is written now: its file may have changed.
    fn server(&self) -> Result<RedisServer, Trouble> {
        let unreadable = |error| Trouble::Unfit(format!("can't read the file of the url: {error}"));
        let server = RedisServer::parse(&self.url.read().map_err(unreadable)?).map_err(Trouble::Unfit)?;
        learn(&self.secrets, &server);
        Ok(server)
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().expect("no holder panics").pop()
    }

    pub(super) fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().expect("no holder panics");
        if idle.len() < self.terms.concurrency {
            idle.push(connection);
        }
    }

    pub(super) fn unanswered(&self, trouble: &Trouble) -> Outcome {
        answer::unanswered(trouble, self.commands.kind(), &self.secrets)
    }

    pub(super) fn answered(&self, reply: &Reply) -> Outcome {
        answer::outcome(reply, self.commands.kind(), &self.secrets)
    }
}

impl Together for RedisSink {
    type Item = Command;

    fn item(&self, delivery: &Delivery) -> Result<Command, Failure> {
        self.commands.command(delivery)
    }

    fn bytes(command: &Command) -> usize {
        command.iter().map(Vec::len).sum()
    }

    async fn send(&self, items: &[(&Delivery, Command)], time: Duration) -> Told {
        let until = Instant::now() + time;
        let mut told = Vec::with_capacity(items.len());
        loop {
            let rest = &items[told.len()..];
            let mut connection = match self.connection(until).await {
                Ok(connection) => connection,
                Err(trouble) => return so_far(told, items.len(), self.unanswered(&trouble)),
            };
            let commands: Vec<&Command> = rest.iter().map(|(_, command)| command).collect();
            let mut replies = vec![None; rest.len()];
            let ran = timeout_at(until.into(), connection.run(&commands, &mut replies)).await;
            let replies: Vec<Reply> = replies.into_iter().map_while(|reply| reply).collect();
            told.extend(replies.iter().map(|reply| Some(self.answered(reply))));
            let unanswered = match ran {
                Ok(Ok(())) => {
                    self.keep(connection);
                    Outcome::NotTried
                }
                // What came after it was not looked at, and goes by another connection.
                Ok(Err(_)) if replies.last().is_some_and(is_too_large) && told.len() < items.len() => continue,
                Ok(Err(trouble)) => self.unanswered(&trouble),
                Err(_) => late(time),
            };
            return so_far(told, items.len(), unanswered);
        }
    }
}

/// What was told of the first of so many items, and of those behind them what became of them all.
fn so_far(mut told: Vec<Option<Outcome>>, items: usize, unanswered: Outcome) -> Told {
    if told.is_empty() {
        return Told::All(unanswered);
    }
    told.resize(items, None);
    Told::Partly(told, unanswered)
}

fn late(time: Duration) -> Outcome {
    Outcome::Retry {
        failure: Failure::uncertain(FailureClass::Timeout, format!("no reply within {time:?}")),
        after: None,
    }
}

fn learn(secrets: &Secrets, server: &RedisServer) {
    if let Some(password) = &server.password {
        secrets.learn(password.expose_secret());
    }
}

/// Only what cannot be a secret.
impl fmt::Debug for RedisSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSink")
            .field("batching", &self.batching)
            .finish_non_exhaustive()
    }
}
