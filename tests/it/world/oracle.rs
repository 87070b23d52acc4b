//! Postgres as the oracle: what the receiver holds must be what the database yields.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::World;

/// Most differences of one sort that are written out.
const SHOWN_MAX: usize = 20;

impl World {
    /// Panics unless the receiver holds, at the paths with this prefix, just the rows of `sync_sql`:
    /// `(path text, document json)`. Documents are compared as JSON values.
    pub async fn assert_converged(&self, sync_sql: &str, path_prefix: &str) {
        if let Some(divergence) = self.divergence(sync_sql, path_prefix).await {
            panic!("the receiver does not hold what the database yields\n{divergence}");
        }
    }

    /// What [`World::assert_converged`] would complain about.
    pub async fn divergence(&self, sync_sql: &str, path_prefix: &str) -> Option<String> {
        let held: BTreeMap<String, Value> = self.receiver().look(|ledger| {
            let held = ledger.held().iter().filter(|(path, _)| path.starts_with(path_prefix));
            held.map(|(path, held)| (path.clone(), parse(&held.body))).collect()
        });
        self.divergence_of(sync_sql, &held).await
    }

    /// The same of what another sink holds, by its names for the documents.
    pub async fn divergence_of(&self, sync_sql: &str, held: &BTreeMap<String, Value>) -> Option<String> {
        let statement = format!("select path, document::text from ({sync_sql}) as expected(path, document)");
        let rows = self.query(&statement, &[]).await;
        let wanted = rows.iter().map(|row| (row.get::<_, String>(0), parse(row.get(1))));
        let wanted: BTreeMap<String, Value> = wanted.collect();
        compare(&wanted, held)
    }
}

/// A body that is no JSON is compared as the text it is.
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(format!("not JSON: {text}")))
}

fn compare(wanted: &BTreeMap<String, Value>, held: &BTreeMap<String, Value>) -> Option<String> {
    let missing = wanted.iter().filter(|(path, _)| !held.contains_key(*path));
    let left_over = held.iter().filter(|(path, _)| !wanted.contains_key(*path));
    let stale = wanted.iter().filter_map(|(path, wanted)| {
        let held = held.get(path)?;
        let mut differences = Vec::new();
        differ("", wanted, held, &mut differences);
        (!differences.is_empty()).then(|| format!("{path}\n      {}", differences.join("\n      ")))
    });
    let show = |(path, document): (&String, &Value)| format!("{path} {document}");
    let mut text = String::new();
    list(&mut text, "missing", missing.map(show));
    list(&mut text, "stale", stale);
    list(&mut text, "left over", left_over.map(show));
    (!text.is_empty()).then_some(text)
}

fn list(text: &mut String, title: &str, entries: impl Iterator<Item = String>) {
    let entries: Vec<String> = entries.collect();
    if entries.is_empty() {
        return;
    }
    writeln!(text, "  {title} ({}):", entries.len()).unwrap();
    for entry in entries.iter().take(SHOWN_MAX) {
        writeln!(text, "    {entry}").unwrap();
    }
    if entries.len() > SHOWN_MAX {
        writeln!(text, "    …").unwrap();
    }
}

/// Lists the places at which two values differ.
fn differ(place: &str, wanted: &Value, held: &Value, differences: &mut Vec<String>) {
    match (wanted, held) {
        (Value::Object(wanted), Value::Object(held)) => {
            let names: std::collections::BTreeSet<&String> = wanted.keys().chain(held.keys()).collect();
            for name in names {
                let place = format!("{place}/{name}");
                match (wanted.get(name), held.get(name)) {
                    (Some(wanted), Some(held)) => differ(&place, wanted, held, differences),
                    (wanted, held) => {
                        differences.push(format!("{place}: wanted {}, held {}", show(wanted), show(held)));
                    }
                }
            }
        }
        (Value::Array(wanted), Value::Array(held)) if wanted.len() == held.len() => {
            for (index, (wanted, held)) in wanted.iter().zip(held).enumerate() {
                differ(&format!("{place}/{index}"), wanted, held, differences);
            }
        }
        // 7 and 7.0 are the same number.
        (Value::Number(a), Value::Number(b)) if a == b || (a.is_f64() != b.is_f64() && a.as_f64() == b.as_f64()) => {}
        _ if wanted == held => {}
        _ => differences.push(format!("{place}: wanted {wanted}, held {held}")),
    }
}

fn show(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}
