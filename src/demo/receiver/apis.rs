//! Paths of the receiver that are more than a place for one document.

use std::collections::{BTreeMap, BTreeSet};

use hyper::Method;
use serde_json::Value;

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
    /// Path → keys that are refused. A POST brings many documents at once.
    bulks: BTreeMap<String, BTreeSet<String>>,
}

impl Apis {
    pub fn add_collection(&mut self, path: &str) {
        self.collections.insert(path.to_owned(), 0);
    }

    pub fn add_bulk(&mut self, path: &str, refused: &[&str]) {
        let refused = refused.iter().map(|key| (*key).to_owned()).collect();
        self.bulks.insert(path.to_owned(), refused);
    }

    /// `None` where the request is for a plain place; `is_held` tells of another.
    pub fn effects(
        &mut self,
        method: &Method,
        path: &str,
        body: &str,
        is_held: impl Fn(&str) -> bool,
    ) -> Option<Effects> {
        if let Some(refused) = self.bulks.get(path) {
            return Some(bulk(path, refused, body));
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

/// Envelopes, as the elements of an array or on a line each.
fn bulk(path: &str, refused: &BTreeSet<String>, body: &str) -> Effects {
    let items: Vec<Value> = if body.starts_with('[') {
        serde_json::from_str(body).unwrap_or_default()
    } else {
        body.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    };
    let mut effects = Effects {
        status: 200,
        ..Effects::default()
    };
    let mut results = Vec::new();
    for item in items {
        let values = item["key"].as_object().into_iter().flat_map(|key| key.values());
        let values: Vec<_> = values
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        let key = values.join(":");
        if refused.contains(&key) {
            results.push(r#"{"status":422,"error":"refused"}"#.to_owned());
            continue;
        }
        let document = (item["operation"] == "upsert").then(|| item["document"].to_string());
        effects.holds.push((format!("{path}/{key}"), document));
        results.push(r#"{"status":200}"#.to_owned());
    }
    effects.body = format!("{{\"items\":[{}]}}", results.join(","));
    effects
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
        apis.add_bulk("/bulk", &["2"]);
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
        }
    }
}
