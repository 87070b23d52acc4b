//! The tests that need a whole Postgres, all in one program: one server for all of them, a database for each.
//!
//! They live in a [`world::World`]. Under `cargo nextest`, which runs every test in a process of its own, each
//! starts a server of its own; that works, and takes about a second a test.

#![allow(clippy::unwrap_used, reason = "all of this is test code, helpers too")]

mod access;
mod against;
mod backfill;
mod check;
mod churn;
mod conformance;
mod connections;
mod delivery;
mod diff;
mod documents;
mod drain;
mod elastic;
mod fan_out;
mod fix;
mod guarantees;
mod harness;
mod hot_statements;
mod http;
mod init;
mod jobs;
mod kafka;
mod language;
mod layers;
mod messages;
mod nats;
mod oracle;
mod pause;
mod pgoutput;
mod plan;
mod privileges;
mod publication;
mod publish;
mod random;
mod reads;
mod redis;
mod relevance;
mod replica;
mod retention;
mod schema_changes;
#[allow(dead_code, reason = "a helper may be there before the first test that needs it")]
mod servers;
mod shop;
mod statements;
mod status;
mod superseded;
mod syncs;
mod torture;
mod transport;
#[allow(dead_code, reason = "a helper may be there before the first test that needs it")]
mod world;
