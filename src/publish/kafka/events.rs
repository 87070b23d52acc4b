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
    last: Mutex<Option<Word>>,
    news: Notify,
}

struct Word {
    at: Instant,
    code: Code,
    said: String,
    /// Whether waiting makes no sense.
    is_last: bool,
}

impl Trouble {
    /// What was said last, if it was after that.
    pub fn since(&self, then: Instant) -> Option<(Code, String)> {
        let last = self.last.lock().expect("no holder panics");
        let word = last.as_ref().filter(|word| word.at >= then)?;
        Some((word.code, word.said.clone()))
    }

    /// Ends when it is said that waiting for a connection makes no sense.
    pub async fn hopeless_since(&self, then: Instant) -> (Code, String) {
        loop {
            let news = self.news.notified();
            if let Some(trouble) = self.since(then).filter(|_| self.is_hopeless()) {
                return trouble;
            }
            news.await;
        }
    }

    fn is_hopeless(&self) -> bool {
        let last = self.last.lock().expect("no holder panics");
        last.as_ref().is_some_and(|word| word.is_last)
    }

    fn note(&self, code: Code, said: String) {
        let mut last = self.last.lock().expect("no holder panics");
        let (at, is_last) = (
            Instant::now(),
            matches!(code, Code::AllBrokersDown | Code::Authentication),
        );
        *last = Some(match last.take() {
            // That all are down says less than why the last one is.
            Some(why) if code == Code::AllBrokersDown => Word { at, is_last, ..why },
            _ => Word {
                at,
                code,
                said,
                is_last,
            },
        });
        drop(last);
        self.news.notify_waiters();
    }
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
