//! How the sinks are let in by the other side: what `check` finds when it tries, credentials, proxies.

mod oauth2;
mod proxies;
mod reach;
