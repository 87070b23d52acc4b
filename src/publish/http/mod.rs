//! The HTTP sink: `PUT` of the document when it changed, `DELETE` when the subject is gone.
//!
//! ```text
//! delivery ─▶ request: address (url), headers, body ─▶ sink ─▶ answer: status or no status ─▶ outcome
//!                                                                └─ excerpt, without secrets ─▶ what people read
//! ```
//!
//! Promised: a request ends before the lease on its job does; every try of one version carries the same
//! `Idempotency-Key`; an outcome is called certain only if the other side cannot have taken the document; no secret of
//! the configuration stands in a message.
//!
//! Not promised: that the other side has stopped working on a request that timed out. Redirects are not followed: a
//! redirect may change method and host, and the headers may carry a secret that is meant for one host only. How many
//! requests are in flight is up to the caller.

mod address;
mod answer;
mod envelope;
mod headers;
mod json;
pub(super) mod preview;
mod read;
mod remote;
mod request;
mod results;
mod sign;
mod sink;
mod template;
mod together;

#[cfg(test)]
mod tests;

pub use sink::HttpSink;
pub(super) use sink::time_allowed;
