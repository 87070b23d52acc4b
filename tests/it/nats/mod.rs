//! The sink for NATS, against a real server.

pub mod bus;
mod cluster;
mod credentials;
mod order;
mod outcomes;
mod program;
