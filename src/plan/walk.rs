//! The statements by which all subjects of a sync are gone through.

use super::KeyShape;
use super::path::{Lookup, key_text, paged};
use super::tree::Branch;
use crate::pg::identifier;

/// Goes through the subjects of a sync. A subject is a row of the root table, whatever the sync's filter makes of it.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    /// Every subject, a page at a time; a look-up without values.
    pub page: Lookup,
    /// Which of some keys have no row. Parameters: one `text[]` for each key column; result: `position`, from 1.
    pub missing: String,
    /// About how many there are, in the words of `explain (format json)`.
    pub estimate: String,
    /// The root table in a `from` clause, under its own name; with it, what a person writes about its rows has a meaning.
    from: String,
    row: String,
}

impl Walk {
    pub(super) fn new(root: &Branch<'_>, shape: &KeyShape) -> Self {
        let table = root.table.sql_name();
        let row = identifier(&root.table.name);
        let from = format!("{table} as {row}");
        Self {
            page: paged(&format!("{table} as t0"), "t0", &shape.names(), shape, 0),
            missing: missing(&table, shape),
            estimate: format!("explain (format json) select from {from}"),
            from,
            row,
        }
    }

    /// The same for the rows of which `condition`, an SQL expression, is true. What costs one step stays as it is: so many rows
    /// are looked at, and `wanted` tells which of them count. Parameters as of [`Self::page`], `first` and `next` only.
    pub fn filtered(&self, shape: &KeyShape, condition: &str) -> Filtered {
        let keys: Vec<String> = shape
            .names()
            .iter()
            .map(|name| format!("{}.{}", self.row, identifier(name)))
            .collect();
        let numbers = 1..=keys.len();
        let selected: Vec<String> = keys
            .iter()
            .zip(1..)
            .map(|(key, i)| format!("{key} as key_{i}"))
            .collect();
        let shown: Vec<String> = numbers
            .clone()
            .map(|i| format!("{} as key_{i}", key_text(&format!("q.key_{i}"))))
            .collect();
        let order: Vec<String> = numbers.map(|i| format!("q.key_{i}")).collect();
        let seen: Vec<String> = (1..)
            .zip(&shape.columns)
            .map(|(i, column)| format!("${i}::text::{}", column.sql_type))
            .collect();
        let statement = |after: &str, limit: usize| {
            format!(
                "select {}, q.wanted\n  from (\n  select {}, (\n{condition}\n) is true as wanted\n    from {}{after}\n   order by {}\n   \
                 limit ${limit}) as q\n order by {}",
                shown.join(", "),
                selected.join(", "),
                self.from,
                keys.join(", "),
                order.join(", "),
            )
        };
        let after = format!("\n   where ({}) > ({})", keys.join(", "), seen.join(", "));
        Filtered {
            first: statement("", 1),
            next: statement(&after, keys.len() + 1),
            estimate: format!("{} where (\n{condition}\n)", self.estimate),
        }
    }
}

/// See [`Walk::filtered`].
#[derive(Debug, Clone)]
pub struct Filtered {
    pub first: String,
    pub next: String,
    pub estimate: String,
}

/// Each key is looked up by itself: a join of many keys would be worth a pass through the whole table to the planner. A row is
/// a key's own only if it writes it in the same way: the key of `1.0` is gone where the row has `1` now.
fn missing(table: &str, shape: &KeyShape) -> String {
    let (mut arrays, mut names, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
    for (i, column) in (1..).zip(&shape.columns) {
        let name = format!("t0.{}", identifier(&column.name));
        arrays.push(format!("${i}::text[]"));
        names.push(format!("key_{i}"));
        conditions.push(format!("{name} = k.key_{i}::{}", column.sql_type));
        conditions.push(format!("{} = k.key_{i}", key_text(&name)));
    }
    format!(
        "select k.position\n  from unnest({}) with ordinality as k({}, position)\n  left join lateral (select true as found from {table} \
         as t0 where {} limit 1) as t on true\n where t.found is null",
        arrays.join(", "),
        names.join(", "),
        conditions.join(" and "),
    )
}
