//! Listeners that the author of a configuration writes by hand, under `changes`.

use super::KeyShape;
use super::path::{self, Finder, Heard};
use super::tree::{Branch, listenable, same_text};
use crate::catalog::{Catalog, Table};
use crate::config::{Problem, Sync, Watched, Way};

/// A table under `changes`, found.
#[derive(Debug)]
pub(super) struct Watching<'a> {
    pub watched: &'a Watched,
    pub table: &'a Table,
}

impl Watching<'_> {
    /// The columns of the row by which the way goes on.
    pub fn columns(&self) -> &[String] {
        match &self.watched.way {
            Way::Columns(columns) | Way::Query { from: columns, .. } => columns,
            Way::All => &[],
        }
    }
}

/// The tables under `changes`, or the reasons among `problems`.
pub(super) fn resolve<'a>(
    sync: &'a Sync,
    shape: &KeyShape,
    catalog: &'a Catalog,
    problems: &mut Vec<Problem>,
) -> Vec<Watching<'a>> {
    let mut found = Vec::new();
    for watched in &sync.changes {
        let Some(table) = listenable(&watched.table, &watched.place, catalog, problems) else {
            continue;
        };
        let watching = Watching { watched, table };
        problems.extend(unusable(&watching, shape));
        found.push(watching);
    }
    found
}

fn unusable(watching: &Watching<'_>, shape: &KeyShape) -> Option<Problem> {
    let Watching { watched, table } = watching;
    for name in watching.columns() {
        let Some(column) = table.column(name) else {
            let problem = Problem::at(&watched.place, format!("table `{}` has no column `{name}`", table.name));
            let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            return Some(problem.help(format!("its columns: {}", columns.join(", "))));
        };
        if column.generated {
            let summary = format!(
                "`{}.{name}` is a generated column, which the WAL does not carry",
                table.name
            );
            return Some(Problem::at(&watched.place, summary).help("name the columns that it is made from"));
        }
    }
    match &watched.way {
        Way::Columns(columns) if columns.len() != shape.columns.len() => {
            let key = shape.names().join(", ");
            let summary = format!(
                "the columns named of `{}` are not as many as those of the key: {key}",
                table.name
            );
            Some(Problem::at(&watched.place, summary).help("name for each column of the key the one that holds it"))
        }
        _ => None,
    }
}

/// What they listen to. A root that says which columns are its key is the root's own listener.
pub(super) fn listeners<'a>(root: &Branch<'a>, shape: &KeyShape, watching: &[Watching<'a>]) -> Vec<Heard<'a>> {
    let listener = |watching: &Watching<'a>| {
        let table = watching.table;
        let node = format!("changes.{}", watching.watched.table.written());
        let (node, finder) = match &watching.watched.way {
            Way::All => (node, Finder::All),
            Way::Query { sql, from } => (node, Finder::Lookup(path::query_lookup(&sql.sql, shape, from.len()))),
            Way::Columns(columns) if table.id == root.table.id && *columns == shape.names() => {
                (String::new(), Finder::Key)
            }
            Way::Columns(columns) if holds_key(root.table, shape, table, columns) => (node, Finder::Key),
            Way::Columns(columns) => (
                node,
                Finder::Lookup(path::key_lookup(root.table, shape, table, columns)),
            ),
        };
        path::heard(
            table,
            &watching.watched.place,
            node,
            watching.columns().to_vec(),
            finder,
        )
    };
    watching.iter().map(listener).collect()
}

/// Whether the text of the columns is always the text of the key.
fn holds_key(root: &Table, shape: &KeyShape, table: &Table, columns: &[String]) -> bool {
    shape.columns.iter().zip(columns).all(|(key, column)| {
        let both = root.column(&key.name).zip(table.column(column));
        both.is_some_and(|(key, column)| same_text(key, column))
    })
}
