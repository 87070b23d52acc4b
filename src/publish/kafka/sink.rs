//! Sends deliveries as messages, and says what became of each.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::answer;
use super::connection::Connection;
use super::connections::{Away, Connections};
use super::events::Told;
use super::message::Message;
use super::settings::SECOND_TRY_MIN;
use crate::config::{self, Terms};
use crate::publish::pieces::Pieces;
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
        let mut outcomes = vec![Outcome::NotTried; batch.len()];
        let Some(time) = self.time_left(batch) else {
            return outcomes;
        };
        let connection = match self.connections.get(time.min(self.expiry)).await {
            Ok(connection) => connection,
            Err(away) => {
                let failure = away.failure;
                return vec![Outcome::Retry { failure, after: None }; batch.len()];
            }
        };
        let mut pieces = self.pieces.cut(batch.iter().map(|it| (it, it.document.len())));
        pieces.reverse();
        let begun = Instant::now();
        while let Some(piece) = pieces.pop() {
            let here = &batch[piece.clone()];
            if begun.elapsed() >= self.expiry || self.time_left(here).is_none() {
                continue;
            }
            let sent = self.send(&connection, here).await;
            let alone = here.len() == 1;
            let mut suspects: Vec<Range<usize>> = Vec::new();
            for (place, sent) in piece.zip(sent) {
                match sent {
                    Sent::RefusedTogether(_) if !alone => suspects.push(place..place + 1),
                    Sent::RefusedTogether(outcome) | Sent::Judged(outcome) => outcomes[place] = outcome,
                }
            }
            // For now, and if there is no time for it, for later.
            self.pieces.part(suspects.iter().map(|one| &batch[one.start]));
            pieces.extend(suspects.into_iter().rev());
        }
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Retry { .. })) {
            connection.doubt();
        }
        let known = |outcome: &Outcome| matches!(outcome, Outcome::Delivered { .. } | Outcome::Rejected { .. });
        let settled = batch.iter().zip(&outcomes).filter(|(_, outcome)| known(outcome));
        settled.for_each(|(delivery, _)| self.pieces.settle(delivery));
        outcomes
    }

    /// So long it may take until their messages are handed over, if these are to be over and done with before any of the
    /// leases ends.
    fn time_left(&self, deliveries: &[Delivery]) -> Option<Duration> {
        let deadline = deliveries.iter().map(|delivery| delivery.deadline).min()?;
        let left = deadline.saturating_duration_since(Instant::now());
        left.checked_sub(self.expiry + LAG + LEASE_MARGIN)
    }

    async fn send(&self, connection: &Connection, deliveries: &[Delivery]) -> Vec<Sent> {
        let begun = Instant::now();
        let handed_over: Vec<_> = deliveries
            .iter()
            .map(|delivery| connection.send(&Message::new(delivery)))
            .collect();
        let until = tokio::time::Instant::now() + self.expiry + LAG;
        join_all(handed_over.into_iter().map(async |handed_over| match handed_over {
            Ok(told) => match tokio::time::timeout_at(until, told).await {
                Ok(Ok(told)) => judged(told, connection, begun),
                Ok(Err(_)) | Err(_) => {
                    connection.is_stuck();
                    let message = format!("no word of it within {:?}", self.expiry + LAG);
                    let failure = Failure::uncertain(FailureClass::Timeout, message);
                    Sent::Judged(Outcome::Retry { failure, after: None })
                }
            },
            Err(code) => Sent::Judged(answer::of_unsent(code)),
        }))
        .await
    }
}

fn judged(told: Told, connection: &Connection, begun: Instant) -> Sent {
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
