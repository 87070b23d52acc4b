//! What makes a publication of the user's own show what the syncs read.

use super::Publication;
use super::publication::options;
use crate::catalog::{Fix, FixKind, Locks, Table};
use crate::pg::identifier;

/// The statements that add what is missing and take nothing away: others may listen to the publication too. Nothing
/// where it shows certain rows or columns of a table only, which somebody must have meant. `version` is the server's.
pub fn publication_fixes(publication: Option<&Publication>, name: &str, tables: &[&Table], version: i32) -> Vec<Fix> {
    let options = options(version);
    let list = |tables: &[&Table]| {
        let names: Vec<String> = tables.iter().map(|table| table.sql_name()).collect();
        names.join(", ")
    };
    let name = identifier(name);
    let fix = |statement: String, purpose: &str| Fix {
        statement,
        purpose: purpose.to_owned(),
        // It keeps out what would change the table, not what reads or writes it.
        locks: Locks::Nobody,
        cost: None,
        kind: FixKind::Publication,
    };
    let Some(publication) = publication else {
        let statement = format!("create publication {name} for table {} with ({options})", list(tables));
        return vec![fix(statement, "the stream shows the tables that the syncs read")];
    };
    let is_limited = |table: &&Table| {
        let published = publication.tables.get(&table.id);
        published.is_some_and(|published| published.filtered || published.columns.is_some())
    };
    if tables.iter().any(is_limited) {
        return Vec::new();
    }
    let mut fixes = Vec::new();
    let missing: Vec<&Table> = tables
        .iter()
        .copied()
        .filter(|table| !publication.all_tables && !publication.tables.contains_key(&table.id))
        .collect();
    if !missing.is_empty() {
        let statement = format!("alter publication {name} add table {}", list(&missing));
        fixes.push(fix(statement, "the stream shows the tables that the syncs read"));
    }
    if !(publication.via_root && publication.all_operations && publication.generated) {
        let statement = format!("alter publication {name} set ({options})");
        let purpose = "the stream shows every kind of change, partitions under the name of their root";
        fixes.push(fix(statement, purpose));
    }
    fixes
}
