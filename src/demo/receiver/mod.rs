//! The other side: an HTTP server that keeps what it is sent, writes down every request, and misbehaves on demand.
//!
//! `PUT` and `POST` store the body under the path, `DELETE` removes it, `GET` shows it; `GET` is neither subject to
//! rules nor written down. By default an upsert is answered with 201 or 200, a delete with 204, or 404 when there
//! was nothing to delete.
//!
//! A request exists from the moment its body has arrived whole until it is answered or its connection is closed, by
//! whichever side.

mod apis;
mod handle;
mod ledger;
mod rules;
mod serving;

pub use handle::{Overdue, Receiver};
pub use ledger::{Answer, Held, Ledger, Request};
pub use rules::{Behaviour, Paths};
