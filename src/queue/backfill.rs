//! Backfills: walks over the subjects of a route, in the order of their keys, without a job for each.
//!
//! ```text
//! keys ───────────────────┐
//! source ──┬──────────────┼─▶ end ─▶ finished      a chunk: in hand ─▶ settled, or taken over
//!          └─▶ missing ───┤
//! known ──────────────────┘
//! ```
//!
//! A backfill is a row that says how far it has come. Whoever takes the next step moves it on and, in the same commit, puts the
//! subjects of that step into a [`chunk`](Chunk) that it holds; so several processes share one backfill, and a crash costs what
//! was in hand.
//!
//! Promises: a subject is in one chunk, or its job is claimed, never both. Who makes a chunk keeps claims out for that moment;
//! who claims passes over what is in a chunk. A subject that is busy is left out of the chunk, and its job sees to it that it
//! is built once more. A chunk whose holder is gone is taken over as uncertain, but for what is on record since.

mod chunk;
mod run;

pub use chunk::{Chunk, ChunkId, Step, Taken, Taker, take_chunk, take_over_chunk};
pub use run::{
    Agenda, Backfill, BackfillId, Finished, NewBackfill, Walk, add_page, adopt_visits, backfill_agenda, begin_backfill,
    count_backfill, finish_backfills, given_page, prune_backfills, put_off_backfill, ready_backfill, start_backfill,
    supersede_backfills,
};
