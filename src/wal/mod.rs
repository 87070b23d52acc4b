//! The write-ahead log: replication stream, pgoutput, relations, slot, publication. Does not know what a subject is.

mod lsn;

pub use lsn::{InvalidLsn, Lsn};
