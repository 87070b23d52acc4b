//! A producer, and what is known of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use tokio::sync::oneshot;

use super::events::{Events, Receipt, Told, Trouble};
use super::message::Message;

pub(super) struct Connection {
    /// `None` only while it is dropped.
    producer: Option<ThreadedProducer<Events>>,
    topic: String,
    /// Of the secrets that it was made with.
    pub fingerprint: u64,
    pub trouble: Arc<Trouble>,
    /// Whether it worked when it was last used.
    proven: AtomicBool,
    /// Whether librdkafka did not say in time what became of a message.
    stuck: AtomicBool,
}

impl Connection {
    pub fn new(producer: ThreadedProducer<Events>, topic: &str, fingerprint: u64, trouble: Arc<Trouble>) -> Self {
        Self {
            producer: Some(producer),
            topic: topic.to_owned(),
            fingerprint,
            trouble,
            proven: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
        }
    }

    pub fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// Something failed: the next one looks first, before anything is sent.
    pub fn doubt(&self) {
        self.proven.store(false, Ordering::Relaxed);
    }

    pub fn is_stuck(&self) {
        self.stuck.store(true, Ordering::Relaxed);
        self.doubt();
    }

    /// Whether nothing more can come of it.
    pub fn is_spent(&self) -> bool {
        self.stuck.load(Ordering::Relaxed) || self.producer().client().fatal_error().is_some()
    }

    /// Hands a message over. Answers at once, with what will tell, or why it was not taken.
    pub fn send(&self, message: &Message) -> Result<oneshot::Receiver<Told>, Code> {
        let (receipt, told) = Receipt::new();
        let mut record = BaseRecord::with_opaque_to(&self.topic, Box::new(receipt))
            .key(&message.key)
            .headers(message.headers());
        record.payload = message.value.as_deref();
        match self.producer().send(record) {
            Ok(()) => Ok(told),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(Code::InvalidArgument)),
        }
    }

    /// Asks a broker for the topic: how many partitions it has. Nothing is sent to it.
    pub async fn look(&self, time: Duration) -> Result<usize, (Code, String)> {
        let begun = Instant::now();
        let (teller, told) = oneshot::channel();
        let (producer, topic) = (self.producer().clone(), self.topic.clone());
        // Not one of the runtime's threads, whose end would wait for this.
        let asked = thread::Builder::new().name("kafka-look".to_owned()).spawn(move || {
            let _ = teller.send(partitions(&producer, &topic, time));
        });
        if let Err(error) = asked {
            return Err((Code::Fail, error.to_string()));
        }
        let found = tokio::select! {
            biased;
            found = told => found.unwrap_or(Err(Code::Fail)),
            trouble = self.trouble.hopeless_since(begun) => return Err(trouble),
            () = tokio::time::sleep(time) => Err(Code::OperationTimedOut),
        };
        match found {
            Ok(partitions) => {
                self.proven.store(true, Ordering::Relaxed);
                Ok(partitions)
            }
            Err(code) => Err(match self.trouble.since(begun) {
                Some(trouble) if is_silence(code) => trouble,
                _ => (code, code.to_string()),
            }),
        }
    }

    fn producer(&self) -> &ThreadedProducer<Events> {
        self.producer.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Connection {
    /// Waits for threads of librdkafka, so it is left to one.
    fn drop(&mut self) {
        let producer = self.producer.take();
        let left = thread::Builder::new()
            .name("kafka-close".to_owned())
            .spawn(move || drop(producer));
        if let Err(error) = left {
            tracing::warn!(%error, "no thread could be started to close a producer");
        }
    }
}

fn partitions(producer: &ThreadedProducer<Events>, topic: &str, time: Duration) -> Result<usize, Code> {
    let found = producer.client().fetch_metadata(Some(topic), time);
    let metadata = found.map_err(|error: KafkaError| error.rdkafka_error_code().unwrap_or(Code::Fail))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.ok_or(Code::UnknownTopicOrPartition)?;
    match found.error() {
        Some(error) => Err(error.into()),
        None => Ok(found.partitions().len()),
    }
}

/// Whether a code says no more than that nobody answered.
fn is_silence(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut | Code::BrokerTransportFailure | Code::AllBrokersDown
    )
}
