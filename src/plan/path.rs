//! From a changed row up to the subjects it touches.
//!
//! A step whose columns are in the changed row costs nothing: a changed order line names its order. A step that needs
//! the database is one look-up for all values of a batch: a renamed customer's orders. Filters of nodes are left out:
//! a subject too many is built and found equal, a subject too few would be lost.

use super::KeyShape;
use super::tree::{Branch, same_text};
use crate::catalog::{Column, Table};
use crate::config::Place;
use crate::pg::identifier;

/// One way from a changed row of one table to subjects of one sync.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The table, as the stream names it.
    pub schema: String,
    pub table: String,
    /// Where in the tree: empty for the root, `lines.product` below.
    pub node: String,
    /// Columns of the changed row whose values, old and new, lead to the subjects.
    pub columns: Vec<String>,
    pub finder: Finder,
}

#[derive(Debug, Clone)]
pub enum Finder {
    /// The columns are the key of the subject, in its order.
    Key,
    /// The values are looked up.
    Lookup(Lookup),
}

/// Finds subjects by the values of a changed row, a page at a time.
///
/// Parameters of both: one `text[]` for each of the listener's columns. Then, of `next` only, the last key seen, one text
/// for each key column. Last the most rows to return. Result: the key columns as text, `key_1`, `key_2`, …, each
/// subject once, in the order of the key.
#[derive(Debug, Clone)]
pub struct Lookup {
    pub first: String,
    pub next: String,
}

impl Listener {
    pub fn is_root(&self) -> bool {
        self.node.is_empty()
    }
}

/// A table and the columns by which a step enters it or a check finds it.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub table: &'a Table,
    pub columns: Vec<String>,
}

/// Every listener of a sync, the root's first.
pub(super) fn listeners(root: &Branch<'_>, shape: &KeyShape) -> Vec<Listener> {
    let key: Vec<String> = shape.columns.iter().map(|column| column.name.clone()).collect();
    let mut found = vec![listener(root, String::new(), key, Finder::Key)];
    for child in &root.children {
        descend(&[root, child], shape, &mut found);
    }
    found
}

/// `path` leads from the root down to the node to listen to.
fn descend(path: &[&Branch<'_>], shape: &KeyShape, found: &mut Vec<Listener>) {
    let [.., node] = path else { return };
    let names: Vec<&str> = path.iter().skip(1).map(|branch| branch.node.name.as_str()).collect();
    let name = names.join(".");
    let direct = if path.len() == 2 { key_from(path, shape) } else { None };
    found.push(match direct {
        Some(columns) => listener(node, name, columns, Finder::Key),
        None => listener(node, name, node.here(), Finder::Lookup(lookup(path, shape))),
    });
    for child in &node.children {
        let mut path = path.to_vec();
        path.push(child);
        descend(&path, shape, found);
    }
}

fn listener(branch: &Branch<'_>, node: String, columns: Vec<String>, finder: Finder) -> Listener {
    Listener {
        schema: branch.table.schema.clone(),
        table: branch.table.name.clone(),
        node,
        columns,
        finder,
    }
}

/// The columns of the second node of `path` that hold the key of the root, in its order, if they do and their text is
/// the key's text.
fn key_from(path: &[&Branch<'_>], shape: &KeyShape) -> Option<Vec<String>> {
    let [root, child, ..] = path else { return None };
    if child.link.len() != shape.columns.len() {
        return None;
    }
    let holds = |key: &str| {
        let link = child.link.iter().find(|link| link.there == key)?;
        let same = same_text(child.table.column(&link.here)?, root.table.column(key)?);
        same.then(|| link.here.clone())
    };
    shape.columns.iter().map(|column| holds(&column.name)).collect()
}

fn lookup(path: &[&Branch<'_>], shape: &KeyShape) -> Lookup {
    let Some((node, above)) = path.split_last() else {
        unreachable!("a path has a root and a node");
    };
    // The second node may already hold the key; then the root need not be read.
    let trimmed = if above.len() > 1 { key_from(path, shape) } else { None };
    let (last, key) = match &trimmed {
        Some(columns) => (1, columns.clone()),
        None => (0, shape.columns.iter().map(|column| column.name.clone()).collect()),
    };
    let values = node.link.iter().enumerate();
    let parameters: Vec<String> = values
        .clone()
        .map(|(i, link)| format!("${}::text[]::{}[]", i + 1, sql_type(node.table.column(&link.here))))
        .collect();
    let names: Vec<String> = values.map(|(i, _)| format!("value_{}", i + 1)).collect();
    let mut from = format!("unnest({}) as v({})", parameters.join(", "), names.join(", "));
    let mut below = "v".to_owned();
    let mut columns_below = names;
    let mut step = *node;
    for (depth, branch) in above.iter().enumerate().skip(last).rev() {
        let row = format!("t{depth}");
        let pairs = step.link.iter().zip(&columns_below);
        let on: Vec<String> = pairs
            .map(|(link, below_column)| format!("{row}.{} = {below}.{below_column}", identifier(&link.there)))
            .collect();
        let table = branch.table.sql_name();
        from.extend(["\n    join ", &table, " as ", &row, " on ", &on.join(" and ")]);
        columns_below = branch.link.iter().map(|link| identifier(&link.here)).collect();
        below = row;
        step = branch;
    }
    if trimmed.is_some() {
        // A row that belongs to nobody leads nowhere.
        let held = key
            .iter()
            .map(|column| format!(" and {below}.{} is not null", identifier(column)));
        from.extend(held);
    }
    paged(&from, &below, &key, shape, node.link.len())
}

/// See [`super::SyncPlan::page`].
pub(super) fn page(root: &Branch<'_>, shape: &KeyShape) -> Lookup {
    let key: Vec<String> = shape.columns.iter().map(|column| column.name.clone()).collect();
    paged(&format!("{} as t0", root.table.sql_name()), "t0", &key, shape, 0)
}

/// Keys from `row` of a `from` clause that has `taken` parameters, a page at a time.
fn paged(from: &str, row: &str, key: &[String], shape: &KeyShape, taken: usize) -> Lookup {
    let count = key.len();
    let inner: Vec<String> = (1..)
        .zip(key)
        .map(|(i, column)| format!("{row}.{} as key_{i}", identifier(column)))
        .collect();
    let plain: Vec<String> = key
        .iter()
        .map(|column| format!("{row}.{}", identifier(column)))
        .collect();
    let outer: Vec<String> = (1..=count)
        .map(|i| format!("{} as key_{i}", key_text(&format!("q.key_{i}"))))
        .collect();
    let order: Vec<String> = (1..=count).map(|i| format!("q.key_{i}")).collect();
    let seen: Vec<String> = (1..)
        .zip(&shape.columns)
        .map(|(i, column)| format!("${}::text::{}", taken + i, column.sql_type))
        .collect();
    let after = format!("\n   where ({}) > ({})", plain.join(", "), seen.join(", "));
    // Without a look-up each row is a subject of its own and comes in the order of its index.
    let distinct = if taken > 0 { "distinct " } else { "" };
    let statement = |condition: &str, limit: usize| {
        format!(
            "select {}\n  from (\n  select {distinct}{}\n    from {from}{condition}) as q\n order by {}\n limit ${limit}",
            outer.join(", "),
            inner.join(", "),
            order.join(", "),
        )
    };
    Lookup {
        first: statement("", taken + 1),
        next: statement(&after, taken + count + 1),
    }
}

/// A value of the key as the stream writes it, by the output function of its type. A cast to text writes some types in
/// another way: `boolean`, `char(n)`, `inet`.
pub(super) fn key_text(sql: &str) -> String {
    format!("pg_catalog.format('%s', {sql})")
}

fn sql_type(column: Option<&Column>) -> &str {
    column.map_or("text", |column| column.sql_type.as_str())
}

/// Which columns of which tables the document statement and the look-ups search by, each a table and its columns.
pub(super) fn entries<'a>(root: &Branch<'a>, shape: &KeyShape) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for child in &root.children {
        collect_entries(&[root, child], shape, &mut entries);
    }
    entries
}

fn collect_entries<'a>(path: &[&Branch<'a>], shape: &KeyShape, entries: &mut Vec<Entry<'a>>) {
    let [.., parent, node] = path else { return };
    // Building reads the child by what links it.
    entries.push(Entry {
        table: node.table,
        columns: node.here(),
    });
    // Looking up reads the parent by the other side of the link, unless the row itself names the subject.
    if path.len() > 2 || key_from(path, shape).is_none() {
        entries.push(Entry {
            table: parent.table,
            columns: node.there(),
        });
    }
    for child in &node.children {
        let mut path = path.to_vec();
        path.push(child);
        collect_entries(&path, shape, entries);
    }
}

/// The table of the node at `path` (empty for the root, `lines.product` below), and where it is written.
pub(super) fn find<'a>(root: &Branch<'a>, path: &str) -> Option<(&'a Table, &'a Place)> {
    let Some((first, rest)) = path.split_once('.').or((!path.is_empty()).then_some((path, ""))) else {
        return Some((root.table, &root.node.place));
    };
    find(root.children.iter().find(|child| child.node.name == first)?, rest)
}
