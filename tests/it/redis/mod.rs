//! The sink for Redis, against a real server.

mod access;
pub mod cache;
mod order;
mod outcomes;
mod peers;
mod program;
