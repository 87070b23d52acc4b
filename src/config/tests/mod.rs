//! Whole files: what they mean, and what is said of those that mean nothing.

mod access;
mod by_hand_problems;
mod elastic;
mod http;
mod kafka;
mod many_problems;
mod members;
mod nats;
mod pointers;
mod printed;
mod problems;
mod redis;
mod request_problems;
mod schema;
mod secrets;
mod section_problems;
mod shipped;
mod sync_problems;
mod tree_problems;
mod values;

use std::path::Path;

use super::{Config, LoadError, Loaded};

/// A file to which tests add what they are about.
const BASE: &str = r#"[source]
url = "postgres://db/shop"
[sinks.out]
type = "stdout"
"#;

fn env(name: &str) -> Option<String> {
    match name {
        "DATABASE_URL" => Some("postgres://app:hunter2@db/shop".to_owned()),
        "SECRET" => Some("hunter2".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Loaded, LoadError> {
    Config::parse(Path::new("config.toml"), text, &env)
}

fn loaded(text: &str) -> Loaded {
    parse(text).unwrap_or_else(|error| panic!("{}", shown(&error)))
}

/// What people see of a file with problems.
fn refused(text: &str) -> String {
    shown(&parse(text).expect_err("a problem was expected"))
}

/// The same of a sync's keys and children in a file that is otherwise in order.
fn refused_sync(keys: &str) -> String {
    refused(&format!(
        "{BASE}[syncs.orders]\ntable = \"orders\"\nsink = \"out\"\n{keys}"
    ))
}

/// The same of a sink's keys.
fn refused_sink(keys: &str) -> String {
    refused(&format!(
        "[source]\nurl = 'postgres://db'\n[syncs.orders]\ntable = 'orders'\nsink = 'out'\n[sinks.out]{keys}"
    ))
}

fn shown(error: &LoadError) -> String {
    match error {
        LoadError::Refused { file, report } => report.render(file, false),
        LoadError::Unreadable { .. } => panic!("{error}"),
    }
}
