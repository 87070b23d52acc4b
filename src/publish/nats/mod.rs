//! The sink for NATS: each document a message of a `JetStream` stream, which counts as delivered once the stream has
//! acknowledged it.
//!
//! ```text
//! deliveries ─▶ messages: subject, headers, document ─▶ one connection, all in one go ─▶ an answer for each ─▶ outcomes
//!                                                        ▲                  └── broken, or late: closed
//!                                                        └── kept from the last batch, or made
//! ```
//!
//! Promised: nothing of a batch that was given up is sent any more. A connection serves one batch at a time, and is closed
//! unless each of its messages was answered; what our system has not sent by then is thrown away with it. That is why this
//! speaks the [protocol](https://docs.nats.io/reference/reference-protocols/nats-protocol) itself: the usual client keeps
//! what it could not send, connects again by itself, and sends it then, however old it is.
//!
//! Not promised: that a message which has left this machine is not stored after we gave it up; the versions in the headers
//! tell which of two is newer. A second copy is dropped by the stream within its duplicate window, and stored after it.

mod answer;
mod connection;
mod login;
mod message;
mod sink;
mod subject;
mod wire;

#[cfg(test)]
mod tests;

pub use sink::NatsSink;
