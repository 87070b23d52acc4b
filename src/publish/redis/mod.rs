//! The Redis sink: a key for each subject, or an entry of a stream for each delivery.
//!
//! ```text
//! delivery ─▶ command ─▶ connection: as many as go together, one after the other ─▶ reply of each ─▶ outcome
//! ```
//!
//! Promised: a reply, or the want of one, is told of each delivery for itself; under a key a document never gives way to an older
//! one, whoever sends it late or twice; a connection is used by one batch at a time, and whatever was given up is not sent later. No
//! secret of the configuration stands in a message.
//!
//! Not promised: that the server keeps what it has taken. That is a matter of its persistence and its replicas. That a stream has
//! each delivery once: a try whose reply was lost may have added one, and the next adds another with the same idempotency key.
//!
//! A client of our own, since no more than a handful of commands and four kinds of replies are needed, and nothing may go on in the
//! background: libraries write on what was given up.

mod answer;
mod command;
mod connection;
mod read;
mod sink;
mod wire;

pub use sink::RedisSink;
