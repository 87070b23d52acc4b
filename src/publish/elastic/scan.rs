//! Goes through all ids of the index, by a scroll.
//!
//! A scroll and not a point in time with `search_after`: it is the same in both products and in all of their versions, while what
//! documents can be sorted by there is not. It is let go of at the end; one that was left in the middle goes by itself.
//!
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-scroll>

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::index;
use super::read::body;
use super::sink::ElasticSink;
use crate::plan::KeyShape;
use crate::publish::web::{End, Request};
use crate::publish::{ScanPlace, Scanned, Unread};

/// How long the server keeps the place between two pages.
const KEPT: &str = "5m";

const SCROLLS: [&str; 2] = ["_search", "scroll"];

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "_scroll_id")]
    scroll: String,
    #[serde(rename = "_shards")]
    shards: Shards,
    hits: Hits,
}

#[derive(Deserialize)]
struct Shards {
    failed: u32,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    #[serde(rename = "_id")]
    id: String,
}

impl ElasticSink {
    pub async fn scan(&self, shape: &KeyShape, from: Option<&ScanPlace>, most: usize) -> Result<Scanned, Unread> {
        let (status, body, end) = self.answer(self.page(from, most), "_search").await?;
        let none = Scanned {
            subjects: Vec::new(),
            strangers: 0,
            next: None,
        };
        if status == 404 {
            return Ok(none);
        }
        let answer: Option<Answer> = serde_json::from_slice(&body).ok().filter(|_| end == End::Whole);
        let answer = answer.ok_or_else(|| Unread::passing("the answer to a search is none"))?;
        if answer.shards.failed > 0 {
            return Err(Unread::passing("a part of the index could not be searched"));
        }
        if answer.hits.hits.is_empty() {
            self.let_go(&answer.scroll).await;
            return Ok(none);
        }
        let hits = answer.hits.hits.iter();
        let subjects: Vec<_> = hits.filter_map(|hit| self.names.subject(&hit.id, shape)).collect();
        Ok(Scanned {
            strangers: answer.hits.hits.len() - subjects.len(),
            subjects,
            next: Some(ScanPlace(answer.scroll)),
        })
    }

    fn page(&self, from: Option<&ScanPlace>, most: usize) -> Request {
        if let Some(ScanPlace(scroll)) = from {
            let wanted = json!({ "scroll": KEPT, "scroll_id": scroll });
            return index::request(Method::POST, self.index.at(&SCROLLS), "application/json", body(&wanted));
        }
        let mut url = self.index.url();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.push("_search");
        }
        url.query_pairs_mut().append_pair("scroll", KEPT);
        let wanted = json!({ "size": most, "sort": ["_doc"], "_source": false });
        index::request(Method::POST, url, "application/json", body(&wanted))
    }

    /// Frees what the server keeps for it.
    async fn let_go(&self, scroll: &str) {
        let wanted = body(&json!({ "scroll_id": scroll }));
        let request = index::request(Method::DELETE, self.index.at(&SCROLLS), "application/json", wanted);
        if let Err(error) = self.answer(request, "_search/scroll").await {
            tracing::debug!(error = %error, "a scroll is left to go by itself");
        }
    }
}
