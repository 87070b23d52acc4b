//! Many deliveries in one request, as [`pieces`](crate::publish::pieces) cuts them.

use std::time::{Duration, Instant};

use super::answer::{self, Meaning};
use super::envelope::Item;
use super::results;
use super::sink::{Answered, HttpSink, time_allowed};
use crate::config::{self, Statuses};
use crate::publish::pieces::{Pieces, halves, may_be_one_s_fault};
use crate::publish::{Delivery, Outcome};

/// Too large, as a status.
const TOO_LARGE: u16 = 413;

/// What a sink that takes batches knows besides.
pub(super) struct Together {
    pub config: config::Batch,
    pub pieces: Pieces,
}

/// A request for several, as answered.
enum Told {
    Each(Vec<Outcome>),
    /// The same for all of them, whichever of them is to blame.
    All(Outcome),
}

impl Together {
    /// An outcome for each, in the same order. What there is no time for is not tried.
    pub async fn deliver(&self, sink: &HttpSink, batch: &[Delivery]) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::NotTried; batch.len()];
        let (mut places, mut items) = (Vec::new(), Vec::new());
        for (place, delivery) in batch.iter().enumerate() {
            match sink.requests.item(delivery) {
                Ok(item) => {
                    places.push(place);
                    items.push((delivery, item));
                }
                Err(unmakable) => {
                    outcomes[place] = Outcome::Rejected {
                        failure: unmakable.failure(),
                    };
                }
            }
        }
        let mut pieces = self
            .pieces
            .cut(items.iter().map(|(delivery, item)| (*delivery, item.text.len())));
        pieces.reverse();
        let (begun, mut refused) = (Instant::now(), false);
        while let Some(piece) = pieces.pop() {
            let here = &items[piece.clone()];
            let Some(time) = time_left(sink.timeout, here, begun) else {
                // Else the same would be refused together again and again.
                if refused {
                    self.pieces.part(here.iter().map(|(delivery, _)| *delivery));
                }
                continue;
            };
            match self.send(sink, here, time).await {
                Told::Each(told) => places[piece]
                    .iter()
                    .zip(told)
                    .for_each(|(place, told)| outcomes[*place] = told),
                Told::All(Outcome::Rejected { failure }) if here.len() > 1 => {
                    if failure.status == Some(TOO_LARGE) {
                        self.pieces
                            .too_large(here.iter().map(|(_, item)| item.text.len()).sum());
                    }
                    refused = true;
                    let [first, second] = halves(piece);
                    pieces.push(second);
                    pieces.push(first);
                }
                Told::All(told) => {
                    if here.len() > 1 && may_be_one_s_fault(&told) {
                        self.pieces.part(here.iter().map(|(delivery, _)| *delivery));
                    }
                    places[piece].iter().for_each(|place| outcomes[*place] = told.clone());
                }
            }
        }
        for (delivery, outcome) in batch.iter().zip(&outcomes) {
            if matches!(outcome, Outcome::Delivered { .. } | Outcome::Rejected { .. }) {
                self.pieces.settle(delivery);
            }
        }
        outcomes
    }

    async fn send(&self, sink: &HttpSink, items: &[(&Delivery, Item)], time: Duration) -> Told {
        let members: Vec<&Item> = items.iter().map(|(_, item)| item).collect();
        let request = match sink.requests.together(&members) {
            Ok(request) => request,
            Err(unmakable) => {
                return Told::All(Outcome::Rejected {
                    failure: unmakable.failure(),
                });
            }
        };
        match sink.ask(request, time, answer_bytes_max(items.len())).await {
            Ok(answered) => self.read(sink, &answered, items),
            Err(outcome) => Told::All(outcome),
        }
    }

    fn read(&self, sink: &HttpSink, answered: &Answered, items: &[(&Delivery, Item)]) -> Told {
        // What is accepted as a whole holds for deletes as for any other; that something is gone does not.
        let operation = crate::diff::Operation::Upsert;
        let statuses: &Statuses = &sink.statuses;
        let meaning = answer::meaning(statuses, operation, answered.status);
        let outcome = || answer::outcome(meaning, answered.status, answered.after, sink.message(answered));
        let (Meaning::Accepted, Some(pointer)) = (meaning, &self.config.results) else {
            if meaning == Meaning::Accepted {
                self.pieces.fits();
            }
            return Told::All(outcome());
        };
        self.pieces.fits();
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

/// For one more request, by the lease of each of them. What takes longer than one request may is left for another time:
/// others wait for the place.
fn time_left(timeout: Duration, items: &[(&Delivery, Item)], begun: Instant) -> Option<Duration> {
    let now = Instant::now();
    let deadline = items.iter().map(|(delivery, _)| delivery.deadline).min()?;
    let in_time = now.saturating_duration_since(begun) < timeout;
    time_allowed(timeout, deadline, now).filter(|_| in_time)
}

/// Most bytes of an answer that are read: so many for each of its results.
fn answer_bytes_max(items: usize) -> usize {
    (64 << 10) + items * (1 << 10)
}
