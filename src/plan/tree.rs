//! The tree of a document, with its tables found and its links settled.

use super::link::{link, link_through};
use super::{KeyColumn, KeyShape};
use crate::catalog::{Catalog, Column, Persistence, Table, TableKind};
use crate::config::{Cardinality, Node, Place, Problem, Sync, TableName};

/// A node of the configuration with its table and what links it to its parent.
#[derive(Debug)]
pub(super) struct Branch<'a> {
    pub node: &'a Node,
    pub table: &'a Table,
    /// To the table between if there is one, otherwise to the enclosing table. Empty on a root.
    pub link: Vec<Link>,
    /// Of an m:n relation.
    pub between: Option<Between<'a>>,
    pub children: Vec<Branch<'a>>,
}

/// The table between a node and the one that encloses it.
#[derive(Debug)]
pub(super) struct Between<'a> {
    pub table: &'a Table,
    pub place: &'a Place,
    /// To the enclosing table.
    pub link: Vec<Link>,
}

/// `here` = `there`: a column of a node's own table and one of the enclosing table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub here: String,
    pub there: String,
}

impl Branch<'_> {
    pub fn has_document(&self) -> bool {
        self.node.document.is_some() || self.node.cardinality == Cardinality::Root
    }
}

/// The tree below `node`, or `None` and the reasons among `problems`.
pub(super) fn resolve<'a>(node: &'a Node, catalog: &'a Catalog, problems: &mut Vec<Problem>) -> Option<Branch<'a>> {
    let table = listenable(&node.table, &node.place, catalog, problems)?;
    let mut children = Vec::new();
    for child in &node.children {
        if let Some(mut branch) = resolve(child, catalog, problems) {
            let linked = match &child.through {
                Some(through) => {
                    let Some(between) = listenable(&through.table, &through.place, catalog, problems) else {
                        continue;
                    };
                    link_through(through, branch.table, between, table, catalog).map(|(link, above)| {
                        branch.link = link;
                        branch.between = Some(Between {
                            table: between,
                            place: &through.place,
                            link: above,
                        });
                    })
                }
                None => link(child, branch.table, table, catalog).map(|link| branch.link = link),
            };
            if let Err(problem) = linked {
                problems.push(*problem);
            }
            children.push(branch);
        }
    }
    Some(Branch {
        node,
        table,
        link: Vec::new(),
        between: None,
        children,
    })
}

/// The table of a name, if its changes are in the WAL.
pub(super) fn listenable<'a>(
    name: &TableName,
    place: &Place,
    catalog: &'a Catalog,
    problems: &mut Vec<Problem>,
) -> Option<&'a Table> {
    let written = match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.clone(),
    };
    let Some(table) = catalog.find(name) else {
        let mut problem = Problem::at(place, format!("there is no table `{written}`"));
        problem
            .help
            .push("a table outside the search path is written schema.name".to_owned());
        problems.push(problem);
        return None;
    };
    let refusal = match (&table.kind, table.persistence) {
        (TableKind::View(tables), _) => {
            let mut problem = Problem::at(
                place,
                format!("`{written}` is a view, whose changes are not in the WAL"),
            );
            problem
                .help
                .push(format!("the tables underneath: {}", tables.join(", ")));
            Some(problem)
        }
        (TableKind::Foreign, _) => Some(Problem::at(
            place,
            format!("`{written}` is a foreign table, whose changes are not in the WAL"),
        )),
        (TableKind::Other, _) => Some(Problem::at(place, format!("`{written}` is not a table"))),
        (_, Persistence::Unlogged) => {
            let mut problem = Problem::at(
                place,
                format!("`{written}` is unlogged, its changes are not in the WAL"),
            );
            problem.sql = Some(format!("alter table {} set logged;", table.sql_name()));
            Some(problem)
        }
        (_, Persistence::Temporary) => Some(Problem::at(place, format!("`{written}` is a temporary table"))),
        (TableKind::Table | TableKind::Partitioned, Persistence::Permanent) => None,
    };
    match refusal {
        Some(problem) => {
            problems.push(problem);
            None
        }
        None => Some(table),
    }
}

pub(super) fn key_shape(sync: &Sync, root: &Branch<'_>, problems: &mut Vec<Problem>) -> Option<KeyShape> {
    let Some(names) = sync.key.clone().or_else(|| root.table.primary_key()) else {
        let problem = Problem::at(&sync.place, format!("`{}` has no primary key", root.table.name));
        problems.push(problem.help("name the columns of a unique key with `key = [...]`"));
        return None;
    };
    let mut columns = Vec::new();
    for name in &names {
        match root.table.column(name) {
            Some(column) if column.generated => {
                let summary = format!(
                    "key: `{}.{name}` is a generated column, which the WAL does not carry",
                    root.table.name
                );
                problems.push(Problem::at(&sync.place, summary).help("name a key that is written: `key = [...]`"));
            }
            Some(column) => columns.push(key_column(column)),
            None => problems.push(Problem::at(
                &sync.place,
                format!("key: `{}` has no column `{name}`", root.table.name),
            )),
        }
    }
    let nullable = names
        .iter()
        .any(|name| root.table.column(name).is_some_and(|column| !column.not_null));
    if columns.len() == names.len() && (nullable || !root.table.is_unique(&names)) {
        let summary = format!(
            "key: no unique index makes {} name one row of `{}`",
            names.join(", "),
            root.table.name
        );
        let mut problem = Problem::at(&sync.place, summary);
        problem
            .help
            .push("the columns must be not null and have a unique index that is not deferrable".to_owned());
        problems.push(problem);
        return None;
    }
    (columns.len() == names.len()).then_some(KeyShape { columns })
}

fn key_column(column: &Column) -> KeyColumn {
    KeyColumn {
        name: column.name.clone(),
        sql_type: column.sql_type.clone(),
        bare_in_json: is_integer(column),
    }
}

/// OIDs of built-in types, see `pg_type.dat` of the server's source; they never change.
mod oid {
    pub const BOOL: u32 = 16;
    pub const INTEGERS: [u32; 3] = [21, 23, 20];
    pub const TEXTS: [u32; 2] = [25, 1043];
    pub const DATE: u32 = 1082;
    pub const TIMESTAMPS: [u32; 2] = [1114, 1184];
    pub const UUID: u32 = 2950;
}

fn is_integer(column: &Column) -> bool {
    oid::INTEGERS.contains(&column.type_oid)
}

/// Whether equal values of two columns always have the same text, so that the text of one can name a row by the other.
/// Not so for `numeric` (1.0 = 1.00), `char(n)`, floats, case-insensitive types.
pub(super) fn same_text(one: &Column, other: &Column) -> bool {
    let exact = |column: &Column| {
        let known = [oid::BOOL, oid::DATE, oid::UUID].contains(&column.type_oid);
        known || column.is_enum || oid::TIMESTAMPS.contains(&column.type_oid)
    };
    let text = |column: &Column| oid::TEXTS.contains(&column.type_oid) && column.deterministic;
    (is_integer(one) && is_integer(other))
        || (text(one) && text(other))
        || (one.type_oid == other.type_oid && exact(one))
}
