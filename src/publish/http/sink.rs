//! One HTTP endpoint: sends the request for a delivery, and says what became of it.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, USER_AGENT,
};
use reqwest::{Response, Url};
use secrecy::ExposeSecret;

use super::address::Unfillable;
use super::answer;
use super::preview;
use super::request::{Request, Requests};
use super::sign::{self, Signer};
use crate::config::{self, Terms};
use crate::diff::Operation;
use crate::publish::web::{REDACTED, Secrets, Server, start_of, wanted_pause};
use crate::publish::{Delivery, Failure, FailureClass, Outcome, Reach, Remote, Unusable};

/// What is left of a lease when a request has to be over: the outcome must still be recorded under it.
const LEASE_MARGIN: Duration = Duration::from_millis(200);

/// With less time than this a request is more likely to fail than not.
const REQUEST_TIME_MIN: Duration = Duration::from_millis(100);

/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 16 << 10;

pub struct HttpSink {
    server: Server,
    requests: Requests,
    signer: Signer,
    timeout: Duration,
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
        let secrets = Secrets::new(secret_headers(requests.headers()), &sample, requests.literals());
        let signing = config
            .sign
            .iter()
            .map(|secret| sign::key_of(secret.text.expose_secret()));
        let secrets = signing.fold(secrets, Secrets::with);
        Ok(Self {
            server: Server::new(&config.access, terms, config.gzip, &sample, secrets).map_err(unusable)?,
            requests,
            signer: Signer::new(&config.sign),
            timeout: terms.timeout,
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
        let request = match self.request(delivery) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        match self.server.send(request, time).await {
            Ok(response) => self.answered(delivery.operation, response).await,
            Err(outcome) => outcome,
        }
    }

    /// Whether somebody is there, without telling them anything.
    pub async fn reach(&self, time: Duration) -> Reach {
        match self.requests.beginning() {
            Ok(url) => self.server.reach(url, time).await,
            Err(_) => Reach::NOTHING_TO_TRY,
        }
    }

    /// The request as it would be sent, without secrets.
    pub fn preview(&self, delivery: &Delivery) -> Result<String, Failure> {
        let request = self.request(delivery).map_err(|outcome| match outcome {
            Outcome::Retry { failure, .. } | Outcome::Rejected { failure } => failure,
            Outcome::Delivered { .. } | Outcome::NotTried => unreachable!("nothing was sent"),
        })?;
        let mut further = Vec::new();
        if self.server.has_credentials() {
            further.push((AUTHORIZATION, REDACTED));
        }
        if self.server.compresses(&request) {
            further.push((CONTENT_ENCODING, "gzip"));
        }
        Ok(preview::text(&request, &further, self.server.secrets()))
    }

    /// The request for a delivery, or the outcome that there can be none.
    fn request(&self, delivery: &Delivery) -> Result<Request, Outcome> {
        let request = self.requests.single(delivery);
        let mut request = request.map_err(|unfillable| Outcome::Rejected {
            failure: impossible(&unfillable),
        })?;
        let signed = self.signer.sign(&mut request, SystemTime::now(), self.server.secrets());
        signed.map_err(|message| Outcome::Retry {
            failure: Failure::certain(FailureClass::Configuration, message),
            after: None,
        })?;
        Ok(request)
    }

    async fn answered(&self, operation: Operation, mut response: Response) -> Outcome {
        let status = response.status();
        let after = wanted_pause(&response);
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let leads_to = location.map_or("nowhere".to_owned(), |location| self.redirect(response.url(), location));
        // Read in any case: only then the connection can be used again.
        let (body, cut) = start_of(&mut response, ANSWER_BYTES_MAX).await;
        if answer::is_delivered(operation, status.as_u16()) {
            return Outcome::Delivered {
                status: Some(status.as_u16()),
                remote: Remote::Same,
            };
        }
        let said = if status.is_redirection() {
            format!("redirects are not followed, this one leads to {leads_to}")
        } else {
            self.server.secrets().excerpt(&String::from_utf8_lossy(&body), cut)
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
fn time_allowed(timeout: Duration, deadline: Instant, now: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(now).saturating_sub(LEASE_MARGIN);
    (left >= REQUEST_TIME_MIN.min(timeout) && !left.is_zero()).then(|| left.min(timeout))
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
