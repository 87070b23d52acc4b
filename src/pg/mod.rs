//! Everything about talking to Postgres that is not about Walsift: connection strings, TLS, pools, quoting, and what an
//! error means for the caller.

mod dsn;
mod error;
mod pool;
mod quote;
mod snapshot;
mod text;
mod tls;

pub use dsn::{Dsn, InvalidDsn, SslMode, TlsSettings};
pub use error::{ConnectError, Disposition, Error, describe, disposition};
pub use pool::{Client, Pool, Session, connect};
pub use quote::{identifier, qualified};
pub use snapshot::Snapshot;
pub use text::{AsText, TextArray};
