//! Statements that mend what stands in the way.

use super::TableId;

/// One statement that mends something, and what running it means for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Without a semicolon. To be run by itself: some are not allowed in a transaction.
    pub statement: String,
    /// What it is for, as a clause.
    pub purpose: String,
    pub locks: Locks,
    /// What it costs from then on.
    pub cost: Option<String>,
    pub kind: FixKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FixKind {
    /// What an interrupted attempt leaves behind has the same columns.
    Index {
        table: TableId,
        columns: Vec<i16>,
        unique: bool,
    },
    ReplicaIdentity {
        table: TableId,
    },
    /// From then on postgres rejects updates and deletes of tables without a replica identity: only to be run where all
    /// of them have one.
    Publication,
}

/// Who waits while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// Nobody who reads or writes.
    Nobody,
    /// Everybody, for an instant.
    Instant,
    /// Everybody who writes to the table, until it is done.
    Writers,
}

impl Fix {
    /// Several as they can be pasted, one on each line.
    pub fn script(fixes: &[Fix]) -> String {
        let lines: Vec<String> = fixes.iter().map(|fix| format!("{};", fix.statement)).collect();
        lines.join("\n")
    }
}
