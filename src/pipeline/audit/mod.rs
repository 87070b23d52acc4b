//! Proof that source, state and sink agree; and where they do not, what is wrong, and its repair.
//!
//! ```text
//! known to the state ──┐              ┌─ source against state: the verdict, as `diff` has it
//! new in the source ───┼─▶ a look ────┤                                             ──▶ suspects ─▶ patience ─▶ faults
//! held by the sink ────┘              └─ source against sink: JSON values, by digest                              │
//!                                                              void, job ◀── in one commit with the findings ◀───┘
//! ```
//!
//! **What is in flight is no fault.** A look reads the state, builds, reads the sink, and reads the state again. What differs then is
//! looked at once more: after the reader of the slot has come past a mark that was set behind all that the look could see, so
//! that every change has its job; after those jobs are over; and with nothing delivered between the two readings of the state. Only
//! what is wrong in the same way both times is a fault. Where the sink alone is wrong, what the slot still holds has nothing to do with it, and
//! there is no waiting for the reader. The waiting is bounded: what has not come to rest by then is counted as in flight.
//!
//! **Repair beside live deliveries.** The digests of what is wrong are voided, and jobs are made of it, in one transaction. A void
//! digest only ever costs a request (G4): the next build is sent whatever it is. A delivery that is accepted meanwhile takes the
//! void away, and rightly so, as the sink holds then what was sent. A worker that has claimed the job before, and found nothing to send
//! by the digest of then, finds it touched and leaves a new one behind, as with any change (`queue::enqueue`, and not the
//! verb that a person has for it, which leaves an active job as it is). What the sink has and nobody knows becomes known to the state as
//! void: built as gone, it is deleted.
//!
//! **Where it goes on** stands in a row of the state, written behind each page, in one commit with the repairs of the page. Neither a crash
//! nor another machine loses more than a page. The walk over the sink has no order that could be found again, so it begins anew; what
//! it has repaired by then is not found twice.
//!
//! Memory holds a page of subjects, and of the sink's documents a part of a page. Nothing is written to the source, but for the mark, a
//! few bytes of WAL that belong to no table.
//!
//! Not promised: a moment that all of it is true of. Nor what a sink shows late: one that answers with what it held a while ago is believed.

mod auditor;
mod findings;
mod flight;
mod pace;
mod sight;

pub use auditor::{AuditError, News, Order, Report, audit, begin as begin_audit};
pub use findings::{Fault, Findings, Sample};
