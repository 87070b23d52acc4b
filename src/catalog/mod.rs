//! What the source's tables look like: columns, keys, foreign keys, indexes, replica identity.
//!
//! Read in a handful of set-based statements for just the tables that the configuration names, or, for a first
//! configuration, those around one table. Promises a picture of one moment; a schema that changes afterwards is for the
//! stages to notice.

mod digest;
mod explore;
mod fix;
mod load;
mod statistics;
mod table;

pub use digest::digest;
pub use explore::{RELATED_MAX, Surroundings, explore, quoted};
pub use fix::{Fix, FixKind, Locks};
pub use load::load;
pub use statistics::{ColumnStatistics, Statistics, statistics};
pub use table::{Catalog, Column, ForeignKey, Identity, Index, Persistence, Table, TableId, TableKind};
