//! The order of the stages, and the tasks that run them.
//!
//! ```text
//! intake ──▶ jobs ◀── visitor        lane (one for each route): feeder ─▶ publisher ─▶ settler
//! ```
//!
//! Nothing left of the jobs waits for anything right of them. Every task has a name and an owner; to stop is: take nothing
//! new, finish what is in flight, write it down, leave.

mod backoff;
mod breaker;
mod compare;
mod databases;
mod delivery;
mod engine;
mod health;
mod intake;
mod lane;
mod lookup;
mod mend;
mod paint;
mod prepare;
mod pruner;
mod rescuer;
mod setup;
mod visitor;
mod watch;

pub use compare::{CompareError, Comparison, compare};
pub use databases::Databases;
pub use engine::{Broken, Engine, chain, run};
pub use health::Health;
pub use mend::{Mended, Mender, fixes};
pub use paint::paint;
pub use prepare::{PrepareError, Prepared, prepare};
