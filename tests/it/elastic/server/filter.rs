//! `filter_path`: what of an answer is wanted.
//!
//! <https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options>: names with dots between them; `*` is any name,
//! `**` any number of them; lists are looked through. What has nothing wanted in it is left out. Exclusions are not played.

use serde_json::{Map, Value};

pub fn filtered(value: &Value, patterns: &str) -> Value {
    let patterns: Vec<Vec<&str>> = patterns
        .split(',')
        .map(|pattern| pattern.split('.').collect())
        .collect();
    let wanted: Vec<&[&str]> = patterns.iter().map(Vec::as_slice).collect();
    kept(value, &wanted).unwrap_or_else(|| Value::Object(Map::new()))
}

/// What of it is behind one of these paths.
fn kept(value: &Value, wanted: &[&[&str]]) -> Option<Value> {
    if wanted.iter().any(|path| path.is_empty() || path == &["**"]) {
        return Some(value.clone());
    }
    match value {
        Value::Object(members) => {
            let members = members.iter().filter_map(|(name, member)| {
                let behind: Vec<&[&str]> = wanted.iter().flat_map(|path| steps(path, name)).collect();
                Some((name.clone(), kept(member, &behind).filter(|_| !behind.is_empty())?))
            });
            let members: Map<String, Value> = members.collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        Value::Array(elements) => {
            let elements: Vec<Value> = elements.iter().filter_map(|element| kept(element, wanted)).collect();
            (!elements.is_empty()).then_some(Value::Array(elements))
        }
        _ => None,
    }
}

/// What is left of a path behind this name.
fn steps<'a>(path: &'a [&'a str], name: &str) -> Vec<&'a [&'a str]> {
    match path {
        ["**", rest @ ..] => {
            let mut steps = vec![path];
            steps.extend(self::steps(rest, name));
            steps
        }
        [first, rest @ ..] if *first == "*" || *first == name => vec![rest],
        _ => Vec::new(),
    }
}
