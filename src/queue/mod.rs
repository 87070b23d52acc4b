//! Jobs: enqueue, claim, lease. The durable hop between the two loops.
//!
//! Promises: at most one active job for each route and subject; jobs and progress are committed together; a job belongs to
//! one worker at a time, and to nobody once that worker's lease has run out. What becomes of a job after its delivery is
//! for [`crate::record`] to write.

mod awaited;
mod backfill;
mod claim;
mod correlation;
mod enqueue;
mod heed;
mod progress;
mod rebuild;
mod refresh;
mod route;
mod running;
mod visit;
mod worker;

pub use awaited::{Awaited, awaited, busy};
pub use backfill::{
    Agenda, Backfill, BackfillId, Chunk, ChunkId, Finished, NewBackfill, Step, Taken, Taker, Walk, add_page,
    adopt_visits, backfill_agenda, begin_backfill, count_backfill, finish_backfills, given_page, prune_backfills,
    put_off_backfill, ready_backfill, start_backfill, supersede_backfills, take_chunk, take_over_chunk,
};
pub use claim::{ClaimError, Demand, DigestBytes, Job, JobId, claim, next_due};
pub use correlation::{Correlation, NoCorrelation};
pub use enqueue::{Entry, Priority, enqueue};
pub use heed::{Heeded, drained, heed};
pub use progress::{
    Progress, behind, follow_timeline, hold_routes, read_progress, replace_progress, skip_versions, write_progress,
    write_readers_routes,
};
pub use rebuild::{
    Phase, Readiness, Rebuild, close_replaced, configured_sink, drop_rebuild, find_rebuild, is_beside, label,
    last_rebuild, lock_rebuild, note_loaded, note_problem, open_replaced, peek_rebuild, promote, readiness, rebuilds,
    replaced_is_held,
};
pub use refresh::refresh;
pub use route::{Route, RouteId, ensure_routes, routes, set_at_work, set_paused, show_paused};
pub use running::{Running, read_running, set_running};
pub use visit::{
    Kind, NewVisit, Ready, Visit, VisitId, advance_visit, backlog, begin_visit, defer_visit, delete_lookups,
    delete_visit, has_visits, insert_visit, known_page, lock_visit, read_visit, ready_visits,
};
pub use worker::{Lease, Owner, Worker, WorkerId};
