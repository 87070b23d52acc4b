//! Everything about talking to Postgres that is not about Walsift: how a server is found, secured and found dead, pools,
//! quoting, and what an error means for the caller.
//!
//! ```text
//! Dsn ──▶ conninfo: Target ──▶ login ──▶ socket: TCP, TLS ──▶ connect: SQL ──▶ Pool
//!                                │
//!                                └── log_in: whatever else speaks the protocol
//! ```

mod connect;
mod conninfo;
mod dsn;
mod error;
mod login;
mod pool;
mod quote;
mod session;
mod snapshot;
mod socket;
mod text;

pub use connect::connect;
pub use conninfo::{ChannelBinding, Host, InvalidDsn, Liveness, RootCert, SessionAttrs, SslMode, Target, TlsSettings};
pub use dsn::Dsn;
pub use error::{ConnectError, Disposition, Error, describe, disposition};
pub use login::{Failure, HostFailure, Login, LoginError, ServerTraits, log_in};
pub use pool::{Client, Pool};
pub use quote::{identifier, qualified};
pub use session::Session;
pub use snapshot::Snapshot;
pub use socket::{Socket, TlsError};
pub use text::{AsText, TextArray};
