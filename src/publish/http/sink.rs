//! One HTTP endpoint: sends the request for a delivery, and says what became of it.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, USER_AGENT};
use reqwest::{Response, Url};
use secrecy::ExposeSecret;

use super::answer;
use super::preview;
use super::remote;
use super::request::{Purpose, Request, Requests};
use super::sign::{self, Signer};
use super::together::Together;
use crate::config::{self, Pointer, Statuses, Terms};
use crate::diff::Operation;
use crate::publish::pieces::Pieces;
use crate::publish::web::{End, Secrets, Server, start_of, wanted_pause};
use crate::publish::{Batching, Delivery, Failure, FailureClass, Outcome, Reach, Unusable};

/// What is left of a lease when a request has to be over: the outcome must still be recorded under it.
const LEASE_MARGIN: Duration = Duration::from_millis(200);

/// With less time than this a request is more likely to fail than not.
const REQUEST_TIME_MIN: Duration = Duration::from_millis(100);

/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// The same of one that has to name an id.
const CREATED_BYTES_MAX: usize = 1 << 20;

pub struct HttpSink {
    pub(super) server: Server,
    pub(super) requests: Requests,
    signer: Signer,
    pub(super) statuses: Statuses,
    /// Where an answer to a create names the id.
    id: Option<Pointer>,
    together: Option<Together>,
    pub(super) timeout: Duration,
    pub(super) concurrency: usize,
}

/// An answer, as far as it was read.
pub(super) struct Answered {
    pub status: u16,
    /// The status in words, and for a redirect where it leads.
    said: String,
    /// What `Retry-After` says.
    pub after: Option<Duration>,
    location: Option<String>,
    pub body: String,
    pub end: End,
}

impl HttpSink {
    /// Needs a process-wide rustls provider, which `main` installs.
    pub fn new(name: &str, config: &config::HttpSink, terms: &Terms) -> Result<Self, Unusable> {
        let unusable = |reason| Unusable {
            sink: name.to_owned(),
            reason,
        };
        let requests = Requests::new(config).map_err(unusable)?;
        let samples = requests.samples().map_err(unusable)?;
        let urls: Vec<_> = samples.iter().cloned().zip(requests.literals()).collect();
        let secrets = Secrets::new(requests.headers().flat_map(secret_headers), &urls);
        let signing = config
            .sign
            .iter()
            .map(|secret| sign::key_of(secret.text.expose_secret()));
        let secrets = signing.fold(secrets, Secrets::with);
        let server = Server::new(&config.access, terms, config.gzip, &samples, secrets).map_err(unusable)?;
        let together = config.requests.batch.clone().map(|config| Together {
            config,
            pieces: Pieces::new(),
        });
        Ok(Self {
            server,
            requests,
            signer: Signer::new(&config.sign),
            statuses: config.requests.statuses.clone(),
            id: config.requests.create.as_ref().map(|create| create.id.clone()),
            together,
            timeout: terms.timeout,
            concurrency: terms.concurrency,
        })
    }

    pub fn placeholders(&self, operation: Operation) -> Vec<&str> {
        self.requests.placeholders(operation)
    }

    pub fn batching(&self) -> Batching {
        match &self.together {
            Some(together) => Batching {
                deliveries: together.config.max,
                bytes: together.config.bytes,
            },
            None => Batching::SINGLE,
        }
    }

    /// An outcome for each, in the same order. Ends before the earliest of their deadlines.
    pub async fn deliver(&self, batch: &[Delivery]) -> Vec<Outcome> {
        match &self.together {
            Some(together) => together.deliver(self, batch).await,
            None => join_all(batch.iter().map(|delivery| self.deliver_one(delivery))).await,
        }
    }

    /// Sends one request.
    pub(super) async fn deliver_one(&self, delivery: &Delivery) -> Outcome {
        let Some(time) = time_allowed(self.timeout, delivery.deadline, Instant::now()) else {
            return Outcome::NotTried;
        };
        let request = match self.requests.single(delivery) {
            Ok(request) => request,
            Err(unmakable) => {
                return Outcome::Rejected {
                    failure: unmakable.failure(),
                };
            }
        };
        let purpose = self.requests.purpose(delivery);
        let most = if purpose == Purpose::Create {
            CREATED_BYTES_MAX
        } else {
            ANSWER_BYTES_MAX
        };
        match self.ask(request, time, most).await {
            Ok(answered) => self.told(purpose, delivery.operation, &answered),
            Err(outcome) => outcome,
        }
    }

    /// What an answer means for a single delivery.
    fn told(&self, purpose: Purpose, operation: Operation, answered: &Answered) -> Outcome {
        let meaning = answer::meaning(&self.statuses, operation, answered.status);
        let outcome = answer::outcome(meaning, answered.status, answered.after, self.message(answered));
        let Some(id) = &self.id else {
            return outcome;
        };
        let answer = remote::Answer {
            status: answered.status,
            says_lost: answer::says_lost(&self.statuses, answered.status),
            body: &answered.body,
            end: answered.end,
            location: answered.location.as_deref(),
        };
        remote::told(purpose, meaning, &answer, id, outcome)
    }

    /// Signs a request, sends it, and reads so much of the answer; without one, the outcome.
    pub(super) async fn ask(
        &self,
        mut request: Request,
        time: Duration,
        bytes_max: usize,
    ) -> Result<Answered, Outcome> {
        let signed = self.sign(&mut request);
        signed.map_err(|failure| Outcome::Retry { failure, after: None })?;
        let response = self.server.send(request, time).await?;
        Ok(self.answered(response, bytes_max).await)
    }

    /// By secrets of which some may be in files, which may be mended while we run.
    fn sign(&self, request: &mut Request) -> Result<(), Failure> {
        let signed = self.signer.sign(request, SystemTime::now(), self.server.secrets());
        signed.map_err(|message| Failure::certain(FailureClass::Configuration, message))
    }

    /// Whether somebody is there, without telling them anything.
    pub async fn reach(&self, time: Duration) -> Reach {
        let mut reach = Reach::NOTHING_TO_TRY;
        let reached = self
            .requests
            .beginnings()
            .into_iter()
            .map(|url| self.server.reach(url, time));
        for Reach { tried, wrong } in join_all(reached).await {
            reach.tried.extend(tried);
            reach.wrong = reach.wrong.or(wrong);
        }
        reach
    }

    /// The request as it would be sent for this delivery alone, without secrets.
    pub fn preview(&self, delivery: &Delivery) -> Result<String, Failure> {
        let request = match &self.together {
            None => self.requests.single(delivery),
            Some(_) => self
                .requests
                .item(delivery)
                .and_then(|item| self.requests.together(&[&item])),
        };
        let mut request = request.map_err(|unmakable| unmakable.failure())?;
        self.sign(&mut request)?;
        Ok(preview::text(
            &request,
            &self.server.further_headers(&request),
            self.server.secrets(),
        ))
    }

    async fn answered(&self, mut response: Response, bytes_max: usize) -> Answered {
        let status = response.status();
        let after = wanted_pause(&response);
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        let mut said = status.to_string();
        if status.is_redirection() {
            let place = location
                .as_deref()
                .map(|location| self.redirect(response.url(), location));
            let place = place.as_deref().unwrap_or("nowhere");
            said += ": redirects are not followed, this one leads to ";
            said += place;
        }
        // Read in any case: only then the connection can be used again.
        let (body, end) = start_of(&mut response, bytes_max).await;
        Answered {
            status: status.as_u16(),
            said,
            after,
            location,
            body: String::from_utf8_lossy(&body).into_owned(),
            end,
        }
    }

    /// An answer for people.
    pub(super) fn message(&self, answered: &Answered) -> String {
        let body = if (300..400).contains(&answered.status) {
            String::new()
        } else {
            self.server.secrets().excerpt(&answered.body, answered.end == End::Cut)
        };
        let colon = if body.is_empty() { "" } else { ": " };
        format!("{}{colon}{body}", answered.said)
    }

    /// Where a redirect leads, without what may be a secret of either side. `from` is the url that was asked.
    fn redirect(&self, from: &Url, location: &str) -> String {
        match from.join(location) {
            Ok(url) => {
                let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                self.server
                    .secrets()
                    .excerpt(&format!("{scheme}://{host}{port}{}", url.path()), false)
            }
            Err(_) => "no valid url".to_owned(),
        }
    }
}

/// Only what cannot be a secret.
impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The values that may be secrets, which is to say all but a few.
fn secret_headers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let secret = headers.iter().filter(|(name, _)| !is_harmless(name));
    secret.filter_map(|(_, value)| value.to_str().ok())
}

/// A message about `application/json` is worth reading.
pub(super) fn is_harmless(name: &HeaderName) -> bool {
    [ACCEPT, CONTENT_TYPE, USER_AGENT].contains(name)
}

/// How long a request may take, or `None` if too little is left of the lease.
pub(in crate::publish) fn time_allowed(timeout: Duration, deadline: Instant, now: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(now).saturating_sub(LEASE_MARGIN);
    (left >= REQUEST_TIME_MIN.min(timeout) && !left.is_zero()).then(|| left.min(timeout))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_request_ends_before_the_lease_does() {
        let now = Instant::now();
        let ms = Duration::from_millis;
        #[rustfmt::skip]
        let cases = [
            // timeout, left of the lease, allowed
            (ms(10_000), ms(60_000), Some(ms(10_000))),
            (ms(10_000), ms(10_200), Some(ms(10_000))),
            (ms(10_000), ms(10_000), Some(ms(9_800))),
            (ms(10_000), ms(300),    Some(ms(100))),
            (ms(10_000), ms(299),    None),
            (ms(10_000), ms(0),      None),
            (ms(20),     ms(220),    Some(ms(20))),
            (ms(20),     ms(219),    None),
        ];
        for (timeout, left, allowed) in cases {
            assert_eq!(
                time_allowed(timeout, now + left, now),
                allowed,
                "{timeout:?}, {left:?} left"
            );
        }
        assert_eq!(
            time_allowed(ms(10_000), now, now + ms(1)),
            None,
            "the lease has run out"
        );
    }
}
