//! What librdkafka calls back with: receipts of messages, and words about its connections.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::{Notify, oneshot};

use crate::publish::web::Secrets;

/// What became of a message: stored, or given up with a code so long after it was handed over.
pub(super) type Told = Result<(), (Code, Duration)>;

/// Goes with a message through librdkafka.
pub(super) struct Receipt {
    handed_over: Instant,
    teller: oneshot::Sender<Told>,
}

impl Receipt {
    pub fn new() -> (Self, oneshot::Receiver<Told>) {
        let (teller, told) = oneshot::channel();
        let handed_over = Instant::now();
        (Self { handed_over, teller }, told)
    }
}

/// Called from a thread of its own.
pub(super) struct Events {
    sink: String,
    secrets: Arc<Secrets>,
    trouble: Arc<Trouble>,
}

impl Events {
    pub fn new(sink: &str, secrets: Arc<Secrets>, trouble: Arc<Trouble>) -> Self {
        Self {
            sink: sink.to_owned(),
            secrets,
            trouble,
        }
    }
}

/// The last that was said of what is wrong with the connections.
#[derive(Default)]
pub(super) struct Trouble {
    // Held for a look or a change only.
    last: Mutex<Option<(Instant, Code, String)>>,
    news: Notify,
}

impl Trouble {
    /// What was said last, if it was after that.
    pub fn since(&self, then: Instant) -> Option<(Code, String)> {
        let last = self.last.lock().expect("no holder panics");
        let (at, code, said) = last.as_ref()?;
        (*at >= then).then(|| (*code, said.clone()))
    }

    /// Ends when it is said that waiting for a connection makes no sense.
    pub async fn hopeless_since(&self, then: Instant) -> (Code, String) {
        loop {
            let news = self.news.notified();
            if let Some(trouble) = self.since(then).filter(|(code, _)| is_hopeless(*code)) {
                return trouble;
            }
            news.await;
        }
    }

    /// That all brokers are down says less than why.
    fn note(&self, code: Code, said: String) {
        let mut last = self.last.lock().expect("no holder panics");
        let said = match last.take() {
            Some((.., why)) if code == Code::AllBrokersDown => why,
            _ => said,
        };
        *last = Some((Instant::now(), code, said));
        drop(last);
        self.news.notify_waiters();
    }
}

fn is_hopeless(code: Code) -> bool {
    matches!(code, Code::AllBrokersDown | Code::Authentication)
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let message = self.secrets.excerpt(message, false);
        tracing::debug!(sink = %self.sink, ?level, facility, "librdkafka: {message}");
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let reason = self.secrets.excerpt(reason, false);
        tracing::debug!(sink = %self.sink, %error, "librdkafka: {reason}");
        if let Some(code) = error.rdkafka_error_code() {
            self.trouble.note(code, reason);
        }
    }
}

impl ProducerContext for Events {
    type DeliveryOpaque = Box<Receipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, receipt: Box<Receipt>) {
        let told = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                Err((code, receipt.handed_over.elapsed()))
            }
        };
        // Nobody may be waiting any more.
        let _ = receipt.teller.send(told);
    }
}
