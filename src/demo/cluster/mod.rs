//! A throwaway Postgres, made from whatever server programs are installed.
//!
//! ```text
//! this process ──stdin──▶ watchdog.sh ──starts, signals──▶ postgres
//!       ▲                                                     │
//!       └───────── stderr: the log; its end says that all of the server is gone
//! ```
//!
//! Promise: server and folder are gone once this process is, however it ended; the watchdog sees the pipe close.
//! Not promised: that they are gone at the very instant, nor that anything survives a crash of the machine.

mod programs;
mod server;
mod settings;
mod standby;
mod watchdog;

pub use server::{Cluster, ClusterError, Shutdown};
pub use settings::ClusterSettings;
