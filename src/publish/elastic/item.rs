//! One delivery as lines of a bulk request.
//!
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>

use std::borrow::Cow;

use serde_json::json;

use crate::diff::Operation;
use crate::mapping::SubjectKey;
use crate::plan::KeyShape;
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

/// How one subject is named.
pub(super) struct Named {
    pub id: String,
    pub routing: Option<String>,
}

impl Names {
    /// Says why it has no name.
    pub fn of(&self, delivery: &Delivery) -> Result<Named, String> {
        let id = match &self.id {
            Some(id) => id.fill_apart(delivery)?,
            None => delivery.key.as_str().to_owned(),
        };
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return Err(format!(
                "the id of this subject has {} bytes; wanted are 1 to {ID_BYTES_MAX}",
                id.len()
            ));
        }
        let routing = self
            .routing
            .as_ref()
            .map(|routing| routing.fill(delivery))
            .transpose()?;
        Ok(Named { id, routing })
    }

    /// The subject of an id, if it is of one.
    pub fn subject(&self, id: &str, shape: &KeyShape) -> Option<SubjectKey> {
        match &self.id {
            Some(name) => name.subject(id, shape),
            None => Some(SubjectKey::from_stored(id)),
        }
    }

    /// The lines, each with its end; or why there can be none for this delivery.
    pub fn lines(&self, delivery: &Delivery) -> Result<String, Failure> {
        let unfit = |reason: String| Failure::certain(FailureClass::Configuration, reason);
        let named = self.of(delivery).map_err(unfit)?;
        let mut about = json!({ "_id": named.id, "version": delivery.version, "version_type": "external" });
        if let Some(routing) = named.routing {
            about["routing"] = routing.into();
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
