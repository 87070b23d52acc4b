//! Walsift keeps external systems in step with a Postgres database and sends them only real differences.
//!
//! ```text
//! Postgres ─▶ wal ─▶ mapping ─▶ queue ═══(table)═══▶ queue ─▶ build ─▶ diff ─▶ publish ─▶ record
//!     ▲                            │                                                        │
//!     └────── confirm LSN ◀── jobs committed                            state + job settled in one transaction
//! ```
//!
//! The modules stand in the order in which data passes through them, and import one way only: a stage may use
//! the stages above it in this list, never those below. Only [`pipeline`] knows the order of the stages.

pub mod failpoint;
pub mod metrics;

pub mod config;
pub mod pg;

pub mod catalog;
pub mod wal;

pub mod plan;

pub mod mapping;
pub mod queue;

pub mod build;
pub mod diff;
pub mod publish;
pub mod record;

pub mod operate;

pub mod pipeline;

pub mod api;
pub mod demo;

pub mod cli;
