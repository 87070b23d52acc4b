//! The order of the stages, and the tasks that run them.
//!
//! ```text
//! intake ──▶ jobs ◀── visitor        lane (one for each sync): feeder ─▶ publisher ─▶ settler (of each sink)
//!                                                                ▲
//!                backfills ─▶ prospector (of each sink) ─────────┘
//! ```
//!
//! Nothing left of the jobs waits for anything right of them. Every task has a name and an owner; to stop is: take nothing
//! new, finish what is in flight, write it down, leave.

mod assess;
mod audit;
mod backoff;
mod beginning;
mod beside;
mod breaker;
mod bucket;
mod compactor;
mod compare;
mod databases;
mod delivery;
mod differing;
mod drainer;
mod engine;
mod fingerprint;
mod fleet;
mod gate;
mod generation;
mod health;
mod intake;
mod lane;
mod looking;
mod lookup;
mod meanings;
mod mend;
mod paint;
mod prepare;
mod pressure;
mod preview;
mod pruner;
mod publication;
mod reach;
mod reading;
mod rebuilder;
mod recent;
mod refresher;
mod rescuer;
mod schema;
mod setup;
mod shared_sink;
mod slot_watch;
mod subjects;
mod visitor;
mod watch;

pub use assess::Assessment;
pub use audit::{AuditError, Fault, Findings, News, Order, Report, Sample, audit, begin_audit};
pub use compare::{CompareError, Comparison, compare};
pub use databases::Databases;
pub use differing::{Counts, Differing, Wanted, differing};
pub use engine::{Broken, Engine, chain};
pub use fingerprint::{Fingerprint, Meaning, Part};
pub use generation::{Ground, begin, run};
pub use health::Health;
pub use looking::{DiffError, Found, Question};
pub use meanings::{RouteMeaning, meanings};
pub use mend::{Mended, Mender, fixes};
pub use paint::paint;
pub use prepare::{PrepareError, Prepared, prepare};
pub use preview::{Preview, PreviewError, preview};
pub use reach::{Reached, reach};
