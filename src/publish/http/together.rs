//! Many deliveries in one request, as [`pieces`](crate::publish::pieces) cuts them.

use std::time::Duration;

use super::answer::{self, Meaning};
use super::envelope::Item;
use super::results;
use super::sink::{Answered, HttpSink};
use crate::config::{self, Statuses};
use crate::publish::pieces::{self, Pieces, Told};
use crate::publish::{Delivery, Failure, Outcome};

/// What a sink that takes batches knows besides.
pub(super) struct Together {
    pub config: config::Batch,
    pub pieces: Pieces,
}

/// The sink, with what it knows of batches.
struct Batches<'a> {
    sink: &'a HttpSink,
    config: &'a config::Batch,
}

impl Together {
    pub async fn deliver(&self, sink: &HttpSink, batch: &[Delivery]) -> Vec<Outcome> {
        let config = &self.config;
        pieces::deliver(&Batches { sink, config }, &self.pieces, sink.timeout, batch).await
    }
}

impl pieces::Together for Batches<'_> {
    type Item = Item;

    fn item(&self, delivery: &Delivery) -> Result<Item, Failure> {
        self.sink
            .requests
            .item(delivery)
            .map_err(|unmakable| unmakable.failure())
    }

    fn bytes(item: &Item) -> usize {
        item.text.len()
    }

    async fn send(&self, items: &[(&Delivery, Item)], time: Duration) -> Told {
        let members: Vec<&Item> = items.iter().map(|(_, item)| item).collect();
        let request = match self.sink.requests.together(&members) {
            Ok(request) => request,
            Err(unmakable) => {
                return Told::All(Outcome::Rejected {
                    failure: unmakable.failure(),
                });
            }
        };
        match self.sink.ask(request, time, answer_bytes_max(items.len())).await {
            Ok(answered) => self.read(&answered, items),
            Err(outcome) => Told::All(outcome),
        }
    }
}

impl Batches<'_> {
    fn read(&self, answered: &Answered, items: &[(&Delivery, Item)]) -> Told {
        let sink = self.sink;
        // What is accepted as a whole holds for deletes as for any other; that something is gone does not.
        let operation = crate::diff::Operation::Upsert;
        let statuses: &Statuses = &sink.statuses;
        let meaning = answer::meaning(statuses, operation, answered.status);
        let outcome = || answer::outcome(meaning, answered.status, answered.after, sink.message(answered));
        let (Meaning::Accepted, Some(pointer)) = (meaning, &self.config.results) else {
            return Told::All(outcome());
        };
        let reader = results::Reader {
            statuses,
            secrets: sink.server.secrets(),
            status: answered.status,
            after: answered.after,
        };
        let operations: Vec<_> = items.iter().map(|(delivery, _)| delivery.operation).collect();
        Told::Each(reader.outcomes(&answered.body, pointer, &operations))
    }
}

/// Most bytes of an answer that are read: so many for each of its results.
fn answer_bytes_max(items: usize) -> usize {
    (64 << 10) + items * (1 << 10)
}
