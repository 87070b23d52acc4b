//! The sink for Elasticsearch and OpenSearch, through the whole program, against a server that keeps versions as they do.

mod faults;
mod indexes;
mod itself;
mod keys;
mod loads;
mod outages;
mod rebuild;
mod refusals;
pub mod search;
pub mod server;
mod storm;
mod verbs;
