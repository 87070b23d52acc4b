//! What every sink needs that sends requests to a web server: a client, credentials, and words about failures that have no
//! secrets in them.
//!
//! ```text
//! request ─▶ credentials ─▶ client: proxy, TLS, HTTP/1.1 or 2 ─▶ response, or the outcome that there was none
//!             ▲    └── refused with a 401: looked at again, and sent once more
//!             └── from the configuration, from a file that is read again, or a token that is asked for
//! ```
//!
//! Promised: a request ends in the time that it is given, waiting for a token included; all who need a token wait for one
//! request; redirects are not followed; secrets of the configuration, and tokens, stand in no message.
//!
//! Not promised: that a request was sent only once. One that was answered with a 401 was not taken, and is sent again if
//! there are other credentials by then.

mod auth;
mod body;
mod client;
mod excerpt;
mod later;
mod oauth2;
mod request;
mod server;
mod silence;

#[cfg(test)]
mod tests;

pub(super) use body::{End, start_of};
pub(super) use excerpt::{REDACTED, Secrets};
pub(super) use later::wanted_pause;
pub(super) use request::Request;
pub(super) use server::Server;
