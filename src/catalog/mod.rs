//! What the source's tables look like: columns, keys, foreign keys, indexes, replica identity.
//!
//! Read in a handful of set-based statements for just the tables that the configuration names. Promises a picture of
//! one moment; a schema that changes afterwards is for the stages to notice.

mod digest;
mod load;
mod table;

pub use digest::digest;
pub use load::load;
pub use table::{Catalog, Column, ForeignKey, Identity, Index, Persistence, Table, TableId, TableKind};
