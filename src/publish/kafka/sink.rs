//! Sends deliveries as messages, and says what became of each.

use std::fmt;
use std::iter;
use std::slice;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::answer;
use super::connection::Connection;
use super::connections::{Away, Connections};
use super::events;
use super::message::Message;
use super::settings::SECOND_TRY_MIN;
use crate::config::{self, Terms};
use crate::publish::pieces::{self, Pieces, Together, Told};
use crate::publish::{Batching, Delivery, Failure, FailureClass, Outcome, Reach, Remote, Unusable, Wrong};

/// librdkafka looks once in a second for what has expired: so much later, at most, nothing more is sent, and all is told.
const LAG: Duration = Duration::from_millis(1_500);

/// What is left of a lease when a message has to be given up: the outcome must still be recorded under it.
const LEASE_MARGIN: Duration = Duration::from_millis(200);

pub struct KafkaSink {
    connections: Connections,
    topic: String,
    brokers: String,
    pieces: Pieces,
    batching: Batching,
    expiry: Duration,
}

/// What came of a message.
enum Sent {
    Judged(Outcome),
    /// It, or another one of its batch, is not to the broker's liking.
    RefusedTogether(Outcome),
}

impl KafkaSink {
    /// Connects when there is something to send.
    pub fn new(name: &str, config: &config::KafkaSink, _: &Terms) -> Result<Self, Unusable> {
        let connections = Connections::new(name, config).map_err(|reason| Unusable {
            sink: name.to_owned(),
            reason,
        })?;
        Ok(Self {
            connections,
            topic: config.topic.clone(),
            brokers: config.brokers.join(", "),
            pieces: Pieces::new(),
            batching: Batching {
                deliveries: config.max,
                bytes: config.bytes,
            },
            expiry: config.expiry,
        })
    }

    pub fn batching(&self) -> Batching {
        self.batching
    }

    /// The message that would be sent.
    pub fn preview(&self, delivery: &Delivery) -> Result<String, Failure> {
        Ok(Message::new(delivery).text(&self.topic))
    }

    pub async fn reach(&self, time: Duration) -> Reach {
        let (said, wrong) = match self.connections.reach(time).await {
            Ok(1) => ("1 partition".to_owned(), None),
            Ok(partitions) => (format!("{partitions} partitions"), None),
            Err(Away {
                failure,
                by_configuration,
            }) => {
                let wrong = Wrong {
                    message: failure.message.clone(),
                    help: None,
                    is_error: by_configuration,
                };
                (failure.message, Some(wrong))
            }
        };
        Reach {
            tried: vec![format!("topic {} at {}: {said}", self.topic, self.brokers)],
            wrong,
        }
    }

    /// An outcome for each, in the same order. What there is no time for is not tried.
    pub async fn deliver(&self, batch: &[Delivery]) -> Vec<Outcome> {
        pieces::deliver(self, &self.pieces, self.expiry + LAG, batch).await
    }

    /// So long it may take until messages are handed over, if they are to be over and done with before any of the leases
    /// ends.
    fn time_left<'a>(&self, deliveries: impl Iterator<Item = &'a Delivery>) -> Option<Duration> {
        let deadline = deliveries.map(|delivery| delivery.deadline).min()?;
        let left = deadline.saturating_duration_since(Instant::now());
        left.checked_sub(self.expiry + LAG + LEASE_MARGIN)
    }

    async fn hand_over(&self, connection: &Connection, items: &[(&Delivery, Message)]) -> Vec<Sent> {
        let begun = Instant::now();
        let handed_over: Vec<_> = items.iter().map(|(_, message)| connection.send(message)).collect();
        let until = tokio::time::Instant::now() + self.expiry + LAG;
        join_all(handed_over.into_iter().map(async |handed_over| {
            let told = match handed_over {
                Ok(told) => tokio::time::timeout_at(until, told).await,
                Err(code) => return Sent::Judged(answer::of_unsent(code)),
            };
            if let Ok(Ok(told)) = told {
                return judged(told, connection, begun);
            }
            connection.is_stuck();
            let message = format!("no word of it within {:?}", self.expiry + LAG);
            let failure = Failure::uncertain(FailureClass::Timeout, message);
            Sent::Judged(Outcome::Retry { failure, after: None })
        }))
        .await
    }

    /// What was refused together goes once more, each by itself, as far as there is time for it.
    async fn told(&self, connection: &Connection, items: &[(&Delivery, Message)]) -> Vec<Option<Outcome>> {
        let begun = Instant::now();
        let mut told = Vec::new();
        for (sent, item) in self.hand_over(connection, items).await.into_iter().zip(items) {
            let outcome = match sent {
                Sent::RefusedTogether(_) if items.len() > 1 => {
                    let has_time = begun.elapsed() < self.expiry && self.time_left(iter::once(item.0)).is_some();
                    if has_time {
                        self.hand_over(connection, slice::from_ref(item)).await.pop()
                    } else {
                        None
                    }
                }
                sent => Some(sent),
            };
            told.push(outcome.map(|(Sent::RefusedTogether(outcome) | Sent::Judged(outcome))| outcome));
        }
        told
    }
}

impl Together for KafkaSink {
    type Item = Message;

    fn item(&self, delivery: &Delivery) -> Result<Message, Failure> {
        Ok(Message::new(delivery))
    }

    fn bytes(message: &Message) -> usize {
        message.value.as_deref().map_or(0, str::len)
    }

    async fn send(&self, items: &[(&Delivery, Message)], _: Duration) -> Told {
        let Some(time) = self.time_left(items.iter().map(|(delivery, _)| *delivery)) else {
            return Told::All(Outcome::NotTried);
        };
        let connection = match self.connections.get(time.min(self.expiry)).await {
            Ok(connection) => connection,
            Err(Away { failure, .. }) => return Told::All(Outcome::Retry { failure, after: None }),
        };
        let told = self.told(&connection, items).await;
        if told.iter().any(|told| matches!(told, Some(Outcome::Retry { .. }))) {
            connection.doubt();
        }
        // What is left alone for now goes alone the next time.
        let failure = Failure::certain(
            FailureClass::Conflict,
            "another message of its batch was refused, or this one",
        );
        Told::Partly(told, Outcome::Retry { failure, after: None })
    }
}

fn judged(told: events::Told, connection: &Connection, begun: Instant) -> Sent {
    match told {
        Ok(()) => Sent::Judged(Outcome::Delivered {
            status: None,
            remote: Remote::Same,
        }),
        Err((code, took)) => {
            let outcome = answer::of_refused(code, took, SECOND_TRY_MIN, connection.trouble.since(begun));
            if answer::may_be_another_s_fault(code) {
                Sent::RefusedTogether(outcome)
            } else {
                Sent::Judged(outcome)
            }
        }
    }
}

/// Only what cannot be a secret.
impl fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSink")
            .field("topic", &self.topic)
            .field("batching", &self.batching)
            .finish_non_exhaustive()
    }
}
