//! The configuration: the file as written → the configuration as checked.
//!
//! ```text
//! text ─▶ raw: TOML, types, ${VAR} ─▶ check: the rules ─▶ Config
//!              └──────── every Problem, with its Place ────┴──▶ Report ─▶ render, to_json
//! ```
//!
//! Two layers. `raw` mirrors the file and knows where each value stands in it; `check` turns it into a [`Config`],
//! which the rest of the program uses, and gathers *every* [`Problem`] on the way. Later findings, about the database,
//! carry the same [`Place`]s and are shown by the same [`Report::render`] against the same [`File`].
//!
//! Secrets are in `SecretString`s from the moment they are read, and blotted out of the [`File`] that findings are
//! shown in. Not promised: to know a secret that stands under a name of the user's own, such as inside of an SQL
//! expression.

mod access;
mod blot;
mod check;
mod connection;
mod file;
mod kafka;
mod load;
mod mask;
mod model;
mod nats;
mod print;
mod problem;
mod raw;
mod redis;
mod render;
mod requests;
mod schema;
mod sign;
mod sink;
mod target;
mod wording;

#[cfg(test)]
mod tests;

pub use access::{Access, Auth, ClientAuth, OAuth2, Pem, PemError, Tls};
pub use check::is_label;
pub use connection::{Connection, Secret};
pub use file::{File, Position};
pub use kafka::{Compression, HAS_KAFKA, KafkaAuth, KafkaSink, Mechanism};
pub use load::{LoadError, Loaded};
pub use model::{
    Admin, Cardinality, Config, Deletes, Document, Engine, Expression, History, Initial, Member, Node, OnLostSlot,
    Pointer, Precedence, Replica, Retention, Source, State, Sync, TableName, Through, Watched, Way,
};
pub use nats::{NatsAuth, NatsAuthError, NatsServer, NatsSink, nats_credentials, nats_user_key};
pub use problem::{Place, Problem, Report};
pub use raw::units::{DURATION_WANTED, parse_duration};
pub use redis::{RedisPlace, RedisServer, RedisSink};
pub use requests::{Batch, BatchFormat, Create, Delete, Read, Requests, StatusRange, Statuses, Template};
pub use schema::SCHEMA;
pub use sign::{SignError, signing_key};
pub use sink::{Breaker, ElasticSink, HttpSink, IndexMapping, Rate, Retry, Sink, SinkKind, Terms};
pub use target::NoTarget;
