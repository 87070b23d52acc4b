//! All sections of the file but the trees of documents.

use std::time::Duration;

use secrecy::SecretString;
use toml::de::DeTable;

use super::reader::Reader;
use super::reading::{At, Field, Reading};
use super::tree::{RawSync, read_sync};
use crate::config::mask::Secrecy;
use crate::config::wording::{listed, quoted};
use crate::config::{Deletes, History, Initial, OnLostSlot, Place, Precedence, Problem, Secret};

/// The whole file.
pub struct RawConfig {
    pub source: RawSource,
    pub state: RawState,
    pub engine: RawEngine,
    pub retention: RawRetention,
    pub admin: RawAdmin,
    pub sinks: Vec<RawSink>,
    pub syncs: Vec<RawSync>,
}

#[derive(Default)]
pub struct RawSource {
    /// Absent where the file has no such section.
    pub place: Option<Place>,
    pub url: Field<Secret>,
    pub host: Field<String>,
    pub port: Field<u64>,
    pub user: Field<String>,
    pub password: Field<Secret>,
    pub database: Field<String>,
    pub sslmode: Field<&'static str>,
    pub sslrootcert: Field<String>,
    pub sslcert: Field<String>,
    pub sslkey: Field<String>,
    /// Whether the environment says, in libpq's way, where the database is.
    pub host_in_environment: bool,
    pub publication: Field<String>,
    pub slot: Field<String>,
    pub manage: Field<bool>,
    pub column_lists: Field<bool>,
    pub failover: Field<bool>,
    pub on_lost_slot: Field<OnLostSlot>,
    pub heartbeat: Field<Duration>,
    pub read_url: Field<Secret>,
    pub read_wait: Field<Duration>,
    pub read_fallback: Field<bool>,
}

#[derive(Default)]
pub struct RawState {
    pub url: Field<Secret>,
    pub schema: Field<String>,
}

#[derive(Default)]
pub struct RawEngine {
    pub workers: Field<u64>,
    pub batch: Field<u64>,
    pub lease: Field<Duration>,
    pub memory: Field<u64>,
}

#[derive(Default)]
pub struct RawRetention {
    pub succeeded: Field<Duration>,
    pub failed: Field<Duration>,
}

#[derive(Default)]
pub struct RawAdmin {
    pub listen: Field<String>,
    pub token: Field<SecretString>,
}

pub struct RawSink {
    pub name: At<String>,
    /// `None` where the type is missing or wrong, which has been reported.
    pub kind: Option<RawSinkKind>,
}

pub enum RawSinkKind {
    Http(Box<RawHttp>),
    Stdout,
}

pub struct RawHttp {
    pub url: Field<SecretString>,
    pub method: Field<&'static str>,
    pub headers: Field<Vec<(At<String>, At<SecretString>)>>,
    pub timeout: Field<Duration>,
    pub concurrency: Field<u64>,
    pub retry: RawRetry,
}

#[derive(Default)]
pub struct RawRetry {
    pub attempts: Field<u64>,
    pub base: Field<Duration>,
    pub max: Field<Duration>,
}

/// How `sslmode` may be written.
const SSL_MODES: [(&str, &str); 6] = [
    ("disable", "disable"),
    ("allow", "allow"),
    ("prefer", "prefer"),
    ("require", "require"),
    ("verify-ca", "verify-ca"),
    ("verify-full", "verify-full"),
];

/// How `method` may be written: ways to hand over a document.
const METHODS: [(&str, &str); 3] = [("PUT", "PUT"), ("POST", "POST"), ("PATCH", "PATCH")];

pub const DELETES: [(&str, Deletes); 2] = [("publish", Deletes::Publish), ("ignore", Deletes::Ignore)];

pub const PRECEDENCES: [(&str, Precedence); 3] = [
    ("high", Precedence::High),
    ("normal", Precedence::Normal),
    ("low", Precedence::Low),
];

pub const INITIALS: [(&str, Initial); 2] = [("all", Initial::All), ("none", Initial::None)];

pub const HISTORIES: [(&str, History); 2] = [("failures", History::Failures), ("all", History::All)];

pub const ON_LOST_SLOT: [(&str, OnLostSlot); 2] = [("resync", OnLostSlot::Resync), ("stop", OnLostSlot::Stop)];

/// Sinks of the language that this version does not have yet.
const SINKS_NOT_YET: [&str; 6] = ["elasticsearch", "opensearch", "redis", "postgres", "kafka", "nats"];

impl RawConfig {
    pub fn read<'a>(reading: &'a Reading<'a>, table: &'a DeTable<'a>) -> Self {
        let mut root = Reader::root(reading, table);
        let config = Self {
            source: root
                .table("source")
                .into_given()
                .map(|at| read_source(at.value))
                .unwrap_or_default(),
            state: root
                .table("state")
                .into_given()
                .map(|at| read_state(at.value))
                .unwrap_or_default(),
            engine: root
                .table("engine")
                .into_given()
                .map(|at| read_engine(at.value.unguarded()))
                .unwrap_or_default(),
            retention: root
                .table("retention")
                .into_given()
                .map(|at| read_retention(at.value.unguarded()))
                .unwrap_or_default(),
            admin: root
                .table("admin")
                .into_given()
                .map(|at| read_admin(at.value))
                .unwrap_or_default(),
            sinks: root
                .tables("sinks")
                .into_iter()
                .map(|(name, reader)| read_sink(name, reader))
                .collect(),
            syncs: root
                .tables("syncs")
                .into_iter()
                .map(|(name, reader)| read_sync(name, reader.unguarded()))
                .collect(),
        };
        root.finish();
        config
    }
}

fn read_source(mut reader: Reader<'_>) -> RawSource {
    let source = RawSource {
        place: Some(reader.place.clone()),
        url: reader.renewable("url", Secrecy::Connection),
        host: reader.string("host"),
        port: reader.count("port"),
        user: reader.string("user"),
        password: reader.renewable("password", Secrecy::Whole),
        database: reader.string("database"),
        sslmode: reader.word("sslmode", &SSL_MODES),
        sslrootcert: reader.string("sslrootcert"),
        sslcert: reader.string("sslcert"),
        sslkey: reader.string("sslkey"),
        host_in_environment: ["PGHOST", "PGHOSTADDR", "PGSERVICE"]
            .iter()
            .any(|name| reader.is_set(name)),
        publication: reader.string("publication"),
        slot: reader.string("slot"),
        manage: reader.boolean("manage"),
        column_lists: reader.boolean("column_lists"),
        failover: reader.boolean("failover"),
        on_lost_slot: reader.word("on_lost_slot", &ON_LOST_SLOT),
        heartbeat: reader.duration("heartbeat"),
        read_url: reader.renewable("read_url", Secrecy::Connection),
        read_wait: reader.duration("read_wait"),
        read_fallback: reader.boolean("read_fallback"),
    };
    reader.finish();
    source
}

fn read_state(mut reader: Reader<'_>) -> RawState {
    let state = RawState {
        url: reader.renewable("url", Secrecy::Connection),
        schema: reader.string("schema"),
    };
    reader.finish();
    state
}

fn read_engine(mut reader: Reader<'_>) -> RawEngine {
    let engine = RawEngine {
        workers: reader.count("workers"),
        batch: reader.count("batch"),
        lease: reader.duration("lease"),
        memory: reader.size("memory"),
    };
    reader.finish();
    engine
}

fn read_retention(mut reader: Reader<'_>) -> RawRetention {
    let retention = RawRetention {
        succeeded: reader.duration("succeeded"),
        failed: reader.duration("failed"),
    };
    reader.finish();
    retention
}

fn read_admin(mut reader: Reader<'_>) -> RawAdmin {
    let admin = RawAdmin {
        listen: reader.string("listen"),
        token: reader.secret("token", Secrecy::Whole),
    };
    reader.finish();
    admin
}

fn read_sink(name: At<String>, mut reader: Reader<'_>) -> RawSink {
    let kind = match reader.string("type") {
        Field::Given(found) => match found.value.as_str() {
            "http" => Some(RawSinkKind::Http(Box::new(read_http(reader)))),
            "stdout" => {
                reader.finish();
                Some(RawSinkKind::Stdout)
            }
            other => {
                reader.report(wrong_type(&found.place, other));
                reader.abandon();
                None
            }
        },
        Field::Absent => {
            let problem = Problem::at(&reader.place, format!("the sink `{}` has no `type`", name.value));
            reader.report(problem.help("add `type = \"http\"` or `type = \"stdout\"`"));
            reader.abandon();
            None
        }
        Field::Unusable => {
            reader.abandon();
            None
        }
    };
    RawSink { name, kind }
}

fn wrong_type(place: &Place, found: &str) -> Problem {
    let available = ["http", "stdout"];
    let summary = if SINKS_NOT_YET.contains(&found) {
        format!("the sink type \"{found}\" is not available in this version")
    } else {
        format!("{} is not a type of sink", quoted(found))
    };
    let problem = Problem::at(place, summary);
    problem.help(format!("available: {}", listed(&available, '"')))
}

fn read_http(mut reader: Reader<'_>) -> RawHttp {
    let http = RawHttp {
        url: reader.secret("url", Secrecy::Url),
        method: reader.word("method", &METHODS),
        headers: reader.named_secrets("headers"),
        timeout: reader.duration("timeout"),
        concurrency: reader.count("concurrency"),
        retry: reader
            .table("retry")
            .into_given()
            .map(|at| read_retry(at.value.unguarded()))
            .unwrap_or_default(),
    };
    reader.not_yet(&[
        "body",
        "create",
        "delete",
        "auth",
        "sign",
        "rate_limit",
        "batch",
        "ok",
        "reject",
        "breaker",
    ]);
    reader.finish();
    http
}

fn read_retry(mut reader: Reader<'_>) -> RawRetry {
    let retry = RawRetry {
        attempts: reader.count("attempts"),
        base: reader.duration("base"),
        max: reader.duration("max"),
    };
    reader.finish();
    retry
}
