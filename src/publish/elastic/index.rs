//! Which index is written to, and how it is made. The only place that knows its name.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, Url};

use super::answer;
use crate::config;
use crate::publish::web::{Request, Server, start_of, wanted_pause};
use crate::publish::{Failure, FailureClass, Outcome};

/// Most bytes that are read of an answer about an index.
const ANSWER_BYTES_MAX: usize = 16 << 10;

pub(super) const EXISTS: &str = "resource_already_exists_exception";

pub(super) struct Index {
    /// Where the server answers.
    base: Url,
    /// The server's url with the name of the index.
    url: Url,
    name: String,
    pipeline: Option<String>,
    /// What the index is made from. `None`: that is left to the server.
    mapping: Option<Bytes>,
    /// Whether it was there when we last looked.
    is_there: AtomicBool,
}

impl Index {
    /// Says why not, without secrets.
    pub fn new(base: &Url, config: &config::ElasticSink) -> Result<Self, String> {
        let mut url = base.clone();
        url.path_segments_mut()
            .map_err(|()| "the url can't have a path".to_owned())?
            .pop_if_empty()
            .push(&config.index);
        Ok(Self {
            base: base.clone(),
            url,
            name: config.index.clone(),
            pipeline: config.pipeline.clone(),
            mapping: config.mapping.as_ref().map(|mapping| mapping.text.clone().into()),
            is_there: AtomicBool::new(false),
        })
    }

    pub fn url(&self) -> Url {
        self.url.clone()
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn mapping(&self) -> Option<Bytes> {
        self.mapping.clone()
    }

    /// Anything else on the same server.
    pub fn at(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Whether we see to it that it is there.
    pub fn is_looked_for(&self) -> bool {
        self.mapping.is_some()
    }

    /// A request that writes these lines.
    pub fn bulk(&self, lines: Bytes) -> Request {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push("_bulk");
        }
        url.query_pairs_mut().append_pair("filter_path", answer::FILTER);
        if let Some(pipeline) = &self.pipeline {
            url.query_pairs_mut().append_pair("pipeline", pipeline);
        }
        request(Method::POST, url, "application/x-ndjson", lines)
    }

    /// Whether what it holds went through a pipeline first.
    pub fn has_pipeline(&self) -> bool {
        self.pipeline.is_some()
    }

    /// Takes note that it was found missing.
    pub fn is_missing(&self) {
        if self.is_there.swap(false, Ordering::Relaxed) {
            tracing::warn!(
                index = self.name,
                "an index is gone, and with it the documents that were in it"
            );
        }
    }

    /// Sees to it that the index is there, if it is ours to make; or says what it means for what was to be delivered.
    /// Several processes may do so at a time.
    pub async fn prepare(&self, server: &Server, time: Duration) -> Result<(), Outcome> {
        let Some(mapping) = &self.mapping else {
            return Ok(());
        };
        if self.is_there.load(Ordering::Relaxed) {
            return Ok(());
        }
        let is_new = self.look_or_make(mapping, server, time).await.map_err(before_any)?;
        if is_new {
            tracing::info!(
                index = self.name,
                "an index was missing and has been made from its mapping"
            );
        }
        self.is_there.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Answers whether it was made.
    async fn look_or_make(&self, mapping: &Bytes, server: &Server, time: Duration) -> Result<bool, Outcome> {
        let until = Instant::now() + time;
        let look = request(Method::HEAD, self.url(), "application/json", Bytes::new());
        let found = server.send(look, time).await?;
        match found.status().as_u16() {
            200..300 => Ok(false),
            404 => {
                let make = request(Method::PUT, self.url(), "application/json", mapping.clone());
                let left = until.saturating_duration_since(Instant::now());
                made(server, server.send(make, left).await?).await
            }
            _ => Err(told(server, found, "looking for the index").await.0),
        }
    }
}

/// Whether it was we who made it.
async fn made(server: &Server, response: Response) -> Result<bool, Outcome> {
    if response.status().is_success() {
        return Ok(true);
    }
    let (outcome, said) = told(server, response, "making the index").await;
    if said.contains(EXISTS) { Ok(false) } else { Err(outcome) }
}

async fn told(server: &Server, mut response: Response, doing: &str) -> (Outcome, String) {
    let (status, after) = (response.status(), wanted_pause(&response));
    let (body, _) = start_of(&mut response, ANSWER_BYTES_MAX).await;
    let said = String::from_utf8_lossy(&body).into_owned();
    let message = format!("{doing}: {status}: {}", server.secrets().excerpt(&said, false));
    (answer::whole(&body, status.as_u16(), after, message), said)
}

/// No document was sent: none of them is to blame, and what the index holds of them is known.
fn before_any(outcome: Outcome) -> Outcome {
    let certain = |failure| Failure {
        certain: true,
        ..failure
    };
    match outcome {
        Outcome::Retry { failure, after } => Outcome::Retry {
            failure: certain(failure),
            after,
        },
        Outcome::Rejected { failure } => Outcome::Retry {
            failure: certain(Failure {
                class: FailureClass::Configuration,
                ..failure
            }),
            after: None,
        },
        other => other,
    }
}

pub(super) fn request(method: Method, url: Url, content: &'static str, body: Bytes) -> Request {
    let mut headers = HeaderMap::new();
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    }
    Request {
        method,
        url,
        headers,
        body,
    }
}
