//! What a person asks of jobs: to see them, to do them at once or again, not at all, or now; and of the processes that do
//! them: to let some rest, or to finish all and leave.
//!
//! ```text
//! list · show · standing nothing is changed
//! retry                  pending: due now        over: a new job that builds again and sends what is true now, if it differs
//! replay                                         over: a new job that sends even what is equal
//! enqueue                a new job for a subject that has none
//! cancel                 pending: over, not done
//! purge                                          over: forgotten, with its tries
//!
//! pause · resume         a sync or a sink rests
//! rebuild                another index is filled, and takes the place of the one that a sink writes to
//! drain                  reading stops, and the processes leave when all is done
//! backfill               many subjects are visited; such a visit rests, goes on, or is ended
//! ```
//!
//! All of it is written into the state database, where the processes heed it by themselves: it does not matter where it is
//! asked.
//!
//! Promises: history is never rewritten, as whatever is done again is a new job, linked to the old one; no subject gets a second
//! active job; what a worker holds is left to it. Many jobs are worked on in batches, each in a commit of its own.
//!
//! *Not* promised: that a change whose job was canceled is ever sent. It is with the next change of the subject.

mod backfill;
mod bulk;
mod cancel;
mod drain;
mod enqueue;
mod holders;
mod keys;
mod list;
mod outcome;
mod pause;
mod purge;
mod rebuild;
mod selection;
mod show;
mod standing;
mod states;
mod take_up;
mod time;

pub use backfill::{BackfillStatus, backfills, cancel_backfill, check_condition, pause_backfill, start_backfill};
pub use bulk::{Matched, Tally, Verb, apply, matched};
pub use cancel::cancel;
pub use drain::{Left, ask_to_drain, left, take_back_drain};
pub use enqueue::{Wish, enqueue};
pub use keys::{NoKey, as_stored, subjects};
pub use list::{Listed, Order, Page, PageOf, list};
pub use outcome::{Answer, Outcome};
pub use pause::{Paused, Scope, UnknownScope, pause, resume};
pub use purge::purge;
pub use rebuild::{
    Place, Progress, RebuildError, RebuildState, ask_to_swap, cancel_rebuild, list_rebuilds, start_rebuild,
};
pub use selection::{Filter, NoReference, NoSuchRoute, Reference, Selection, State, find, select, stored_key};
pub use show::{Accepted, Held, Link, Story, Try, show};
pub use standing::{Kept, Standing, standing, standings};
pub use take_up::{replay, retry};
pub use time::{NoTime, Timestamp};
