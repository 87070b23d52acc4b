//! The sink for Redis, against a real server.

mod access;
mod cache;
mod order;
mod outcomes;
mod peers;
mod program;
