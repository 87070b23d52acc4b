//! What has happened: state, attempts, finished jobs, counts. Also the schema that all of it lives in.
//!
//! Promises: what a sink holds and what becomes of the job are written in one transaction, and only by the worker that
//! still holds the job.

mod audit;
mod compact;
mod doubt;
mod latency;
mod migrate;
mod packed;
mod prune;
mod settle;
mod survey;
mod sweep;
mod tally;

pub use audit::{AuditRow, AuditWalk, begin_audit, read_audit, save_audit};
pub use compact::{Bloated, bloated, rebuild};
pub use doubt::doubt;
pub use latency::latency;
pub use migrate::{MigrateError, migrate, schema_problem};
pub use packed::{pack, unpack};
pub use prune::{Pruned, prune};
pub use settle::{Attempt, Ending, Held, Pace, Settled, Settlement, settle, settle_members};
pub use survey::{Jobs, RouteSurvey, Survey, survey};
pub use sweep::{Retired, retired, sweep};
pub use tally::{Tally, add_tally};
