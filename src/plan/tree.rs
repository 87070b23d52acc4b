//! The tree of a document, with its tables found and its links settled.

use super::{KeyColumn, KeyShape};
use crate::catalog::{Catalog, Column, Persistence, Table, TableKind};
use crate::config::{Cardinality, Node, Place, Problem, Sync, TableName, Through};

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

/// What links `here`, the table of `node`, to the enclosing table `there`.
fn link(node: &Node, here: &Table, there: &Table, catalog: &Catalog) -> Result<Vec<Link>, Box<Problem>> {
    let link = match &node.on {
        Some(pairs) => written_link(&node.place, "on", pairs, here, there)?,
        None => foreign_key_link(node, here, there, catalog)?,
    };
    check_carried(&node.place, &link, here, there)?;
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

/// A generated column is not in the stream.
fn check_carried(place: &Place, link: &[Link], here: &Table, there: &Table) -> Result<(), Box<Problem>> {
    for (table, column) in link.iter().flat_map(|link| [(here, &link.here), (there, &link.there)]) {
        if table.column(column).is_some_and(|column| column.generated) {
            let summary = format!(
                "`{}.{column}` is a generated column, which the WAL does not carry",
                table.name
            );
            return Err(Problem::at(place, summary)
                .help("link by the columns that it is made from")
                .into());
        }
    }
    Ok(())
}

/// What links `here` with `between`, and `between` with the enclosing table `there`.
fn link_through(
    through: &Through,
    here: &Table,
    between: &Table,
    there: &Table,
    catalog: &Catalog,
) -> Result<(Vec<Link>, Vec<Link>), Box<Problem>> {
    let place = &through.place;
    let above = match &through.on {
        Some(pairs) => written_link(place, "on", pairs, between, there)?,
        None => only_foreign_key(place, "on", between, there, catalog)?,
    };
    let below = match &through.to {
        Some(pairs) => written_link(place, "to", pairs, between, here)?,
        None => only_foreign_key(place, "to", between, here, catalog)?,
    };
    let below: Vec<Link> = below
        .into_iter()
        .map(
            |Link {
                 here: between,
                 there: here,
             }| Link { here, there: between },
        )
        .collect();
    check_carried(place, &above, between, there)?;
    check_carried(place, &below, here, between)?;
    Ok((below, above))
}

/// The foreign key of the table between that refers to one of the two tables beside it.
fn only_foreign_key(
    place: &Place,
    key: &str,
    between: &Table,
    beside: &Table,
    catalog: &Catalog,
) -> Result<Vec<Link>, Box<Problem>> {
    let mut candidates: Vec<(String, Vec<Link>)> = catalog
        .foreign_keys(between.id, beside.id)
        .map(|foreign_key| {
            let own = between.column_names(&foreign_key.columns).into_iter();
            let link = own
                .zip(beside.column_names(&foreign_key.referenced_columns))
                .map(|(here, there)| Link { here, there });
            (foreign_key.name.clone(), link.collect())
        })
        .collect();
    if candidates.len() == 1 {
        return Ok(candidates.remove(0).1);
    }
    let summary = if candidates.is_empty() {
        format!("no foreign key of `{}` refers to `{}`", between.name, beside.name)
    } else {
        format!("several foreign keys of `{}` refer to `{}`", between.name, beside.name)
    };
    let mut problem = Problem::at(place, summary);
    for (name, link) in &candidates {
        problem
            .help
            .push(format!("{name}: {key} = {{ {} }}", written_pairs(link)));
    }
    if candidates.is_empty() {
        let beside = if key == "on" { "of the enclosing table" } else { "here" };
        let help = format!("{key} = {{ column_between = \"column {beside}\" }}");
        problem
            .help
            .push(format!("through = {{ table = \"{}\", {help} }}", between.name));
    }
    Err(problem.into())
}

fn written_pairs(link: &[Link]) -> String {
    let pairs: Vec<String> = link
        .iter()
        .map(|link| format!("{} = \"{}\"", link.here, link.there))
        .collect();
    pairs.join(", ")
}

fn written_link(
    place: &Place,
    key: &str,
    pairs: &[(String, String)],
    here: &Table,
    there: &Table,
) -> Result<Vec<Link>, Box<Problem>> {
    for (own, enclosing) in pairs {
        for (table, column) in [(here, own), (there, enclosing)] {
            if table.column(column).is_none() {
                let problem = Problem::at(
                    place,
                    format!("`{key}`: table `{}` has no column `{column}`", table.name),
                );
                let other = match key {
                    "to" => "to = { column_between = \"column here\" }",
                    _ => "on = { column_here = \"column of the enclosing table\" }",
                };
                return Err(problem.help(other).into());
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
        problem.help.push(format!("{name}: on = {{ {} }}", written_pairs(link)));
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
