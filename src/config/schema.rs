//! The language as a JSON Schema, for editors.

/// Draft 2020-12. Says of every key of this version what it is for and what it may hold; where a value stands for itself
/// it may also come from outside, as `${VAR}`. What takes the rest of the file or the database to judge is left to
/// `walsift check`.
pub const SCHEMA: &str = include_str!("schema.json");
