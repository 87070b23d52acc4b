//! From a changed row up to the subjects it touches.
//!
//! A step whose columns are in the changed row costs nothing: a changed order line names its order. A step that needs
//! the database is one look-up for all values of a batch: a renamed customer's orders. Filters of nodes are left out:
//! a subject too many is built and found equal, a subject too few would be lost.

use super::KeyShape;
use super::statement::statement;
use super::tree::{Branch, Link, same_text};
use crate::catalog::{Column, Table};
use crate::config::Place;
use crate::pg::identifier;

/// One way from a changed row of one table to subjects of one sync.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The table, as the stream names it.
    pub schema: String,
    pub table: String,
    /// Where in the tree: empty for the root, `lines.product` below; `changes.NAME` for a table that stands under `changes`.
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
    /// Nothing tells which subjects: every one.
    All,
}

/// Finds subjects by the values of a changed row, a page at a time.
///
/// Parameters of all: one `text[]` for each of the listener's columns. Then, of `next` only, the last key seen, one text
/// for each key column. Last the most rows to return. Result: the key columns as text, `key_1`, `key_2`, …, each
/// subject once, in the order of the key.
#[derive(Debug, Clone, Default)]
pub struct Lookup {
    pub first: String,
    pub next: String,
    /// Looks no further than so many rows, of which several may lead to one subject, and so costs no more, however many there
    /// are. Result: the subjects in no order, and `rows`, by how many each was found.
    pub some: String,
}

impl Listener {
    pub fn is_root(&self) -> bool {
        self.node.is_empty()
    }
}

/// A listener, its table, and where it is written.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    pub listener: Listener,
    pub table: &'a Table,
    /// The table that is read, which `table` may inherit from.
    pub read: &'a Table,
    pub place: &'a Place,
}

impl<'a> Heard<'a> {
    /// The same for a table that inherits from this one.
    pub fn by(&self, heir: &'a Table) -> Heard<'a> {
        let Listener {
            node, columns, finder, ..
        } = self.listener.clone();
        Heard {
            read: self.read,
            ..heard(heir, self.place, node, columns, finder)
        }
    }
}

/// A table and the columns by which a step enters it or a check finds it.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub table: &'a Table,
    pub columns: Vec<String>,
}

/// One table of a way that leads from the root down, and what links it to the one above.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub table: &'a Table,
    link: &'a [Link],
}

impl Step<'_> {
    pub fn here(&self) -> Vec<String> {
        self.link.iter().map(|link| link.here.clone()).collect()
    }

    pub fn there(&self) -> Vec<String> {
        self.link.iter().map(|link| link.there.clone()).collect()
    }
}

/// A way from the root down to a table, and where that table is written.
pub(super) struct Way<'a> {
    /// As in [`Listener::node`].
    pub node: String,
    place: &'a Place,
    pub steps: Vec<Step<'a>>,
}

impl<'a> Way<'a> {
    /// What a look-up reads one after the other, from the changed row up: each a table and the columns that it is
    /// searched by.
    pub fn searches(&self, shape: &KeyShape) -> Vec<(&'a Table, Vec<String>)> {
        // The second table may already hold the key; then the root need not be read.
        let last = usize::from(self.steps.len() > 2 && key_from(&self.steps, shape).is_some());
        let pairs = self.steps.windows(2).skip(last).rev();
        pairs
            .filter_map(|pair| match pair {
                [above, below] => Some((above.table, below.there())),
                _ => None,
            })
            .collect()
    }
}

/// The ways to all tables below the root, tables between included.
pub(super) fn ways<'a>(root: &'a Branch<'a>) -> Vec<Way<'a>> {
    let top = Step {
        table: root.table,
        link: &[],
    };
    let mut found = Vec::new();
    for child in &root.children {
        descend(child, "", &[top], &mut found);
    }
    found
}

fn descend<'a>(branch: &'a Branch<'a>, parent: &str, above: &[Step<'a>], found: &mut Vec<Way<'a>>) {
    let node = match parent {
        "" => branch.node.name.clone(),
        parent => format!("{parent}.{}", branch.node.name),
    };
    let mut steps = above.to_vec();
    if let Some(between) = &branch.between {
        steps.push(Step {
            table: between.table,
            link: &between.link,
        });
        found.push(Way {
            node: format!("{node} through {}", between.table.name),
            place: between.place,
            steps: steps.clone(),
        });
    }
    steps.push(Step {
        table: branch.table,
        link: &branch.link,
    });
    found.push(Way {
        node: node.clone(),
        place: &branch.node.place,
        steps: steps.clone(),
    });
    for child in &branch.children {
        descend(child, &node, &steps, found);
    }
}

/// The listeners of a tree, the root's first.
pub(super) fn listeners<'a>(root: &'a Branch<'a>, shape: &KeyShape) -> Vec<Heard<'a>> {
    let mut found = vec![root_listener(root, shape)];
    found.extend(ways(root).into_iter().filter_map(|way| {
        let node = *way.steps.last()?;
        let direct = if way.steps.len() == 2 {
            key_from(&way.steps, shape)
        } else {
            None
        };
        let (columns, finder) = match direct {
            Some(columns) => (columns, Finder::Key),
            None => (node.here(), Finder::Lookup(lookup(&way.steps, shape))),
        };
        Some(heard(node.table, way.place, way.node, columns, finder))
    }));
    found
}

/// Listens to the root's own rows.
pub(super) fn root_listener<'a>(root: &Branch<'a>, shape: &KeyShape) -> Heard<'a> {
    heard(root.table, &root.node.place, String::new(), shape.names(), Finder::Key)
}

pub(super) fn heard<'a>(
    table: &'a Table,
    place: &'a Place,
    node: String,
    columns: Vec<String>,
    finder: Finder,
) -> Heard<'a> {
    let listener = Listener {
        schema: table.schema.clone(),
        table: table.name.clone(),
        node,
        columns,
        finder,
    };
    Heard {
        listener,
        table,
        read: table,
        place,
    }
}

/// The columns of the second table of a way that hold the key of the root, in its order, if they do and their text is
/// the key's text.
fn key_from(steps: &[Step<'_>], shape: &KeyShape) -> Option<Vec<String>> {
    let [root, child, ..] = steps else { return None };
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

fn lookup(steps: &[Step<'_>], shape: &KeyShape) -> Lookup {
    let Some((node, above)) = steps.split_last() else {
        unreachable!("a way has a root and a table below it");
    };
    // The second table may already hold the key; then the root need not be read.
    let trimmed = if above.len() > 1 { key_from(steps, shape) } else { None };
    let (last, key) = match &trimmed {
        Some(columns) => (1, columns.clone()),
        None => (0, shape.names()),
    };
    let types = node.link.iter().map(|link| sql_type(node.table.column(&link.here)));
    let mut from = values(types);
    let mut below = "v".to_owned();
    let mut columns_below: Vec<String> = (1..=node.link.len()).map(|i| format!("value_{i}")).collect();
    let mut step = node;
    for (depth, table) in above.iter().enumerate().skip(last).rev() {
        let row = format!("t{depth}");
        let pairs = step.link.iter().zip(&columns_below);
        let on: Vec<String> = pairs
            .map(|(link, below_column)| format!("{row}.{} = {below}.{below_column}", identifier(&link.there)))
            .collect();
        from.extend([
            "\n    join ",
            &table.table.sql_name(),
            " as ",
            &row,
            " on ",
            &on.join(" and "),
        ]);
        columns_below = table.link.iter().map(|link| identifier(&link.here)).collect();
        below = row;
        step = table;
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

/// The values to look up, as rows `v(value_1, …)`.
fn values<'a>(types: impl Iterator<Item = &'a str>) -> String {
    let parameters: Vec<String> = (1..)
        .zip(types)
        .map(|(i, sql_type)| format!("${i}::text[]::{sql_type}[]"))
        .collect();
    let names: Vec<String> = (1..=parameters.len()).map(|i| format!("value_{i}")).collect();
    format!("unnest({}) as v({})", parameters.join(", "), names.join(", "))
}

/// The subjects whose key stands in `columns` of a changed row of `table`, where it is written in another way than the root
/// writes it.
pub(super) fn key_lookup(root: &Table, shape: &KeyShape, table: &Table, columns: &[String]) -> Lookup {
    let types = columns.iter().map(|column| sql_type(table.column(column)));
    let on: Vec<String> = (1..)
        .zip(&shape.columns)
        .map(|(i, column)| format!("t0.{} = v.value_{i}", identifier(&column.name)))
        .collect();
    let from = format!(
        "{}\n    join {} as t0 on {}",
        values(types),
        root.sql_name(),
        on.join(" and ")
    );
    paged(&from, "t0", &shape.names(), shape, columns.len())
}

/// The subjects that a query of the user's yields for the values of `taken` columns.
pub(super) fn query_lookup(sql: &str, shape: &KeyShape, taken: usize) -> Lookup {
    let names: Vec<String> = (1..=shape.columns.len()).map(|i| format!("key_{i}")).collect();
    let from = format!("(\n{}\n) as k({})", statement(sql), names.join(", "));
    let held: Vec<String> = names.iter().map(|name| format!("k.{name} is not null")).collect();
    // Cast before anything is compared or put in order: the query may yield another type.
    let cast: Vec<String> = names
        .iter()
        .zip(&shape.columns)
        .map(|(name, column)| format!("k.{name}::{} as {name}", column.sql_type))
        .collect();
    let from = format!(
        "(select {} from {from} where {}) as k",
        cast.join(", "),
        held.join(" and ")
    );
    paged(&from, "k", &names, shape, taken)
}

/// Keys from `row` of a `from` clause that has `taken` parameters, a page at a time.
pub(super) fn paged(from: &str, row: &str, key: &[String], shape: &KeyShape, taken: usize) -> Lookup {
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
    let keys: Vec<String> = (1..=count).map(|i| format!("r.key_{i}")).collect();
    let some = format!(
        "select {}, q.rows\n  from (\n  select {}, count(*) as rows\n    from (select {}\n    from {from}\n   limit ${}) as r\n   \
         group by {}) as q",
        outer.join(", "),
        keys.join(", "),
        inner.join(", "),
        taken + 1,
        keys.join(", "),
    );
    Lookup {
        first: statement("", taken + 1),
        next: statement(&after, taken + count + 1),
        some,
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
pub(super) fn entries<'a>(root: &'a Branch<'a>, shape: &KeyShape) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for Way { steps, .. } in ways(root) {
        let [.., above, step] = &*steps else { continue };
        // Building reads a table by what links it to the one above.
        entries.push(Entry {
            table: step.table,
            columns: step.here(),
        });
        // Looking up reads the one above by the other side of the link, unless the row itself names the subject.
        if steps.len() > 2 || key_from(&steps, shape).is_none() {
            entries.push(Entry {
                table: above.table,
                columns: step.there(),
            });
        }
    }
    entries
}
