//! Sends deliveries in bulk requests, and says what became of each.

use std::fmt;
use std::time::{Duration, Instant};

use reqwest::{StatusCode, Url};
use secrecy::ExposeSecret;

use super::answer;
use super::index::Index;
use super::item::Names;
use crate::config::{self, Terms};
use crate::publish::http::preview;
use crate::publish::name::Name;
use crate::publish::pieces::{self, Pieces, Together, Told};
use crate::publish::web::{End, Secrets, Server, start_of, wanted_pause};
use crate::publish::{Batching, Delivery, Failure, Outcome, Reach, Unusable};

/// Most bytes of an answer that are read for each of its results.
const RESULT_BYTES_MAX: usize = 8 << 10;

pub struct ElasticSink {
    pub(super) server: Server,
    pub(super) index: Index,
    names: Names,
    pieces: Pieces,
    batching: Batching,
    timeout: Duration,
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

    pub async fn deliver(&self, batch: &[Delivery]) -> Vec<Outcome> {
        pieces::deliver(self, &self.pieces, self.timeout, batch).await
    }
}

impl Together for ElasticSink {
    /// Its lines.
    type Item = String;

    fn item(&self, delivery: &Delivery) -> Result<String, Failure> {
        self.names.lines(delivery)
    }

    fn bytes(lines: &String) -> usize {
        lines.len()
    }

    async fn send(&self, items: &[(&Delivery, String)], time: Duration) -> Told {
        let until = Instant::now() + time;
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

/// Only what cannot be a secret.
impl fmt::Debug for ElasticSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElasticSink")
            .field("batching", &self.batching)
            .finish_non_exhaustive()
    }
}
