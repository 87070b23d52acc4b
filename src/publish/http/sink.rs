//! One HTTP endpoint: sends the request for a delivery, and says what became of it.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{self, ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, Url};

use super::address::Unfillable;
use super::answer::{self, Silence};
use super::client::client;
use super::excerpt::Secrets;
use super::request::{Request, Requests};
use crate::config::{self, Terms};
use crate::diff::Operation;
use crate::publish::{Delivery, Failure, FailureClass, Outcome, Remote, Unusable};

/// What is left of a lease when a request has to be over: the outcome must still be recorded under it.
const LEASE_MARGIN: Duration = Duration::from_millis(200);

/// With less time than this a request is more likely to fail than not.
const REQUEST_TIME_MIN: Duration = Duration::from_millis(100);

/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 16 << 10;

pub struct HttpSink {
    client: Client,
    requests: Requests,
    timeout: Duration,
    secrets: Secrets,
}

impl HttpSink {
    /// Needs a process-wide rustls provider, which `main` installs.
    pub fn new(name: &str, config: &config::HttpSink, terms: &Terms) -> Result<Self, Unusable> {
        let unusable = |reason| Unusable {
            sink: name.to_owned(),
            reason,
        };
        let requests = Requests::new(config).map_err(unusable)?;
        let sample = requests.sample().map_err(unusable)?;
        let client = client(terms, &sample).map_err(unusable)?;
        let secrets = Secrets::new(secret_headers(requests.headers()), &sample, requests.literals());
        Ok(Self {
            client,
            requests,
            timeout: terms.timeout,
            secrets,
        })
    }

    pub fn placeholders(&self) -> Vec<&str> {
        self.requests.placeholders()
    }

    /// Sends one request. Ends before the delivery's deadline.
    pub async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let Some(time) = time_allowed(self.timeout, delivery.deadline, Instant::now()) else {
            return Outcome::NotTried;
        };
        let request = match self.requests.single(delivery) {
            Ok(request) => request,
            Err(unfillable) => {
                return Outcome::Rejected {
                    failure: impossible(&unfillable),
                };
            }
        };
        match self.send(request, time).await {
            Ok(response) => self.answered(delivery.operation, response).await,
            Err(error) => self.unanswered(error, time),
        }
    }

    async fn send(&self, request: Request, time: Duration) -> Result<Response, reqwest::Error> {
        let Request {
            method,
            url,
            headers,
            body,
        } = request;
        let mut sent = self.client.request(method, url).headers(headers).timeout(time);
        if !body.is_empty() {
            sent = sent.body(body);
        }
        sent.send().await
    }

    async fn answered(&self, operation: Operation, mut response: Response) -> Outcome {
        let status = response.status();
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| HeaderValue::to_str(value).ok())
        };
        let after = header(RETRY_AFTER).and_then(|value| answer::retry_after(value, SystemTime::now()));
        let leads_to =
            header(LOCATION).map_or("nowhere".to_owned(), |location| self.redirect(response.url(), location));
        // Read in any case: only then the connection can be used again.
        let (body, cut) = start_of_body(&mut response).await;
        if answer::is_delivered(operation, status.as_u16()) {
            return Outcome::Delivered {
                status: Some(status.as_u16()),
                remote: Remote::Same,
            };
        }
        let said = if status.is_redirection() {
            format!("redirects are not followed, this one leads to {leads_to}")
        } else {
            self.secrets.excerpt(&String::from_utf8_lossy(&body), cut)
        };
        let colon = if said.is_empty() { "" } else { ": " };
        answer::outcome(operation, status.as_u16(), after, format!("{status}{colon}{said}"))
    }

    /// Where a redirect leads, without what may be a secret of either side. `from` is the url that was asked.
    fn redirect(&self, from: &Url, location: &str) -> String {
        match from.join(location) {
            Ok(url) => {
                let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                self.secrets
                    .excerpt(&format!("{scheme}://{host}{port}{}", url.path()), false)
            }
            Err(_) => "no valid url".to_owned(),
        }
    }

    fn unanswered(&self, error: reqwest::Error, time: Duration) -> Outcome {
        let silence = Silence::of(&error);
        let message = match silence {
            Silence::Timeout => format!("no answer within {time:?}"),
            Silence::NoConnection => format!("could not connect: {}", self.causes(error)),
            Silence::Broken => format!("the connection broke: {}", self.causes(error)),
            Silence::NoRequest => format!("the request could not be made: {}", self.causes(error)),
        };
        silence.outcome(message)
    }

    /// What an error says and all that caused it, without the url, which has secrets.
    fn causes(&self, error: reqwest::Error) -> String {
        let error = error.without_url();
        let mut causes = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        causes.dedup();
        self.secrets.excerpt(&causes.join(": "), false)
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

/// The values that may be secrets, which is to say all but a few: a message about `application/json` is worth reading.
fn secret_headers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let secret = headers
        .iter()
        .filter(|(name, _)| ![ACCEPT, CONTENT_TYPE, header::USER_AGENT].contains(name));
    secret.filter_map(|(_, value)| value.to_str().ok())
}

/// How long a request may take, or `None` if too little is left of the lease.
fn time_allowed(timeout: Duration, deadline: Instant, now: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(now).saturating_sub(LEASE_MARGIN);
    (left >= REQUEST_TIME_MIN.min(timeout) && !left.is_zero()).then(|| left.min(timeout))
}

/// The first bytes of the body, and whether there were more. A body that breaks off has ended: the status stands.
async fn start_of_body(response: &mut Response) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_BYTES_MAX - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            return (body, true);
        }
        body.extend_from_slice(&chunk);
    }
    (body, false)
}

fn impossible(unfillable: &Unfillable) -> Failure {
    Failure::certain(FailureClass::Configuration, unfillable.to_string())
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
