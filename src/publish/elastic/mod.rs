//! The sink for Elasticsearch and its kin: `_bulk`, with the version of each document as its external version.
//!
//! ```text
//! deliveries ─▶ items: action line, document ─▶ pieces ─▶ POST /INDEX/_bulk ─▶ one result for each ─▶ outcomes
//!                                                            ▲
//!                     the index is missing: made from the mapping
//! ```
//!
//! Promised: a document never replaces a newer one, whoever sends it late; what the index has in the same version or a
//! newer one counts as delivered; each item is answered for itself, and one that is refused stops no other.
//!
//! Not promised: that an index which was deleted behind our back is filled again; nor that a write which comes long after
//! the delete of its subject is refused. The index forgets the version of what was deleted after `index.gc_deletes`, a
//! minute by default.

mod alias;
mod answer;
mod index;
mod item;
mod read;
mod scan;
mod sink;

#[cfg(test)]
mod tests;

pub use sink::ElasticSink;
