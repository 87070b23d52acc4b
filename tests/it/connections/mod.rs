//! Connections to Postgres in every way that libpq has: how they are secured, who is let in, and what happens when that
//! changes.

pub mod authorities;
mod liveness;
mod logins;
mod rotation;
mod server;
mod streams;
mod tls;
