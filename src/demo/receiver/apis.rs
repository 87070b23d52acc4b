//! Paths of the receiver that are more than a place for one document.

use std::collections::{BTreeMap, BTreeSet};

use hyper::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::mapping::SubjectKey;

/// What is to be done to what is held, and what is answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Effects {
    pub status: u16,
    pub body: String,
    /// Path → document; `None` to remove it.
    pub holds: Vec<(String, Option<String>)>,
}

/// Which paths behave how.
#[derive(Debug, Default)]
pub(super) struct Apis {
    /// Path → the number of the member made last. A POST makes one and names it, what is below must have been made.
    collections: BTreeMap<String, usize>,
    /// A POST to this path brings many documents at once.
    bulks: BTreeMap<String, Bulk>,
}

#[derive(Debug)]
struct Bulk {
    /// Keys.
    refused: BTreeSet<String>,
    /// One that is refused takes all that came with it along.
    all_or_nothing: bool,
}

impl Apis {
    pub fn add_collection(&mut self, path: &str) {
        self.collections.insert(path.to_owned(), 0);
    }

    pub fn add_bulk(&mut self, path: &str, refused: &[&str], all_or_nothing: bool) {
        let bulk = Bulk {
            refused: refused.iter().map(|key| (*key).to_owned()).collect(),
            all_or_nothing,
        };
        self.bulks.insert(path.to_owned(), bulk);
    }

    /// `None` where the request is for a plain place; `is_held` tells of another.
    pub fn effects(
        &mut self,
        method: &Method,
        path: &str,
        body: &str,
        is_held: impl Fn(&str) -> bool,
    ) -> Option<Effects> {
        if let Some(bulk) = self.bulks.get(path) {
            return Some(bulk.effects(path, body));
        }
        if let Some(last) = self.collections.get_mut(path).filter(|_| *method == Method::POST) {
            *last += 1;
            return Some(Effects {
                status: 201,
                body: format!("{{\"id\":{last}}}"),
                holds: vec![(format!("{path}/{last}"), Some(body.to_owned()))],
            });
        }
        let (collection, _) = path.rsplit_once('/')?;
        let unknown = self.collections.contains_key(collection) && !is_held(path);
        unknown.then(|| Effects {
            status: 404,
            ..Effects::default()
        })
    }
}

impl Bulk {
    /// Of envelopes, as the elements of an array or on a line each.
    fn effects(&self, path: &str, body: &str) -> Effects {
        let items: Vec<Envelope> = if body.starts_with('[') {
            serde_json::from_str(body).unwrap_or_default()
        } else {
            body.lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect()
        };
        if self.all_or_nothing && items.iter().any(|item| self.refused.contains(&key(item))) {
            return Effects {
                status: 422,
                ..Effects::default()
            };
        }
        let (mut holds, mut results) = (Vec::new(), Vec::new());
        for item in items {
            if self.refused.contains(&key(&item)) {
                results.push(r#"{"status":422,"error":"refused"}"#);
                continue;
            }
            let document = item.document.as_ref().map(|document| document.get().to_owned());
            holds.push((format!("{path}/{}", key(&item)), document));
            results.push(r#"{"status":200}"#);
        }
        Effects {
            status: 200,
            body: format!("{{\"items\":[{}]}}", results.join(",")),
            holds,
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    key: Map<String, Value>,
    /// As it was written. A delete has none.
    document: Option<Box<RawValue>>,
}

/// The values of the key columns, joined as in the header that names one.
fn key(item: &Envelope) -> String {
    let texts: Vec<String> = item
        .key
        .values()
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    SubjectKey::new(texts.iter().map(String::as_str)).as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_names_its_members() {
        let mut apis = Apis::default();
        apis.add_collection("/orders");
        let mut effects = |method: Method, path: &str| apis.effects(&method, path, "{}", |path| path == "/orders/1");
        let made = effects(Method::POST, "/orders").unwrap();
        assert_eq!((made.status, made.body.as_str()), (201, r#"{"id":1}"#));
        assert_eq!(made.holds, [("/orders/1".to_owned(), Some("{}".to_owned()))]);
        assert_eq!(effects(Method::POST, "/orders").unwrap().body, r#"{"id":2}"#);
        assert_eq!(effects(Method::PUT, "/orders/1"), None);
        assert_eq!(effects(Method::PUT, "/orders/2").unwrap().status, 404);
        assert_eq!(effects(Method::PUT, "/others/2"), None);
    }

    #[test]
    fn a_bulk_takes_many_and_answers_for_each() {
        let mut apis = Apis::default();
        apis.add_bulk("/bulk", &["2"], false);
        apis.add_bulk("/all", &["2"], true);
        let upsert = |id: u32| format!(r#"{{"operation":"upsert","key":{{"id":{id}}},"document":{{"n":{id}}}}}"#);
        let delete = r#"{"operation":"delete","key":{"id":"x"}}"#;
        for body in [
            format!("[{},{},{delete}]", upsert(1), upsert(2)),
            format!("{}\n{}\n{delete}\n", upsert(1), upsert(2)),
        ] {
            let effects = apis.effects(&Method::POST, "/bulk", &body, |_| false).unwrap();
            let held = |path: &str, document: Option<&str>| (path.to_owned(), document.map(str::to_owned));
            assert_eq!(
                effects.holds,
                [held("/bulk/1", Some(r#"{"n":1}"#)), held("/bulk/x", None)]
            );
            assert_eq!(
                effects.body,
                r#"{"items":[{"status":200},{"status":422,"error":"refused"},{"status":200}]}"#
            );
            let refused = apis.effects(&Method::POST, "/all", &body, |_| false).unwrap();
            assert_eq!((refused.status, refused.holds.len()), (422, 0));
        }
    }
}
