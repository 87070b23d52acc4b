//! Errors as they stand in answers.
//!
//! `server/src/main/java/org/elasticsearch/ElasticsearchException.java`, `generateFailureXContent` and `toXContent`; for an item of
//! a bulk answer `org.elasticsearch.action.bulk.BulkItemResponse`.

use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub struct Fault {
    pub status: u16,
    kind: &'static str,
    reason: String,
    cause: Option<(&'static str, String)>,
    /// Name and id of the index, where it is one's.
    index: Option<Box<(String, String)>>,
}

impl Fault {
    pub fn new(status: u16, kind: &'static str, reason: impl Into<String>) -> Self {
        let (reason, cause, index) = (reason.into(), None, None);
        Self {
            status,
            kind,
            reason,
            cause,
            index,
        }
    }

    pub fn illegal_argument(reason: impl Into<String>) -> Self {
        Self::new(400, "illegal_argument_exception", reason)
    }

    pub fn caused_by(self, kind: &'static str, reason: impl Into<String>) -> Self {
        Self {
            cause: Some((kind, reason.into())),
            ..self
        }
    }

    pub fn of_index(self, name: &str, uuid: &str) -> Self {
        Self {
            index: Some(Box::new((name.to_owned(), uuid.to_owned()))),
            ..self
        }
    }

    /// `error` of an item.
    pub fn error(&self) -> Value {
        let mut error = json!({ "type": self.kind, "reason": self.reason });
        if let Some((kind, reason)) = &self.cause {
            error["caused_by"] = json!({ "type": kind, "reason": reason });
        }
        if let Some((name, uuid)) = self.index.as_deref() {
            error["index"] = json!(name);
            error["index_uuid"] = json!(uuid);
            error["shard"] = json!("0");
        }
        error
    }

    /// The body of an answer that is nothing else.
    pub fn body(&self) -> Value {
        let mut error = self.error();
        error["root_cause"] = json!([{ "type": self.kind, "reason": self.reason }]);
        json!({ "error": error, "status": self.status })
    }
}
