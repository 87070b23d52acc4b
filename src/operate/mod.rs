//! What people ask of a running system.
//!
//! Each is a note in the state database that the processes heed by themselves, so it does not matter where it is asked, and
//! it outlives them.

mod drain;
mod pause;

pub use drain::{Left, ask_to_drain, left, take_back_drain};
pub use pause::{Paused, Scope, UnknownScope, pause, resume};
