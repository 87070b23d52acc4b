//! Documents for a batch of keys, and their canonical form.
//!
//! Postgres makes the JSON; here it is only hashed and passed on as text.

mod canonical;
mod documents;

pub use canonical::{Digest, Ignored, NotJson, digest};
pub use documents::{BuildError, Built, Document, build};
