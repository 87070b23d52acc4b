//! Reads documents back, by `_mget`, which sees what was written last without a refresh.
//!
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-mget>; errors of single documents are those of
//! `org.elasticsearch.action.get.TransportMultiGetAction`.

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::index;
use super::item::Named;
use super::sink::ElasticSink;
use crate::publish::web::{End, Request, start_of, wanted_pause};
use crate::publish::{Delivery, Held, Readable, Unread};

/// Documents in one request.
const PIECE: usize = 100;

/// Most bytes of an answer; where it is larger the documents are asked for in halves.
const ANSWER_BYTES_MAX: usize = 32 << 20;

const NO_INDEX: &str = "index_not_found_exception";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    docs: Vec<Doc<'a>>,
}

#[derive(Deserialize)]
struct Doc<'a> {
    #[serde(default)]
    found: bool,
    #[serde(borrow, rename = "_source")]
    source: Option<&'a RawValue>,
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
}

/// What was asked for, as far as it was told.
enum Told {
    Each(Vec<Held>),
    /// More than is read.
    TooLarge,
}

impl ElasticSink {
    pub fn readable(&self) -> Readable {
        Readable {
            compares: !self.index.has_pipeline(),
            forgets: false,
            scans: true,
        }
    }

    pub async fn read(&self, subjects: &[Delivery]) -> Result<Vec<Held>, Unread> {
        let mut held = vec![Held::Nothing; subjects.len()];
        let mut named = Vec::new();
        for (at, subject) in subjects.iter().enumerate() {
            match self.names.of(subject) {
                Ok(name) => named.push((at, name)),
                Err(reason) => held[at] = Held::Unreadable(reason),
            }
        }
        let mut pieces: Vec<&[(usize, Named)]> = named.chunks(PIECE).rev().collect();
        while let Some(piece) = pieces.pop() {
            match self.read_piece(piece).await? {
                Told::Each(told) => piece.iter().zip(told).for_each(|((at, _), told)| held[*at] = told),
                Told::TooLarge if piece.len() > 1 => {
                    let (front, back) = piece.split_at(piece.len() / 2);
                    pieces.extend([back, front]);
                }
                Told::TooLarge => held[piece[0].0] = Held::Unreadable("the document is too large".to_owned()),
            }
        }
        Ok(held)
    }

    async fn read_piece(&self, piece: &[(usize, Named)]) -> Result<Told, Unread> {
        let docs = piece.iter().map(|(_, named)| match &named.routing {
            Some(routing) => json!({ "_id": named.id, "routing": routing }),
            None => json!({ "_id": named.id }),
        });
        let mut url = self.index.url();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push("_mget");
        }
        let request = index::request(
            Method::POST,
            url,
            "application/json",
            body(&json!({ "docs": docs.collect::<Vec<_>>() })),
        );
        let (status, body, end) = self.answer(request, "_mget").await?;
        match end {
            End::Cut => return Ok(Told::TooLarge),
            End::Broken => return Err(Unread::passing("the answer broke off")),
            End::Whole => {}
        }
        if status == 404 {
            return Ok(Told::Each(vec![Held::Nothing; piece.len()]));
        }
        let answer: Option<Answer<'_>> = serde_json::from_slice(&body).ok();
        let docs = answer
            .map(|answer| answer.docs)
            .filter(|docs| docs.len() == piece.len());
        let docs = docs.ok_or_else(|| Unread::passing("the answer has not one result for each document"))?;
        Ok(Told::Each(docs.into_iter().map(|doc| self.held(doc)).collect()))
    }

    fn held(&self, doc: Doc<'_>) -> Held {
        match (doc.error, doc.source) {
            (Some(error), _) if error.kind == NO_INDEX => Held::Nothing,
            (Some(error), _) => {
                let said = format!("{}: {}", error.kind, error.reason.unwrap_or_default());
                Held::Unreadable(self.server.secrets().excerpt(&said, false))
            }
            (None, _) if !doc.found => Held::Nothing,
            (None, Some(source)) => Held::Document(source.get().into()),
            (None, None) => Held::Unreadable("the index keeps no _source".to_owned()),
        }
    }

    /// The status of a request that was answered with a 2xx, or a 404 about the index, and its body; else why not.
    pub(super) async fn answer(&self, request: Request, doing: &str) -> Result<(u16, Vec<u8>, End), Unread> {
        let sent = self.server.send(request, self.timeout).await;
        let mut response = sent.map_err(Unread::unanswered)?;
        let (status, after) = (response.status(), wanted_pause(&response));
        let (body, end) = start_of(&mut response, ANSWER_BYTES_MAX).await;
        let is_no_index = || status.as_u16() == 404 && String::from_utf8_lossy(&body).contains(NO_INDEX);
        if status.is_success() || is_no_index() {
            return Ok((status.as_u16(), body, end));
        }
        let said = self
            .server
            .secrets()
            .excerpt(&String::from_utf8_lossy(&body), end == End::Cut);
        Err(Unread::status(
            status.as_u16(),
            after,
            format!("{doing}: {status}: {said}"),
        ))
    }
}

pub(super) fn body(value: &Value) -> Bytes {
    value.to_string().into()
}
