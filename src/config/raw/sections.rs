//! All sections of the file but sinks and the trees of documents.

use std::time::Duration;

use secrecy::SecretString;
use toml::de::DeTable;

use super::reader::Reader;
use super::reading::{Field, Reading};
use super::sinks::{RawSink, read_sink};
use super::tree::{RawSync, read_sync};
use crate::config::mask::Secrecy;
use crate::config::{Deletes, History, Initial, OnLostSlot, Place, Precedence, Secret};

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

/// How `sslmode` may be written.
const SSL_MODES: [(&str, &str); 6] = [
    ("disable", "disable"),
    ("allow", "allow"),
    ("prefer", "prefer"),
    ("require", "require"),
    ("verify-ca", "verify-ca"),
    ("verify-full", "verify-full"),
];

pub const DELETES: [(&str, Deletes); 2] = [("publish", Deletes::Publish), ("ignore", Deletes::Ignore)];

pub const PRECEDENCES: [(&str, Precedence); 3] = [
    ("high", Precedence::High),
    ("normal", Precedence::Normal),
    ("low", Precedence::Low),
];

pub const INITIALS: [(&str, Initial); 2] = [("all", Initial::All), ("none", Initial::None)];

pub const HISTORIES: [(&str, History); 2] = [("failures", History::Failures), ("all", History::All)];

pub const ON_LOST_SLOT: [(&str, OnLostSlot); 2] = [("resync", OnLostSlot::Resync), ("stop", OnLostSlot::Stop)];

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
