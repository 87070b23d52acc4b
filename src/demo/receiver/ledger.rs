//! What the receiver holds, and what happened to it.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use hyper::{HeaderMap, Method};

use super::apis::Apis;

/// The headers that are written down.
const HEADERS: [&str; 9] = [
    "walsift-sync",
    "walsift-key",
    "walsift-version",
    "walsift-operation",
    "walsift-count",
    "idempotency-key",
    "x-correlation-id",
    "traceparent",
    "content-type",
];

/// A document as it was accepted last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub body: String,
    /// From the header `Walsift-Version`.
    pub version: Option<i64>,
}

/// One line of the journal.
#[derive(Debug, Clone)]
pub struct Request {
    /// Counts from 0, in the order of arrival.
    pub number: usize,
    pub arrived: Instant,
    /// `None` while it is in flight.
    pub finished: Option<Instant>,
    pub method: Method,
    /// With the query, where there is one.
    pub path: String,
    pub body: String,
    pub answer: Answer,
    /// Whether what the receiver holds was brought in line with it.
    pub applied: bool,
    /// Whether another request for the same path was in flight at the same time.
    pub overlapped: bool,
    /// Whether it was answered, but not applied, as a younger version was there; see
    /// [`Receiver::guard`](super::Receiver::guard).
    pub outdated: bool,
    headers: Vec<(&'static str, String)>,
}

/// What the client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    Pending,
    Status(u16),
    /// Nothing: the connection was closed, by whichever side.
    Nothing,
}

impl Request {
    /// By its name in lower case; only those that the receiver writes down.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The version its document was sent as.
    pub fn version(&self) -> Option<i64> {
        self.header("walsift-version")?.parse().ok()
    }
}

/// What the receiver holds, and every request since its journal was last cleared.
#[derive(Debug, Default)]
pub struct Ledger {
    held: BTreeMap<String, Held>,
    journal: Vec<Request>,
    /// The number of the journal's first request: those before it were cleared away, none of them in flight.
    first: usize,
    /// Path → numbers of the requests that are neither answered nor cut off.
    in_flight: HashMap<String, Vec<usize>>,
    /// Path → the youngest version applied, of documents that were removed, too. `None` if nobody minds.
    youngest: Option<HashMap<String, i64>>,
    pub(super) apis: Apis,
}

impl Ledger {
    /// Path → document.
    pub fn held(&self) -> &BTreeMap<String, Held> {
        &self.held
    }

    pub fn body(&self, path: &str) -> Option<&str> {
        self.held.get(path).map(|held| held.body.as_str())
    }

    /// In the order of arrival.
    pub fn journal(&self) -> &[Request] {
        &self.journal
    }

    /// The journal of one path.
    pub fn requests<'a>(&'a self, path: &'a str) -> impl DoubleEndedIterator<Item = &'a Request> {
        self.journal.iter().filter(move |request| request.path == path)
    }

    /// How many requests are neither answered nor cut off.
    pub fn in_flight(&self) -> usize {
        self.in_flight.values().map(Vec::len).sum()
    }

    /// Writes a request down; answers with its number.
    pub(super) fn open(&mut self, method: Method, path: String, headers: &HeaderMap, body: String) -> usize {
        let number = self.first + self.journal.len();
        let others = self.in_flight.entry(path.clone()).or_default();
        for &other in others.iter() {
            if let Some(request) = self.journal.get_mut(other - self.first) {
                request.overlapped = true;
            }
        }
        let overlapped = !others.is_empty();
        others.push(number);
        let headers = HEADERS
            .into_iter()
            .filter_map(|name| {
                Some((
                    name,
                    String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned(),
                ))
            })
            .collect();
        self.journal.push(Request {
            number,
            arrived: Instant::now(),
            finished: None,
            method,
            path,
            body,
            answer: Answer::Pending,
            applied: false,
            overlapped,
            outdated: false,
            headers,
        });
        number
    }

    /// Does what the request asks for; answers with the fitting status and body, `None` if it is not in flight.
    pub(super) fn apply(&mut self, number: usize) -> Option<(u16, String)> {
        let request = self.journal.get_mut(number - self.first)?;
        let is_held = |path: &str| self.held.contains_key(path);
        let effects = self
            .apis
            .effects(&request.method, &request.path, &request.body, is_held);
        let Some(effects) = effects else {
            return Some((self.apply_to_place(number)?, String::new()));
        };
        request.applied = !effects.holds.is_empty();
        for (path, document) in effects.holds {
            match document {
                Some(body) => drop(self.held.insert(path, Held { body, version: None })),
                None => drop(self.held.remove(&path)),
            }
        }
        Some((effects.status, effects.body))
    }

    fn apply_to_place(&mut self, number: usize) -> Option<u16> {
        let request = self.journal.get_mut(number - self.first)?;
        if let (Some(youngest), Some(version)) = (&mut self.youngest, request.version()) {
            let youngest = youngest.entry(request.path.clone()).or_insert(version);
            if version < *youngest {
                request.outdated = true;
                return Some(200);
            }
            *youngest = version;
        }
        request.applied = true;
        if request.method == Method::DELETE {
            return Some(if self.held.remove(&request.path).is_some() {
                204
            } else {
                404
            });
        }
        let held = Held {
            body: request.body.clone(),
            version: request.version(),
        };
        Some(if self.held.insert(request.path.clone(), held).is_some() {
            200
        } else {
            201
        })
    }

    /// From now on older versions than what was applied are ignored.
    pub(super) fn guard(&mut self) {
        self.youngest.get_or_insert_default();
    }

    /// The request is no longer in flight.
    pub(super) fn close(&mut self, number: usize, answer: Answer) {
        let Some(request) = self.journal.get_mut(number - self.first) else {
            return;
        };
        request.finished = Some(Instant::now());
        request.answer = answer;
        if let Some(others) = self.in_flight.get_mut(&request.path) {
            others.retain(|&other| other != number);
            if others.is_empty() {
                self.in_flight.remove(&request.path);
            }
        }
    }

    /// Forgets the requests before the first that is still in flight, not what is held.
    pub(super) fn clear_journal(&mut self) {
        let unfinished = self.journal.iter().position(|request| request.finished.is_none());
        let cleared = unfinished.unwrap_or(self.journal.len());
        self.journal.drain(..cleared);
        self.first += cleared;
    }
}
