//! Reading: documents by their ids, and all ids, by a scroll.
//!
//! `org.elasticsearch.action.get.MultiGetRequest` and `MultiGetResponse`, `TransportMultiGetAction` for what is said of single
//! documents: <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-mget>. `RestSearchAction`,
//! `RestSearchScrollAction`, `RestClearScrollAction`, `org.elasticsearch.search.SearchService`:
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-scroll>; and `rest-api-spec/test/scroll/10_basic.yml`,
//! `11_clear.yml`. A get sees what was written last, a search what was there when it began. Only what Walsift asks for is taken.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::fault::Fault;

const RESULT_WINDOW_MAX: u64 = 10_000;

/// The searches that are under way: what they have not said yet.
#[derive(Debug, Default)]
pub struct Scrolls {
    open: BTreeMap<String, Scroll>,
    /// How many there have been.
    begun: usize,
}

#[derive(Debug)]
struct Scroll {
    size: usize,
    left: Vec<Value>,
}

impl Scrolls {
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// As if the time were up for which they are kept.
    pub fn forget(&mut self) {
        self.open.clear();
    }

    /// `POST /{index}/_search?scroll=…`
    pub fn begin(
        &mut self,
        cluster: &Cluster,
        index: &str,
        scroll: Option<&str>,
        body: &Value,
    ) -> Result<Value, Fault> {
        assert!(
            scroll.is_some_and(|kept| kept.ends_with('m')),
            "only scrolls are played"
        );
        assert_eq!(
            (&body["sort"], &body["_source"]),
            (&json!(["_doc"]), &json!(false)),
            "{body}"
        );
        let known = ["size", "sort", "_source"];
        if let Some(key) = body
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
            .find(|key| !known.contains(&key.as_str()))
        {
            panic!("this server does not play `{key}` of a search");
        }
        let size = body["size"].as_u64().unwrap_or(10);
        if size == 0 || size > RESULT_WINDOW_MAX {
            return Err(Fault::illegal_argument(format!(
                "Batch size is too large, size must be less than or equal to: [{RESULT_WINDOW_MAX}] but was [{size}]"
            )));
        }
        let indexes = cluster.behind(index);
        if indexes.is_empty() {
            let reason = format!("no such index [{index}]");
            return Err(Fault::new(404, "index_not_found_exception", reason).of_index(index, "_na_"));
        }
        let hit = |(name, id, routing): (&str, &str, Option<&str>)| {
            let mut hit = json!({ "_index": name, "_id": id, "_score": null, "sort": [0] });
            if let Some(routing) = routing {
                hit["_routing"] = json!(routing);
            }
            hit
        };
        let mut left = Vec::new();
        for index in indexes {
            let documents = index.documents();
            left.extend(documents.map(|(id, document)| hit((&index.name, id, document.routing.as_deref()))));
        }
        self.begun += 1;
        let id = format!("FGluY2x1ZGVf{}==", self.begun);
        let size = usize::try_from(size).unwrap();
        self.open.insert(id.clone(), Scroll { size, left });
        self.next(&id)
    }

    /// `POST /_search/scroll`
    pub fn next(&mut self, id: &str) -> Result<Value, Fault> {
        let Some(scroll) = self.open.get_mut(id) else {
            let reason = format!("No search context found for id [{id}]");
            return Err(Fault::new(404, "search_context_missing_exception", reason));
        };
        let page: Vec<Value> = scroll.left.drain(..scroll.size.min(scroll.left.len())).collect();
        Ok(json!({
            "_scroll_id": id, "took": 1, "timed_out": false,
            "_shards": { "total": 1, "successful": 1, "skipped": 0, "failed": 0 },
            "hits": { "total": { "value": page.len(), "relation": "eq" }, "max_score": null, "hits": page },
        }))
    }

    /// `DELETE /_search/scroll`; with the status.
    pub fn free(&mut self, id: &str) -> (u16, Value) {
        let freed = usize::from(self.open.remove(id).is_some());
        let status = if freed == 0 { 404 } else { 200 };
        (status, json!({ "succeeded": true, "num_freed": freed }))
    }
}

/// `POST /{index}/_mget`
pub fn documents(cluster: &Cluster, index: &str, body: &Value) -> Result<Value, Fault> {
    let Some(asked) = body["docs"].as_array().filter(|docs| !docs.is_empty()) else {
        let reason = "Validation Failed: 1: no documents to get;";
        return Err(Fault::new(400, "action_request_validation_exception", reason));
    };
    let docs: Vec<Value> = asked.iter().map(|asked| document(cluster, index, asked)).collect();
    Ok(json!({ "docs": docs }))
}

fn document(cluster: &Cluster, named: &str, asked: &Value) -> Value {
    let known = asked
        .as_object()
        .unwrap()
        .keys()
        .all(|key| ["_id", "routing"].contains(&key.as_str()));
    assert!(known, "this server does not play {asked}");
    let id = asked["_id"].as_str().expect("all ids are given");
    let failed = |fault: &Fault| {
        let mut error = fault.error();
        error["root_cause"] = json!([fault.error()]);
        json!({ "_index": named, "_id": id, "error": error })
    };
    let index = match cluster.behind(named).as_slice() {
        [index] => *index,
        [] => {
            let reason = format!("no such index [{named}]");
            return failed(&Fault::new(404, "index_not_found_exception", reason).of_index(named, "_na_"));
        }
        several => {
            let those: Vec<&str> = several.iter().map(|index| index.name.as_str()).collect();
            return failed(&Fault::illegal_argument(format!(
                "alias [{named}] has more than one index associated with it [{}], can't execute a single index op",
                those.join(", ")
            )));
        }
    };
    match index.get(id, asked["routing"].as_str()) {
        Err(fault) => failed(&fault),
        Ok(None) => json!({ "_index": index.name, "_id": id, "found": false }),
        Ok(Some(document)) => {
            let source: Value = serde_json::from_str(&document.source).unwrap();
            json!({
                "_index": index.name, "_id": id, "_version": document.version, "_seq_no": 0, "_primary_term": 1,
                "found": true, "_source": source,
            })
        }
    }
}
