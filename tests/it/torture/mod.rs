//! The torture test: writers, faults and a misbehaving receiver, all at once and by chance, and then a look at whether the
//! receiver holds what the database yields, and whether each request that it got was in order.
//!
//! ```text
//! writers ──────────────▶ Postgres ◀── proxy ◀── walsift ×1–3 ──▶ receiver ──▶ journal ──▶ judge
//!    ▲                       ▲           ▲            ▲               ▲
//!    └── seed ──▶ plan ──▶ tormentor ────┴────────────┴── weather ────┘
//! ```
//!
//! A run is rounds: everybody at work for some seconds, then quiet, then the judgement. What a seed decides is what is tried and
//! in which order; when it hits is up to the machine. `docs/TORTURE.md` says what is judged, and how to run it for long.

mod canary;
mod faults;
mod fleet;
mod judge;
mod judgement;
mod plan;
mod run;
mod schema;
mod seeds;
mod slot;
mod standby;
mod tormentor;
mod weather;
mod writer;
