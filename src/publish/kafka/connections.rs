//! The one connection of a sink: made when it is first needed, looked at after a failure, made anew when its secrets have
//! changed or nothing more can come of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::ThreadedProducer;
use secrecy::ExposeSecret;
use tokio::sync::{Mutex, MutexGuard};

use super::answer;
use super::connection::Connection;
use super::events::{Events, Trouble};
use super::settings::{Settings, has_files, settings};
use crate::config::KafkaSink;
use crate::publish::web::Secrets;
use crate::publish::{Failure, FailureClass};

/// Between two looks at the files of passwords and certificates.
const LOOK_PERIOD: Duration = Duration::from_secs(30);

/// A value of a property so short is a number or a word, and not cut out of messages.
const SHORT_BYTES: usize = 5;

pub(super) struct Connections {
    sink: String,
    config: KafkaSink,
    secrets: Arc<Secrets>,
    current: Mutex<Option<Current>>,
}

struct Current {
    connection: Arc<Connection>,
    read_at: Instant,
}

/// There is no connection; nothing was sent.
#[derive(Debug, Clone)]
pub(super) struct Away {
    pub failure: Failure,
    /// Whether it is what we were told that is to blame, and no broker was asked.
    pub by_configuration: bool,
}

impl Connections {
    /// Says why there can be none, without secrets.
    pub fn new(sink: &str, config: &KafkaSink) -> Result<Self, String> {
        let secrets = config.auth.iter().map(|auth| &auth.password.text);
        let secrets = secrets.chain(config.properties.iter().map(|(_, value)| value));
        let secrets = secrets.filter(|secret| secret.expose_secret().len() > SHORT_BYTES);
        let secrets = secrets.fold(Secrets::default(), |secrets, secret| {
            secrets.with(secret.expose_secret())
        });
        let connections = Self {
            sink: sink.to_owned(),
            config: config.clone(),
            secrets: Arc::new(secrets),
            current: Mutex::new(None),
        };
        let settings = settings(config)?;
        settings
            .client
            .create_native_config()
            .map_err(|error| connections.words(&error))?;
        Ok(connections)
    }

    /// A connection that works, or did when it was last used.
    pub async fn get(&self, time: Duration) -> Result<Arc<Connection>, Away> {
        let until = Instant::now() + time;
        // Held while one looks for all.
        let mut current = self.current(until).await?;
        let connection = self.renewed(&mut current)?;
        if !connection.is_proven() {
            self.look(&connection, until).await?;
        }
        Ok(connection)
    }

    /// The same, and looks at it in any case: how many partitions the topic has.
    pub async fn reach(&self, time: Duration) -> Result<usize, Away> {
        let until = Instant::now() + time;
        let connection = self.renewed(&mut *self.current(until).await?)?;
        self.look(&connection, until).await
    }

    async fn current(&self, until: Instant) -> Result<MutexGuard<'_, Option<Current>>, Away> {
        let current = tokio::time::timeout_at(until.into(), self.current.lock()).await;
        current.map_err(|_| Away::of(Failure::certain(FailureClass::Timeout, "no connection in time")))
    }

    async fn look(&self, connection: &Connection, until: Instant) -> Result<usize, Away> {
        let time = until.saturating_duration_since(Instant::now());
        connection.look(time).await.map_err(|(code, said)| {
            let class = answer::meaning(code).class;
            let said = self.secrets.excerpt(&said, false);
            Away::of(Failure::certain(class, format!("looking for the topic: {said}")))
        })
    }

    /// The connection that there is, or a new one in its place.
    fn renewed(&self, current: &mut Option<Current>) -> Result<Arc<Connection>, Away> {
        let kept = current.take().filter(|kept| !kept.connection.is_spent());
        let kept = match kept {
            Some(kept) => self.looked_after(kept)?,
            None => Current {
                connection: self.connect(&self.read()?)?,
                read_at: Instant::now(),
            },
        };
        let connection = Arc::clone(&kept.connection);
        *current = Some(kept);
        Ok(connection)
    }

    /// With the secrets as they are now.
    fn looked_after(&self, mut kept: Current) -> Result<Current, Away> {
        let is_due = !kept.connection.is_proven() || kept.read_at.elapsed() >= LOOK_PERIOD;
        if !is_due || !has_files(&self.config) {
            return Ok(kept);
        }
        kept.read_at = Instant::now();
        match self.read() {
            Ok(read) if read.fingerprint == kept.connection.fingerprint => {}
            Ok(read) => {
                tracing::info!(sink = %self.sink, "the secrets of a sink have changed: it connects with the new ones");
                kept.connection = self.connect(&read)?;
            }
            // Perhaps one of the files is still to be written.
            Err(away) => {
                tracing::warn!(sink = %self.sink, error = %away.failure.message, "the secrets of a sink cannot be read");
            }
        }
        Ok(kept)
    }

    fn read(&self) -> Result<Settings, Away> {
        let settings = settings(&self.config).map_err(Away::by_configuration)?;
        for secret in &settings.secrets {
            self.secrets.learn(secret.expose_secret());
        }
        Ok(settings)
    }

    /// Starts a producer, which looks for its brokers in the background.
    fn connect(&self, settings: &Settings) -> Result<Arc<Connection>, Away> {
        let trouble = Arc::new(Trouble::default());
        let events = Events::new(&self.sink, Arc::clone(&self.secrets), Arc::clone(&trouble));
        let producer = ThreadedProducer::from_config_and_context(&settings.client, events);
        let producer = producer.map_err(|error| Away::by_configuration(self.words(&error)))?;
        let connection = Connection::new(producer, &self.config.topic, settings.fingerprint, trouble);
        Ok(Arc::new(connection))
    }

    /// Without values of properties, which may be secrets.
    fn words(&self, error: &KafkaError) -> String {
        let words = match error {
            KafkaError::ClientConfig(_, said, name, value) if !value.is_empty() => {
                format!("the property `{name}`: {}", said.replace(value.as_str(), "***"))
            }
            other => other.to_string(),
        };
        self.secrets.excerpt(&words, false)
    }
}

impl Away {
    fn of(failure: Failure) -> Self {
        Self {
            failure,
            by_configuration: false,
        }
    }

    fn by_configuration(reason: String) -> Self {
        Self {
            failure: Failure::certain(FailureClass::Configuration, reason),
            by_configuration: true,
        }
    }
}
