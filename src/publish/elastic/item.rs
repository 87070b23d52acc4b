//! One delivery as lines of a bulk request.
//!
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>

use std::borrow::Cow;

use serde_json::json;

use crate::diff::Operation;
use crate::publish::name::Name;
use crate::publish::{Delivery, Failure, FailureClass};

/// What an index takes for an id.
const ID_BYTES_MAX: usize = 512;

/// How subjects are named in the index.
pub(super) struct Names {
    /// `None` is the key.
    pub id: Option<Name>,
    pub routing: Option<Name>,
}

impl Names {
    /// The lines, each with its end; or why there can be none for this delivery.
    pub fn lines(&self, delivery: &Delivery) -> Result<String, Failure> {
        let unfit = |reason: String| Failure::certain(FailureClass::Configuration, reason);
        let id = match &self.id {
            Some(id) => Cow::Owned(id.fill_apart(delivery).map_err(unfit)?),
            None => Cow::Borrowed(delivery.key.as_str()),
        };
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            let reason = format!(
                "the id of this subject has {} bytes; wanted are 1 to {ID_BYTES_MAX}",
                id.len()
            );
            return Err(unfit(reason));
        }
        let mut about = json!({ "_id": id, "version": delivery.version, "version_type": "external" });
        if let Some(routing) = &self.routing {
            about["routing"] = routing.fill(delivery).map_err(unfit)?.into();
        }
        Ok(match delivery.operation {
            Operation::Delete => format!("{}\n", json!({ "delete": about })),
            Operation::Upsert => format!("{}\n{}\n", json!({ "index": about }), on_one_line(&delivery.document)),
        })
    }
}

/// In JSON a line break can only stand where a blank could.
fn on_one_line(document: &str) -> Cow<'_, str> {
    if document.contains(['\n', '\r']) {
        Cow::Owned(document.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(document)
    }
}
