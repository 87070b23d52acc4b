//! Some subjects from all over a sync's table.

use super::grow;
use super::path::key_text;
use crate::catalog::Catalog;
use crate::config::Sync;
use crate::pg::identifier;

/// Keys of a sync's root, taken from blocks here and there, always the same ones as long as the table does not change.
/// Parameters: the percentage of blocks, `float8`; the most keys, `bigint`. Result: `key_1`, … as text, in the order of the
/// key. `None` for a sync that cannot be planned.
pub fn sample_statement(sync: &Sync, catalog: &Catalog) -> Option<String> {
    let trunk = grow(sync, catalog).ok()?;
    let columns: Vec<String> = trunk.shape.names().iter().map(|name| identifier(name)).collect();
    let selected: Vec<String> = (1..)
        .zip(&columns)
        .map(|(i, column)| format!("{} as key_{i}", key_text(&format!("q.{column}"))))
        .collect();
    let order: Vec<String> = columns.iter().map(|column| format!("q.{column}")).collect();
    Some(format!(
        "select {}\n  from (select {} from {} tablesample system ($1::float8) repeatable (1) limit $2) as q\n order by {}",
        selected.join(", "),
        columns.join(", "),
        trunk.root.table.sql_name(),
        order.join(", "),
    ))
}
