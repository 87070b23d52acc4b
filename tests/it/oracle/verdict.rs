//! What the receiver holds and what it was sent, against what the database yields.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use walsift::demo::{Answer, Receiver};

use super::naive;
use super::schema::Schema;
use super::tree::Sync;
use crate::world::World;

/// What stands in a url as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As the program's own sessions have it.
const SESSION: &str =
    "set timezone = 'UTC'; set intervalstyle = 'iso_8601'; set extra_float_digits = 3; set bytea_output = 'hex'";

/// Panics unless each sink holds, for each sync, just what the naive statement yields.
pub async fn assert_held(world: &World, schema: &Schema, syncs: &[Sync]) {
    let client = world.connect().await;
    client.batch_execute(SESSION).await.unwrap();
    let mut complaints = String::new();
    for sync in syncs {
        let statement = naive::statement(schema, sync);
        let rows = match client.query(&statement, &[]).await {
            Ok(rows) => rows,
            Err(error) => panic!("{error:?} in: {statement}"),
        };
        for sink in &sync.sinks {
            let wanted: BTreeMap<String, Value> = rows
                .iter()
                .map(|row| {
                    (
                        path(sink, &row.get::<_, Vec<String>>(0)),
                        serde_json::from_str(row.get(1)).unwrap(),
                    )
                })
                .collect();
            let prefix = format!("/{sink}/");
            let held: BTreeMap<String, Value> = world.receiver().look(|ledger| {
                let held = ledger.held().iter().filter(|(path, _)| path.starts_with(&prefix));
                held.map(|(path, held)| (path.clone(), serde_json::from_str(&held.body).unwrap()))
                    .collect()
            });
            for (path, document) in &wanted {
                match held.get(path) {
                    None => writeln!(complaints, "missing: {path} {document}").unwrap(),
                    Some(held) if !same(document, held) => {
                        writeln!(complaints, "stale: {path}\n  wanted {document}\n  held   {held}").unwrap();
                    }
                    Some(_) => {}
                }
            }
            for (path, document) in held.iter().filter(|(path, _)| !wanted.contains_key(*path)) {
                writeln!(complaints, "left over: {path} {document}").unwrap();
            }
        }
        assert!(
            complaints.is_empty(),
            "{} is not what the database yields\n{complaints}by: {statement}",
            sync.name
        );
    }
}

fn path(sink: &str, key: &[String]) -> String {
    key.iter().fold(format!("/{sink}"), |path, value| {
        format!("{path}/{}", utf8_percent_encode(value, RESERVED))
    })
}

/// 7 and 7.0 are the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

/// Panics if somebody was sent what he had accepted just before, or the delete of what he never had, or if two requests for
/// one subject were under way at once. Only where no request fails and nobody dies.
pub fn assert_only_differences(receiver: &Receiver) {
    receiver.look(|ledger| {
        let mut last: HashMap<&str, Option<Value>> = HashMap::new();
        for request in ledger.journal() {
            assert!(!request.overlapped, "two at a time: {request:?}");
            assert!(
                matches!(request.answer, Answer::Status(200..300)),
                "refused: {request:?}"
            );
            let document: Option<Value> =
                (request.method != "DELETE").then(|| serde_json::from_str(&request.body).unwrap());
            let before = last.insert(&request.path, document.clone()).flatten();
            let repeated = match (&before, &document) {
                (Some(before), Some(document)) => same(before, document),
                (None, None) => true,
                _ => false,
            };
            assert!(
                !repeated,
                "sent again: {} {} {document:?}",
                request.method, request.path
            );
        }
    });
}
