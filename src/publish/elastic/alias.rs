//! Indexes beside the one that is written to, and the alias that leads from one to the other.
//!
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-update-aliases>: all actions of one request are
//! done in one change of the cluster's state, or none. `must_exist` is left out: OpenSearch does not know it before 2.12.
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-get>: asked for an alias, the server answers for the indexes
//! behind it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ElasticSink;
use super::index::{EXISTS, request};
use crate::publish::web::start_of;
use crate::publish::{Failure, FailureClass, Named, Outcome};

/// Most bytes that are read of an answer: about each index a hundred, and what its aliases are.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// What of an index is asked for.
const FILTER: &str = "*.aliases,*.settings.index.uuid";

#[derive(Deserialize)]
struct About {
    #[serde(default)]
    aliases: BTreeMap<String, Map<String, Value>>,
    settings: Settings,
}

#[derive(Deserialize)]
struct Settings {
    index: Identity,
}

#[derive(Deserialize)]
struct Identity {
    uuid: String,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

impl ElasticSink {
    /// Makes the index from its mapping; answers whether it was missing.
    pub async fn make(&self, time: Duration) -> Result<bool, Failure> {
        let mapping = self.index.mapping().unwrap_or_else(|| Bytes::from_static(b"{}"));
        let (status, body) = self.ask(Method::PUT, &[self.index.name()], None, mapping, time).await?;
        match status {
            200..300 => Ok(true),
            _ if String::from_utf8_lossy(&body).contains(EXISTS) => Ok(false),
            _ => Err(self.refusal("making the index", status, &body)),
        }
    }

    /// How many documents a search would find.
    pub async fn count(&self, time: Duration) -> Result<u64, Failure> {
        let path = [self.index.name(), "_count"];
        let (status, body) = self.ask(Method::GET, &path, None, Bytes::new(), time).await?;
        let count: Option<Count> = serde_json::from_slice(&body).ok().filter(|_| status == 200);
        count
            .map(|count| count.count)
            .ok_or_else(|| self.refusal("counting the documents of the index", status, &body))
    }

    /// What the name of the index stands for.
    pub async fn look_up(&self, time: Duration) -> Result<Named, Failure> {
        let name = self.index.name();
        let found = self.behind(name, time).await?;
        if let Some(index) = found.get(name) {
            let id = index.settings.index.uuid.clone();
            return Ok(Named::Itself { id });
        }
        if found.is_empty() {
            return Ok(Named::Nothing);
        }
        if found.values().all(|index| index.aliases.contains_key(name)) {
            let to = found.into_keys().collect();
            return Ok(Named::Alias { to });
        }
        let message = format!("`{name}` is neither an index nor an alias");
        Err(Failure::certain(FailureClass::Configuration, message))
    }

    /// Has the name of this sink's index lead to another index, and to nothing else. Certain is only that it does: the answer may be lost,
    /// so it is looked at afterwards. What else the alias is, such as a filter, goes with it.
    pub async fn lead_to(&self, target: &str, time: Duration) -> Result<(), Failure> {
        let until = Instant::now() + time;
        let left = || until.saturating_duration_since(Instant::now());
        let alias = self.index.name();
        let found = self.behind(alias, left()).await?;
        if found.contains_key(alias) {
            return Err(Failure::certain(
                FailureClass::Configuration,
                format!("`{alias}` is an index, and no alias"),
            ));
        }
        if !(found.len() == 1 && found.contains_key(target)) {
            let sent = self.send_swap(alias, &found, target, left()).await;
            // Without an answer it may be done all the same.
            let found = self.behind(alias, left()).await.map_err(|failure| Failure {
                certain: false,
                ..failure
            })?;
            if !(found.len() == 1 && found.contains_key(target)) {
                let otherwise =
                    || Failure::uncertain(FailureClass::Conflict, format!("`{alias}` was led elsewhere meanwhile"));
                return Err(sent.err().unwrap_or_else(otherwise));
            }
        }
        Ok(())
    }

    async fn send_swap(
        &self,
        alias: &str,
        from: &BTreeMap<String, About>,
        target: &str,
        time: Duration,
    ) -> Result<(), Failure> {
        let actions = swap(alias, from, target);
        let (status, body) = self
            .ask(Method::POST, &["_aliases"], None, actions.to_string().into(), time)
            .await?;
        if (200..300).contains(&status) {
            return Ok(());
        }
        Err(self.refusal("moving the alias", status, &body))
    }

    /// The indexes behind a name, itself among them.
    async fn behind(&self, name: &str, time: Duration) -> Result<BTreeMap<String, About>, Failure> {
        let (status, body) = self.ask(Method::GET, &[name], Some(FILTER), Bytes::new(), time).await?;
        match status {
            404 => Ok(BTreeMap::new()),
            200 => serde_json::from_slice(&body).map_err(|_| self.refusal("looking for the index", status, &body)),
            _ => Err(self.refusal("looking for the index", status, &body)),
        }
    }

    /// Status and body of the answer.
    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        filter: Option<&str>,
        body: Bytes,
        time: Duration,
    ) -> Result<(u16, Bytes), Failure> {
        let mut url = self.index.at(path);
        if let Some(filter) = filter {
            url.query_pairs_mut().append_pair("filter_path", filter);
        }
        let sent = self
            .server
            .send(request(method, url, "application/json", body), time)
            .await;
        let mut response: Response = sent.map_err(failure)?;
        let status = response.status().as_u16();
        let (body, _) = start_of(&mut response, ANSWER_BYTES_MAX).await;
        Ok((status, body.into()))
    }

    /// Whether the server has done it all the same nobody knows after a 5xx.
    fn refusal(&self, doing: &str, status: u16, body: &[u8]) -> Failure {
        let said = self.server.secrets().excerpt(&String::from_utf8_lossy(body), false);
        let message = format!("{doing}: {status}: {said}");
        let (class, certain) = match status {
            500.. => (FailureClass::ServerError, false),
            408 => (FailureClass::Timeout, false),
            429 => (FailureClass::RateLimited, true),
            _ => (FailureClass::Configuration, true),
        };
        let failure = if certain {
            Failure::certain(class, message)
        } else {
            Failure::uncertain(class, message)
        };
        failure.with_status(status)
    }
}

/// The alias away from wherever it leads, and to the target, as what it was there.
fn swap(alias: &str, from: &BTreeMap<String, About>, target: &str) -> Value {
    let others = from.keys().filter(|index| *index != target);
    let mut actions: Vec<Value> = others
        .map(|index| json!({ "remove": { "index": index, "alias": alias } }))
        .collect();
    let was = from.values().filter_map(|index| index.aliases.get(alias));
    let writes = |was: &&Map<String, Value>| was.get("is_write_index") == Some(&Value::Bool(true));
    let mut to = was
        .clone()
        .find(writes)
        .or(was.clone().next())
        .cloned()
        .unwrap_or_default();
    to.insert("index".to_owned(), target.into());
    to.insert("alias".to_owned(), alias.into());
    actions.push(json!({ "add": to }));
    json!({ "actions": actions })
}

fn failure(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Retry { failure, .. } | Outcome::Rejected { failure } => failure,
        Outcome::Delivered { .. } | Outcome::NotTried => Failure::uncertain(FailureClass::Connection, "not asked"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(text: &str) -> BTreeMap<String, About> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_alias_moves_with_all_that_it_is() {
        let from = about(
            r#"{ "a": { "aliases": { "orders": {} }, "settings": { "index": { "uuid": "1" } } },
                 "b": { "aliases": { "orders": { "is_write_index": true, "index_routing": "r" } }, "settings": { "index": { "uuid": "2" } } } }"#,
        );
        let wanted = json!({ "actions": [
            { "remove": { "index": "a", "alias": "orders" } },
            { "remove": { "index": "b", "alias": "orders" } },
            { "add": { "index": "c", "alias": "orders", "is_write_index": true, "index_routing": "r" } },
        ] });
        assert_eq!(swap("orders", &from, "c"), wanted);
    }

    #[test]
    fn an_alias_that_leads_nowhere_yet_is_made() {
        let wanted = json!({ "actions": [{ "add": { "index": "c", "alias": "orders" } }] });
        assert_eq!(swap("orders", &BTreeMap::new(), "c"), wanted);
    }

    #[test]
    fn an_alias_that_leads_to_both_is_taken_from_the_other() {
        let from = about(
            r#"{ "a": { "aliases": { "orders": {} }, "settings": { "index": { "uuid": "1" } } },
                 "c": { "aliases": { "orders": {} }, "settings": { "index": { "uuid": "2" } } } }"#,
        );
        let wanted = json!({ "actions": [
            { "remove": { "index": "a", "alias": "orders" } },
            { "add": { "index": "c", "alias": "orders" } },
        ] });
        assert_eq!(swap("orders", &from, "c"), wanted);
    }
}
