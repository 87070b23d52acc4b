//! To come.

mod canonical;

pub use canonical::{Digest, NotJson, digest};
