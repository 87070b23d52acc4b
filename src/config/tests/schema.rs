//! The schema for editors and the program agree: on every key, on what it may hold, and on its default.

use std::collections::{BTreeMap, BTreeSet};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use toml::Table;

use super::super::SCHEMA;
use super::super::raw::{self, Reading};
use super::*;

/// Every table of the language, with the types of sinks for their names, or for what stands before the `-` in them.
pub const FULL: &str = r#"
[source]
url = "postgres://db/shop"
read_url = "postgres://replica/shop"
[state]
[engine]
[retention]
[admin]
[sinks.http]
type = "http"
url = "https://x/{id}"
retry = {}
breaker = {}
tls = {}
[sinks.http-basic]
type = "http"
url = "https://x/{id}"
auth = { basic = { user = "me", password = "hunter2" } }
[sinks.http-oauth2]
type = "http"
url = "https://x/{id}"
auth = { oauth2 = { token_url = "https://x/token", client_id = "me", client_secret = "hunter2" } }
body = "{{ document }}"
[sinks.http.create]
url = "https://x"
[sinks.http.delete]
[sinks.http.read]
url = "https://x/{id}"
[sinks.http-bulk]
type = "http"
url = "https://x"
[sinks.http-bulk.batch]
[sinks.elasticsearch]
type = "elasticsearch"
url = "https://x"
index = "orders"
retry = {}
breaker = {}
tls = {}
batch = {}
[sinks.opensearch]
type = "opensearch"
url = "https://x"
index = "orders"
retry = {}
breaker = {}
tls = {}
batch = {}
[sinks.kafka]
type = "kafka"
brokers = "kafka:9092"
topic = "orders"
retry = {}
breaker = {}
tls = {}
batch = {}
[sinks.kafka-plain]
type = "kafka"
brokers = ["kafka:9092"]
topic = "orders"
auth = { plain = { user = "me", password = "hunter2" } }
[sinks.kafka-sha256]
type = "kafka"
brokers = ["kafka:9092"]
topic = "orders"
auth = { scram_sha_256 = { user = "me", password = "hunter2" } }
[sinks.kafka-sha512]
type = "kafka"
brokers = ["kafka:9092"]
topic = "orders"
auth = { scram_sha_512 = { user = "me", password = "hunter2" } }
[sinks.nats]
type = "nats"
url = "nats://x"
subject = "orders.{id}"
retry = {}
breaker = {}
tls = {}
batch = {}
[sinks.nats-basic]
type = "nats"
url = "nats://x"
subject = "orders.{id}"
auth = { basic = { user = "me", password = "hunter2" } }
[sinks.redis]
type = "redis"
url = "redis://me:hunter2@x"
key = "order:{id}"
expire = "1h"
retry = {}
breaker = {}
tls = {}
batch = {}
[sinks.redis-stream]
type = "redis"
url = "rediss://x"
stream = "orders"
max_len = 1000
[sinks.stdout]
type = "stdout"
[syncs.orders]
table = "orders"
sinks = ["http", "http-basic", "http-oauth2", "http-bulk", "elasticsearch", "opensearch", "kafka", "kafka-plain", "kafka-sha256", "kafka-sha512", "nats", "nats-basic", "redis", "redis-stream", "stdout"]
[syncs.orders.document]
id = "id"
[syncs.orders.one.customer]
document = { name = "name" }
[syncs.orders.many.tags]
through = { table = "order_tags" }
document = "name"
[syncs.orders.changes]
rates = { sql = "select id from orders where currency = any($1)", from = ["currency"] }
"#;

/// Values of all types, right and wrong, to be tried on every key.
const VALUES: [&str; 20] = [
    "true",
    "5",
    "0",
    "-1",
    "1.5",
    "100_000_000",
    "\"\"",
    "\" \"",
    "\"x\"",
    "\"5s\"",
    "\"5 MiB\"",
    "\"all\"",
    "\"${DATABASE_URL}\"",
    "[]",
    "[\"x\"]",
    "[\"x\", \"x\"]",
    "[5]",
    "{}",
    "{ x = \"y\" }",
    "{ x = 5 }",
];

struct Validator {
    schemas: Schemas,
    root: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("walsift.json", schema()).unwrap();
        let root = compiler.compile("walsift.json", &mut schemas).unwrap();
        Self { schemas, root }
    }

    fn refusal(&self, file: &Table) -> Option<String> {
        let file = serde_json::to_value(file).unwrap();
        let refusal = self.schemas.validate(&file, self.root).err()?;
        Some(format!("{refusal:#}"))
    }

    fn takes(&self, text: &str) {
        let refusal = self.refusal(&text.parse().unwrap());
        assert_eq!(refusal, None, "{text}");
    }
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Every key that the readers of a file ask for, by the path of its table.
pub fn known(text: &str) -> BTreeMap<String, BTreeSet<&'static str>> {
    let reading = Reading::new(text, &env);
    raw::parse(&reading);
    let mut known: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (path, key) in reading.known.take() {
        known.entry(path).or_default().insert(key);
    }
    known
}

fn followed<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap(),
        None => part,
    }
}

/// The schemas that a part stands for, itself or its alternatives.
fn alternatives<'a>(schema: &'a Value, part: &'a Value) -> Vec<&'a Value> {
    let part = followed(schema, part);
    let several = ["anyOf", "oneOf"].into_iter().filter_map(|key| part[key].as_array());
    let below = several.flatten().flat_map(|part| alternatives(schema, part));
    std::iter::once(part).chain(below).collect()
}

/// What the schema says of a path.
fn at<'a>(schema: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = alternatives(schema, schema);
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let below = found.into_iter().filter_map(|part| {
            let named = part["properties"].get(name);
            named.or_else(|| part.get("additionalProperties").filter(|part| part.is_object()))
        });
        found = below.flat_map(|part| alternatives(schema, part)).collect();
        // Of the types of sinks, the one that is named.
        found.retain(|part| {
            part["properties"]["type"]["const"]
                .as_str()
                .is_none_or(|kind| name.split('-').next() == Some(kind))
        });
    }
    found
}

/// The one table of keys at a path.
fn keys_at<'a>(schema: &'a Value, path: &str) -> &'a serde_json::Map<String, Value> {
    let tables: Vec<_> = at(schema, path)
        .into_iter()
        .filter_map(|part| part["properties"].as_object())
        .collect();
    assert_eq!(tables.len(), 1, "tables of keys at `{path}`");
    tables[0]
}

/// All tables of keys.
fn key_tables<'a>(part: &'a Value, found: &mut BTreeSet<*const serde_json::Map<String, Value>>) {
    if part["additionalProperties"] == false {
        found.insert(std::ptr::from_ref(part["properties"].as_object().unwrap()));
    }
    let below: Vec<&'a Value> = match part {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    for part in below {
        key_tables(part, found);
    }
}

/// A file with one value changed.
fn with(file: &Table, path: &str, key: &str, value: &str) -> Table {
    let mut file = file.clone();
    let mut table = &mut file;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        table = table[name].as_table_mut().unwrap();
    }
    let value: Table = format!("value = {value}").parse().unwrap();
    table.insert(key.to_owned(), value["value"].clone());
    file
}

fn problems(file: &Table) -> Vec<(String, String)> {
    let Err(LoadError::Refused { report, .. }) = parse(&file.to_string()) else {
        return Vec::new();
    };
    let errors = report.problems.into_iter().filter(|problem| !problem.warning);
    errors
        .map(|problem| {
            (
                problem.place.map(|place| place.path).unwrap_or_default(),
                problem.summary,
            )
        })
        .collect()
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[test]
fn the_schema_has_every_key_that_is_read_and_no_others() {
    let schema = schema();
    let file: Table = FULL.parse().unwrap();
    let mut seen = BTreeSet::new();
    for (path, known) in known(FULL) {
        let keys = keys_at(&schema, &path);
        seen.insert(std::ptr::from_ref(keys));
        let told: BTreeSet<&str> = keys.keys().map(String::as_str).collect();
        let unknown: Vec<_> = told.difference(&known).collect();
        assert!(unknown.is_empty(), "nothing reads {unknown:?} of `{path}`");
        for key in known.difference(&told) {
            // Some keys are read only to be refused.
            let refused = VALUES.iter().any(|value| {
                let found = problems(&with(&file, &path, key, value));
                found.contains(&(below(&path, key), format!("`{key}` means nothing here")))
            });
            assert!(refused, "`{key}` of `{path}` is missing");
        }
    }
    let mut all = BTreeSet::new();
    key_tables(&schema, &mut all);
    assert_eq!(seen.len(), all.len(), "a table of the schema is nowhere in the file");
}

#[test]
fn every_key_has_its_words() {
    let schema = schema();
    for path in known(FULL).into_keys() {
        for (key, property) in keys_at(&schema, &path) {
            let titled = std::iter::once(property).chain(alternatives(&schema, property));
            assert!(titled.into_iter().any(|part| part["title"].is_string()), "{path}.{key}");
        }
    }
}

#[test]
fn the_schema_takes_what_the_program_takes_and_refuses_what_is_of_the_wrong_type() {
    let validator = Validator::new();
    let file: Table = FULL.parse().unwrap();
    assert!(problems(&file).is_empty());
    let (mut taken, mut refused) = (0, 0);
    for (path, keys) in known(FULL) {
        for (key, value) in keys.into_iter().flat_map(|key| VALUES.map(|value| (key, value))) {
            let file = with(&file, &path, key, value);
            let (problems, refusal) = (problems(&file), validator.refusal(&file));
            let what = format!("{path}.{key} = {value}");
            let amiss = [
                format!("`{key}` must be "),
                format!("the value of `{key}` is not "),
                format!("`{key}` can't be "),
                format!("`{key}` is empty"),
                format!("`{key}` means nothing here"),
                "no column is named".to_owned(),
            ];
            let here = below(&path, key);
            let is_amiss = |(place, summary): &(String, String)| {
                *place == here && amiss.iter().any(|words| summary.starts_with(words))
            };
            if problems.is_empty() {
                assert_eq!(refusal, None, "{what}");
                taken += 1;
            } else if problems.iter().any(is_amiss) && !value.contains("${") {
                assert!(refusal.is_some(), "{what}: {problems:?}");
                refused += 1;
            }
        }
    }
    assert!(taken > 150 && refused > 500, "{taken} taken, {refused} refused");
}

#[test]
fn each_default_of_the_schema_is_the_program_s() {
    let schema = schema();
    let printed: Table = loaded(FULL).config.print_masked().parse().unwrap();
    let own = [
        "url",
        "read_url",
        "type",
        "table",
        "sinks",
        "document",
        "through",
        "one",
        "many",
        "changes",
        "retry",
        "breaker",
        "sql",
        "from",
        "body",
        "user",
        "password",
        "token_url",
        "client_id",
        "client_secret",
        "index",
        "brokers",
        "topic",
        "subject",
        "key",
        "expire",
        "stream",
        "max_len",
    ];
    let (mut tables, mut told) = (vec![(String::new(), &printed)], BTreeSet::new());
    while let Some((path, table)) = tables.pop() {
        for (key, value) in table {
            let here = below(&path, key);
            let parts = at(&schema, &here);
            assert!(!parts.is_empty(), "{here} is not in the schema");
            if let Some(table) = value.as_table() {
                tables.push((here, table));
            } else if !own.contains(&key.as_str()) && !here.contains(".document.") {
                let default = &keys_at(&schema, &path)[key]["default"];
                assert_eq!(*default, serde_json::to_value(value).unwrap(), "{here}");
                told.insert(std::ptr::from_ref(default));
            }
        }
    }
    assert_eq!(told.len(), SCHEMA.matches("\"default\"").count());
}

#[test]
fn files_that_are_in_order_pass_the_schema() {
    let validator = Validator::new();
    validator.takes(include_str!("../../../config.toml"));
    validator.takes(&loaded(include_str!("../../../config.toml")).config.print_masked());
    validator.takes(
        r#"
[source]
host = "db"
port = 5432
slot = "${SLOT:-walsift}"
[sinks.http]
type = "http"
url = "file:/run/secrets/url"
timeout = "${TIMEOUT}"
body = "file:/etc/walsift/body.json"
create = { url = "${URL}", method = "${METHOD}", id = "/data/a~1b" }
delete = { method = "POST", body = "x" }
read = { url = "${READ_URL}", headers = { X-Shop = "main" } }
batch = { max = 5, bytes = "${BYTES}", format = "ndjson", results = "" }
ok = ["2xx", 409, "410 - 412", "${OK}"]
reject = 422
[syncs.a]
table = "a"
sink = "http"
ignore = "/updated_at"
priority = "${PRIORITY:-low}"
sql = "select"
changes = { a = ["id"], b = "all", c = { sql = "select", from = "x" } }
[syncs.b]
table = "b"
sinks = "http"
document = { a = 1, b = 1.5, c = true, d = { e = "f" } }
[syncs.b.many.c]
document = "x"
through = "d"
[syncs.b.many.c.one.e.many.f]
document = {}
through = { table = "g", on = { a = "b" } }
[syncs.b.many.c.one.e.many.f.one.h]
"#,
    );
}

#[test]
fn files_with_slips_do_not_pass_the_schema() {
    let validator = Validator::new();
    let slips = [
        ("", "sink", "{}"),
        ("source", "slott", "\"x\""),
        ("engine", "workers", "0"),
        ("sinks", "Bad Name", "{ type = \"stdout\" }"),
        ("sinks", "kafka", "{ type = \"kafka\", topic = \"orders\" }"),
        ("sinks.kafka", "topic", "\"or ders\""),
        ("sinks.kafka", "compression", "\"brotli\""),
        ("sinks.kafka", "auth", "{ gssapi = {} }"),
        ("sinks.stdout", "url", "\"https://x\""),
        ("sinks.http", "url", "\"x\""),
        ("sinks.http", "body", "\" \""),
        ("sinks.http", "ok", "[\"2xx\", \"6xx\"]"),
        ("sinks.http", "reject", "[99]"),
        ("sinks.http", "create", "{ method = \"POST\" }"),
        ("sinks.http.create", "url", "\"/orders\""),
        ("sinks.http.create", "id", "\"id\""),
        ("sinks.http.delete", "method", "\"GET\""),
        ("sinks.http.read", "url", "\"/orders\""),
        ("sinks.http.read", "method", "\"GET\""),
        ("sinks.http", "read", "{ headers = {} }"),
        ("sinks.http-bulk.batch", "format", "\"xml\""),
        ("syncs.orders", "sink", "\"http\""),
        ("syncs.orders", "priority", "\"hihg\""),
        ("syncs.orders", "sql", "\"select\""),
        ("syncs.orders", "limit", "5"),
        ("syncs.orders", "customer", "{}"),
        ("syncs.orders.document", "list", "[1]"),
        ("syncs.orders.one.customer", "through", "\"x\""),
        ("syncs.orders.many.tags", "on", "{ a = \"b\" }"),
        ("syncs.orders.many.tags", "limit", "0"),
        ("syncs.orders.changes", "other", "\"ALL\""),
        ("syncs.orders.changes", "other", "{ sql = \"select\" }"),
    ];
    let file: Table = FULL.parse().unwrap();
    for (path, key, value) in slips {
        let refusal = validator.refusal(&with(&file, path, key, value));
        assert!(refusal.is_some(), "{path}.{key} = {value}");
    }
    assert!(validator.refusal(&Table::new()).is_some());
}
