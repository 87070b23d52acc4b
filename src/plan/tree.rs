//! The tree of a document, with its tables found and its links settled.

use super::{KeyColumn, KeyShape};
use crate::catalog::{Catalog, Column, Persistence, Table, TableKind};
use crate::config::{Cardinality, Node, Problem, Sync};

/// A node of the configuration with its table and what links it to its parent.
#[derive(Debug)]
pub(super) struct Branch<'a> {
    pub node: &'a Node,
    pub table: &'a Table,
    /// Empty on a root.
    pub link: Vec<Link>,
    pub children: Vec<Branch<'a>>,
}

/// `here` = `there`: a column of a node's own table and one of the enclosing table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub here: String,
    pub there: String,
}

impl Branch<'_> {
    pub fn here(&self) -> Vec<String> {
        self.link.iter().map(|link| link.here.clone()).collect()
    }

    pub fn there(&self) -> Vec<String> {
        self.link.iter().map(|link| link.there.clone()).collect()
    }

    pub fn has_document(&self) -> bool {
        self.node.document.is_some() || self.node.cardinality == Cardinality::Root
    }
}

/// The tree below `node`, or `None` and the reasons among `problems`.
pub(super) fn resolve<'a>(node: &'a Node, catalog: &'a Catalog, problems: &mut Vec<Problem>) -> Option<Branch<'a>> {
    let table = listenable(node, catalog, problems)?;
    let mut children = Vec::new();
    for child in &node.children {
        if let Some(mut branch) = resolve(child, catalog, problems) {
            match link(child, branch.table, table, catalog) {
                Ok(link) => branch.link = link,
                Err(problem) => problems.push(*problem),
            }
            children.push(branch);
        }
    }
    Some(Branch {
        node,
        table,
        link: Vec::new(),
        children,
    })
}

fn listenable<'a>(node: &Node, catalog: &'a Catalog, problems: &mut Vec<Problem>) -> Option<&'a Table> {
    let written = match &node.table.schema {
        Some(schema) => format!("{schema}.{}", node.table.name),
        None => node.table.name.clone(),
    };
    let Some(table) = catalog.find(&node.table) else {
        let mut problem = Problem::at(&node.place, format!("there is no table `{written}`"));
        problem
            .help
            .push("a table outside the search path is written schema.name".to_owned());
        problems.push(problem);
        return None;
    };
    let refusal = match (&table.kind, table.persistence) {
        (TableKind::View(tables), _) => {
            let mut problem = Problem::at(
                &node.place,
                format!("`{written}` is a view, whose changes are not in the WAL"),
            );
            problem
                .help
                .push(format!("the tables underneath: {}", tables.join(", ")));
            Some(problem)
        }
        (TableKind::Foreign, _) => Some(Problem::at(
            &node.place,
            format!("`{written}` is a foreign table, whose changes are not in the WAL"),
        )),
        (TableKind::Other, _) => Some(Problem::at(&node.place, format!("`{written}` is not a table"))),
        (_, Persistence::Unlogged) => {
            let mut problem = Problem::at(
                &node.place,
                format!("`{written}` is unlogged, its changes are not in the WAL"),
            );
            problem.sql = Some(format!("alter table {} set logged;", table.sql_name()));
            Some(problem)
        }
        (_, Persistence::Temporary) => Some(Problem::at(&node.place, format!("`{written}` is a temporary table"))),
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

/// What links `here`, the table of `node`, to the enclosing table `there`.
fn link(node: &Node, here: &Table, there: &Table, catalog: &Catalog) -> Result<Vec<Link>, Box<Problem>> {
    let link = match &node.on {
        Some(pairs) => written_link(node, pairs, here, there)?,
        None => foreign_key_link(node, here, there, catalog)?,
    };
    for (table, column) in link.iter().flat_map(|link| [(here, &link.here), (there, &link.there)]) {
        if table.column(column).is_some_and(|column| column.generated) {
            let summary = format!(
                "`{}.{column}` is a generated column, which the WAL does not carry",
                table.name
            );
            return Err(Problem::at(&node.place, summary)
                .help("link by the columns that it is made from")
                .into());
        }
    }
    let columns: Vec<String> = link.iter().map(|link| link.here.clone()).collect();
    if node.cardinality == Cardinality::One && !here.is_unique(&columns) {
        let summary = format!(
            "several rows of `{}` can have the same {}: this is no `one`",
            here.name,
            columns.join(", ")
        );
        let mut problem = Problem::at(&node.place, summary);
        problem
            .help
            .push("make it a `many`, or give the columns a unique index".to_owned());
        return Err(problem.into());
    }
    Ok(link)
}

fn written_link(
    node: &Node,
    pairs: &[(String, String)],
    here: &Table,
    there: &Table,
) -> Result<Vec<Link>, Box<Problem>> {
    for (own, enclosing) in pairs {
        for (table, column) in [(here, own), (there, enclosing)] {
            if table.column(column).is_none() {
                let mut problem = Problem::at(
                    &node.place,
                    format!("`on`: table `{}` has no column `{column}`", table.name),
                );
                problem
                    .help
                    .push("on = { column_here = \"column of the enclosing table\" }".to_owned());
                return Err(problem.into());
            }
        }
    }
    Ok(pairs
        .iter()
        .map(|(here, there)| Link {
            here: here.clone(),
            there: there.clone(),
        })
        .collect())
}

fn foreign_key_link(node: &Node, here: &Table, there: &Table, catalog: &Catalog) -> Result<Vec<Link>, Box<Problem>> {
    let pair = |own: Vec<String>, enclosing: Vec<String>| -> Vec<Link> {
        own.into_iter()
            .zip(enclosing)
            .map(|(here, there)| Link { here, there })
            .collect()
    };
    // On the child's side: each row here names its parent.
    let mut candidates: Vec<(String, Vec<Link>)> = catalog
        .foreign_keys(here.id, there.id)
        .map(|key| {
            let link = pair(
                here.column_names(&key.columns),
                there.column_names(&key.referenced_columns),
            );
            (key.name.clone(), link)
        })
        .filter(|(_, link)| {
            let columns: Vec<String> = link.iter().map(|link| link.here.clone()).collect();
            node.cardinality == Cardinality::Many || here.is_unique(&columns)
        })
        .collect();
    if node.cardinality == Cardinality::One {
        candidates.extend(catalog.foreign_keys(there.id, here.id).map(|key| {
            let link = pair(
                here.column_names(&key.referenced_columns),
                there.column_names(&key.columns),
            );
            (key.name.clone(), link)
        }));
    }
    if candidates.len() == 1 {
        return Ok(candidates.remove(0).1);
    }
    let mut problem = if candidates.is_empty() {
        let mut problem = Problem::at(
            &node.place,
            format!("no foreign key links `{}` with `{}`", here.name, there.name),
        );
        if node.cardinality == Cardinality::One && catalog.foreign_keys(here.id, there.id).next().is_some() {
            problem.help.push(format!(
                "`{}` refers to `{}`, many rows to one: make it a `many`",
                here.name, there.name
            ));
        }
        problem
    } else {
        Problem::at(
            &node.place,
            format!("several foreign keys link `{}` with `{}`", here.name, there.name),
        )
    };
    for (name, link) in &candidates {
        let pairs: Vec<String> = link
            .iter()
            .map(|link| format!("{} = \"{}\"", link.here, link.there))
            .collect();
        problem.help.push(format!("{name}: on = {{ {} }}", pairs.join(", ")));
    }
    if candidates.is_empty() {
        problem
            .help
            .push("on = { column_here = \"column of the enclosing table\" }".to_owned());
    }
    Err(problem.into())
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
            .push("the columns must be not null and have a unique index".to_owned());
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
