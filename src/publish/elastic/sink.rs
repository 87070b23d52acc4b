//! Sends deliveries in bulk requests, and says what became of each.

use std::fmt;
use std::time::{Duration, Instant};

use reqwest::{StatusCode, Url};
use secrecy::ExposeSecret;

use super::answer;
use super::index::Index;
use super::item::Names;
use crate::config::{self, Terms};
use crate::publish::http::{preview, time_allowed};
use crate::publish::name::Name;
use crate::publish::pieces::{Pieces, halves, may_be_one_s_fault};
use crate::publish::web::{End, Secrets, Server, start_of, wanted_pause};
use crate::publish::{Batching, Delivery, Failure, Outcome, Reach, Unusable};

/// Too large, as a status.
const TOO_LARGE: u16 = 413;

/// Most bytes of an answer that are read for each of its results.
const RESULT_BYTES_MAX: usize = 8 << 10;

pub struct ElasticSink {
    server: Server,
    index: Index,
    names: Names,
    pieces: Pieces,
    batching: Batching,
    timeout: Duration,
}

/// A request for several, as answered.
enum Told {
    Each(Vec<Outcome>),
    /// The same for all of them, whichever of them is to blame.
    All(Outcome),
}

impl ElasticSink {
    /// Needs a process-wide rustls provider, which `main` installs.
    pub fn new(name: &str, config: &config::ElasticSink, terms: &Terms) -> Result<Self, Unusable> {
        let unusable = |reason| Unusable {
            sink: name.to_owned(),
            reason,
        };
        let base = Url::parse(config.url.expose_secret())
            .map_err(|error| unusable(format!("the url is not valid: {error}")))?;
        let secrets = Secrets::new(std::iter::empty(), &[(base.clone(), vec![base.path()])]);
        let samples = std::slice::from_ref(&base);
        let server = Server::new(&config.access, terms, config.gzip, samples, secrets).map_err(unusable)?;
        let template = |text: &Option<String>| text.as_deref().map(Name::parse).transpose().map_err(unusable);
        Ok(Self {
            server,
            index: Index::new(&base, config).map_err(unusable)?,
            names: Names {
                id: template(&config.id)?,
                routing: template(&config.routing)?,
            },
            pieces: Pieces::new(),
            batching: Batching {
                deliveries: config.max,
                bytes: config.bytes,
            },
            timeout: terms.timeout,
        })
    }

    pub fn batching(&self) -> Batching {
        self.batching
    }

    pub fn placeholders(&self) -> Vec<&str> {
        let names = [&self.names.id, &self.names.routing];
        names.into_iter().flatten().flat_map(Name::placeholders).collect()
    }

    pub async fn reach(&self, time: Duration) -> Reach {
        let wrong = |status: StatusCode| match status.as_u16() {
            200..300 | 404 => None,
            // Who may write need not be allowed to look.
            403 if !self.index.is_looked_for() => None,
            _ => Some("the index could not be looked for"),
        };
        self.server.reach_for(self.index.url(), time, wrong).await
    }

    /// The request as it would be sent for this delivery alone, without secrets.
    pub fn preview(&self, delivery: &Delivery) -> Result<String, Failure> {
        let request = self.index.bulk(self.names.lines(delivery)?.into());
        Ok(preview::text(
            &request,
            &self.server.further_headers(&request),
            self.server.secrets(),
        ))
    }

    /// An outcome for each, in the same order. What there is no time for is not tried.
    pub async fn deliver(&self, batch: &[Delivery]) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::NotTried; batch.len()];
        let (mut places, mut items) = (Vec::new(), Vec::new());
        for (place, delivery) in batch.iter().enumerate() {
            match self.names.lines(delivery) {
                Ok(lines) => {
                    places.push(place);
                    items.push((delivery, lines));
                }
                Err(failure) => outcomes[place] = Outcome::Rejected { failure },
            }
        }
        let mut pieces = self
            .pieces
            .cut(items.iter().map(|(delivery, lines)| (*delivery, lines.len())));
        pieces.reverse();
        let (begun, mut refused) = (Instant::now(), false);
        while let Some(piece) = pieces.pop() {
            let here = &items[piece.clone()];
            let deliveries = || here.iter().map(|(delivery, _)| *delivery);
            let Some(until) = self.until(here, begun) else {
                // Else the same would be refused together again and again.
                if refused {
                    self.pieces.part(deliveries());
                }
                continue;
            };
            match self.send(here, until).await {
                Told::Each(told) => {
                    let told = places[piece].iter().zip(told);
                    told.for_each(|(place, told)| outcomes[*place] = told);
                }
                Told::All(Outcome::Rejected { failure }) if here.len() > 1 => {
                    if failure.status == Some(TOO_LARGE) {
                        self.pieces.too_large(here.iter().map(|(_, lines)| lines.len()).sum());
                    }
                    refused = true;
                    let [first, second] = halves(piece);
                    pieces.extend([second, first]);
                }
                Told::All(told) => {
                    if here.len() > 1 && is_uncertain(&told) && may_be_one_s_fault(&told) {
                        self.pieces.part(deliveries());
                    }
                    places[piece].iter().for_each(|place| outcomes[*place] = told.clone());
                }
            }
        }
        let known = |outcome: &Outcome| matches!(outcome, Outcome::Delivered { .. } | Outcome::Rejected { .. });
        let settled = batch.iter().zip(&outcomes).filter(|(_, outcome)| known(outcome));
        settled.for_each(|(delivery, _)| self.pieces.settle(delivery));
        outcomes
    }

    /// When one more request has to be over, by the lease of each of them. What takes longer than one request may is
    /// left for another time: others wait for the place.
    fn until(&self, items: &[(&Delivery, String)], begun: Instant) -> Option<Instant> {
        let now = Instant::now();
        let deadline = items.iter().map(|(delivery, _)| delivery.deadline).min()?;
        let in_time = now.saturating_duration_since(begun) < self.timeout;
        let time = time_allowed(self.timeout, deadline, now).filter(|_| in_time)?;
        Some(now + time)
    }

    async fn send(&self, items: &[(&Delivery, String)], until: Instant) -> Told {
        let left = || until.saturating_duration_since(Instant::now());
        if let Err(outcome) = self.index.prepare(&self.server, left()).await {
            return Told::All(outcome);
        }
        let lines: String = items.iter().map(|(_, lines)| lines.as_str()).collect();
        let sent = self.server.send(self.index.bulk(lines.into()), left()).await;
        let mut response = match sent {
            Ok(response) => response,
            Err(outcome) => return Told::All(outcome),
        };
        let (status, after) = (response.status(), wanted_pause(&response));
        let (body, end) = start_of(&mut response, (items.len() + 1) * RESULT_BYTES_MAX).await;
        if status.is_success() {
            self.pieces.fits();
            let operations: Vec<_> = items.iter().map(|(delivery, _)| delivery.operation).collect();
            let (outcomes, is_missing) = answer::outcomes(&body, &operations, after, self.server.secrets());
            if is_missing {
                self.index.is_missing();
            }
            return Told::Each(outcomes);
        }
        if status.as_u16() == 404 {
            self.index.is_missing();
        }
        let said = self
            .server
            .secrets()
            .excerpt(&String::from_utf8_lossy(&body), end == End::Cut);
        Told::All(answer::whole(
            &body,
            status.as_u16(),
            after,
            format!("{status}: {said}"),
        ))
    }
}

/// What is certain, such as a key that is refused, was not one document's doing.
fn is_uncertain(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Retry { failure, .. } if !failure.certain)
}

/// Only what cannot be a secret.
impl fmt::Debug for ElasticSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElasticSink")
            .field("batching", &self.batching)
            .finish_non_exhaustive()
    }
}
