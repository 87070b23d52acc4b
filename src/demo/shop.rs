//! The shop that the demo is about: what is in it, and what a receiver must hold of it.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_postgres::Client;

use super::receiver::Receiver;
use super::scenes::Failure;

/// The configuration that ships, as it is.
pub(super) const CONFIG: &str = include_str!("../../config.toml");

/// Orders at the beginning.
pub(super) const ORDERS: usize = 420;

/// The order that the proofs use. Nothing else may change it: a job that waits for another reason would be built with
/// the proof's change in it, and its request prove nothing.
pub(super) const MARKER: u32 = 420;

/// Most differences that are told one by one.
const TOLD_MAX: usize = 5;

pub(super) async fn open(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(include_str!("../../sql/demo/shop.sql")).await
}

pub(super) fn path(order: u32) -> String {
    format!("/orders/{order}")
}

/// Compares, as JSON values, what the receiver holds with what the database says now. Returns how many documents there
/// are; they are all the same then, none is missing and none left over.
pub(super) async fn compare(client: &Client, receiver: &Receiver) -> Result<usize, Failure> {
    let mut wanted = BTreeMap::new();
    for row in client.query(include_str!("../../sql/demo/documents.sql"), &[]).await? {
        wanted.insert(row.get::<_, String>("path"), parse(row.get("document")));
    }
    let held: BTreeMap<String, Value> = receiver.look(|ledger| {
        let held = ledger.held().iter();
        held.map(|(path, held)| (path.clone(), parse(&held.body))).collect()
    });
    let mut differences = Vec::new();
    for (path, wanted) in &wanted {
        match held.get(path) {
            Some(held) if held == wanted => {}
            Some(held) => differences.push(format!("{path}: the receiver has {held}, the database {wanted}")),
            None => differences.push(format!("{path}: the receiver has nothing, the database {wanted}")),
        }
    }
    let gone = held.keys().filter(|path| !wanted.contains_key(*path));
    differences.extend(gone.map(|path| format!("{path}: the receiver still has it, the database does not")));
    if differences.is_empty() {
        return Ok(wanted.len());
    }
    let count = differences.len();
    differences.truncate(TOLD_MAX);
    Err(Failure::NotSo(format!(
        "receiver and database differ in {count} orders:\n{}",
        differences.join("\n")
    )))
}

/// A body that is no JSON is equal to nothing that the database yields.
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
