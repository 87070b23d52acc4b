//! Which tables a document could have, and by which foreign keys.

use super::edges::{Edge, edges};
use super::names::{self, Names};
use super::text::DraftSink;
use crate::catalog::{Catalog, Column, Persistence, Table, TableId, TableKind};
use crate::config::{Cardinality, TableName};

/// What is asked for.
#[derive(Debug)]
pub struct Wish<'a> {
    pub table: &'a TableName,
    /// How many foreign keys away from the root a table may be.
    pub depth: usize,
    /// The sync's; by default from the table's.
    pub name: Option<&'a str>,
    pub sink: DraftSink,
}

/// A configuration to be written down.
#[derive(Debug)]
pub struct Draft<'a> {
    pub(super) root: Branch<'a>,
    /// Columns of the key; empty if nothing names a row.
    pub(super) key: Vec<String>,
    pub(super) sync: String,
    pub(super) depth: usize,
    pub(super) sink: DraftSink,
}

/// There is nothing that documents could be made of.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("there is no table `{0}`; one outside the search path is written schema.name")]
    Missing(String),
    #[error("`{name}` is a view, whose changes are not in the WAL; the tables underneath: {}", .tables.join(", "))]
    View { name: String, tables: Vec<String> },
    #[error("`{0}` is not an ordinary table, its changes are not in the WAL")]
    NotLogged(String),
}

/// A node of the tree to be written.
#[derive(Debug)]
pub(super) struct Branch<'a> {
    pub name: String,
    pub cardinality: Cardinality,
    pub table: &'a Table,
    /// As the file names it.
    pub written: String,
    /// What leads here, `orders.customer_id → customers.id`; empty on a root.
    pub origin: String,
    /// Where the foreign key alone does not settle it.
    pub on: Vec<(String, String)>,
    pub through: Option<Between>,
    pub members: Vec<Leaf<'a>>,
    pub children: Vec<Branch<'a>>,
    /// Further away than asked for: a comment.
    pub beyond: bool,
    pub remarks: Vec<String>,
}

/// The table between, of an m:n relation.
#[derive(Debug)]
pub(super) struct Between {
    pub table: String,
    /// Empty where the foreign key settles it, as is `to`.
    pub on: Vec<(String, String)>,
    pub to: Vec<(String, String)>,
}

/// A column of a node.
#[derive(Debug)]
pub(super) struct Leaf<'a> {
    pub column: &'a Column,
    /// Why it is only a comment.
    pub left_out: Option<&'static str>,
}

/// The document that a table suggests. `catalog` must reach one step further than the wish.
pub fn draft<'a>(catalog: &'a Catalog, wish: &Wish<'_>) -> Result<Draft<'a>, Refusal> {
    let written = wish.table.written();
    let Some(table) = catalog.find(wish.table) else {
        return Err(Refusal::Missing(written));
    };
    match &table.kind {
        TableKind::View(tables) => {
            let tables = tables.clone();
            return Err(Refusal::View { name: written, tables });
        }
        _ if !is_listenable(table) => return Err(Refusal::NotLogged(written)),
        _ => {}
    }
    let key = table
        .primary_key()
        .or_else(|| Some(table.column_names(&table.identity_index_for(&[])?.columns)))
        .unwrap_or_default();
    let sync = wish
        .name
        .map_or_else(|| names::label(&wish.table.name), ToOwned::to_owned);
    let mut root = Branch {
        name: sync.clone(),
        cardinality: Cardinality::Root,
        table,
        written,
        origin: String::new(),
        on: Vec::new(),
        through: None,
        members: leaves(table, &key, &[]),
        children: Vec::new(),
        beyond: false,
        remarks: Vec::new(),
    };
    let at = Standpoint {
        path: vec![table.id],
        arrived: None,
        upward: false,
        steps_left: wish.depth,
    };
    grow(&mut root, &at, catalog, &mut Names::default());
    Ok(Draft {
        root,
        key,
        sync,
        depth: wish.depth,
        sink: wish.sink,
    })
}

/// Where in the tree it goes on from.
struct Standpoint<'a> {
    /// The tables from the root to here, those between included.
    path: Vec<TableId>,
    /// The foreign key that led here.
    arrived: Option<(TableId, &'a str)>,
    /// Reached as a parent: what refers to it has nothing to do with the root.
    upward: bool,
    steps_left: usize,
}

enum Judgement {
    Take,
    /// Its table was there before, or is too far away: taken, but not gone on from.
    TakeLast,
    Skip,
    /// Belongs to a parent, not to the subject.
    NotFollowed,
    NotListenable,
}

/// Adds the children of a branch, and theirs.
fn grow<'a>(branch: &mut Branch<'a>, at: &Standpoint<'a>, catalog: &'a Catalog, scope: &mut Names) {
    let mut claimed = Names::default();
    for column in &branch.table.columns {
        claimed.claim(&column.name);
    }
    let mut next = Vec::new();
    let mut not_followed: Vec<String> = Vec::new();
    // Names are given out level by level, so that the shorter ones go to what is nearer.
    for edge in edges(branch.table, catalog) {
        let last = match judge(&edge, at, branch.table) {
            Judgement::Take => false,
            Judgement::TakeLast => true,
            Judgement::Skip => continue,
            Judgement::NotFollowed => {
                not_followed.push(called(catalog, edge.target));
                continue;
            }
            Judgement::NotListenable => {
                let target = called(catalog, edge.target);
                let remark = format!("left out: `{target}`, whose changes are not in the WAL");
                branch.remarks.push(remark);
                continue;
            }
        };
        let name = name(branch, &edge, catalog, &claimed, scope);
        claimed.claim(&name);
        if edge.cardinality == Cardinality::One {
            scope.claim(&name);
        }
        let mut child = child(branch.table, &edge, name, catalog);
        child.beyond = at.steps_left == 0;
        if !last {
            next.push((branch.children.len(), edge));
        }
        branch.children.push(child);
    }
    if !not_followed.is_empty() {
        not_followed.dedup();
        let (tables, name) = (not_followed.join(", "), &branch.written);
        branch
            .remarks
            .push(format!("not followed: rows of {tables} that refer to {name}"));
    }
    for (index, edge) in next {
        let child = &mut branch.children[index];
        let mut path = at.path.clone();
        path.extend(edge.between.map(|(table, _)| table.id));
        path.push(edge.target.id);
        let further = Standpoint {
            path,
            arrived: Some((edge.key.table, &edge.key.name)),
            upward: edge.is_up || at.upward,
            steps_left: at.steps_left - 1,
        };
        if edge.cardinality == Cardinality::One {
            grow(child, &further, catalog, scope);
        } else {
            grow(child, &further, catalog, &mut Names::default());
        }
    }
}

fn judge(edge: &Edge<'_>, at: &Standpoint<'_>, here: &Table) -> Judgement {
    let before = |table: &Table| at.path.contains(&table.id);
    if at.arrived == Some((edge.key.table, &edge.key.name)) || edge.between.is_some_and(|(table, _)| before(table)) {
        return Judgement::Skip;
    }
    let repeated = before(edge.target);
    if repeated && !edge.is_up && edge.target.id != here.id {
        return Judgement::Skip;
    }
    if at.upward && edge.cardinality == Cardinality::Many {
        return if repeated {
            Judgement::Skip
        } else {
            Judgement::NotFollowed
        };
    }
    let between = edge.between.map(|(table, _)| table);
    let listenable = is_listenable(edge.target) && between.is_none_or(is_listenable);
    match (listenable && !edge.is_generated, repeated, at.steps_left) {
        (false, ..) => Judgement::NotListenable,
        (true, true, 0) => Judgement::Skip,
        (true, true, _) | (true, false, 0) => Judgement::TakeLast,
        (true, false, _) => Judgement::Take,
    }
}

fn is_listenable(table: &Table) -> bool {
    matches!(table.kind, TableKind::Table | TableKind::Partitioned) && table.persistence == Persistence::Permanent
}

fn child<'a>(parent: &Table, edge: &Edge<'a>, name: String, catalog: &Catalog) -> Branch<'a> {
    let target = edge.target;
    let repeats_parent = if edge.is_up || edge.between.is_some() {
        Vec::new()
    } else {
        edge.link.iter().map(|(here, _)| here.clone()).collect()
    };
    Branch {
        name,
        cardinality: edge.cardinality,
        table: target,
        written: called(catalog, target),
        origin: edge.origin(parent),
        on: if edge.between.is_none() && edge.choices != 1 {
            edge.link.clone()
        } else {
            Vec::new()
        },
        through: edge.between.map(|(table, to)| Between {
            table: called(catalog, table),
            on: if edge.choices == 1 {
                Vec::new()
            } else {
                edge.link.clone()
            },
            to: if catalog.foreign_keys(table.id, target.id).count() == 1 {
                Vec::new()
            } else {
                let (between, here) = (&to.columns, &to.referenced_columns);
                let pairs = table.column_names(between).into_iter().zip(target.column_names(here));
                pairs.collect()
            },
        }),
        members: leaves(target, &[], &repeats_parent),
        children: Vec::new(),
        beyond: false,
        remarks: Vec::new(),
    }
}

/// The columns of a table, each with the reason why it may better not be sent. `key` is sent anyway; `repeated` has the
/// values of the enclosing row.
fn leaves<'a>(table: &'a Table, key: &[String], repeated: &[String]) -> Vec<Leaf<'a>> {
    let reason = |column: &Column, repeated: &[String]| {
        if key.contains(&column.name) {
            None
        } else if names::is_secret(&column.name) {
            Some("looks like a secret")
        } else if column.sql_type == "bytea" {
            Some("may be large")
        } else if repeated.contains(&column.name) {
            Some("names the enclosing row")
        } else {
            None
        }
    };
    let leaves = |repeated: &[String]| -> Vec<Leaf<'a>> {
        let columns = table.columns.iter();
        columns
            .map(|column| Leaf {
                column,
                left_out: reason(column, repeated),
            })
            .collect()
    };
    let found = leaves(repeated);
    // Something must be in the document.
    if found.iter().any(|leaf| leaf.left_out.is_none()) {
        found
    } else {
        leaves(&[])
    }
}

fn called(catalog: &Catalog, table: &Table) -> String {
    catalog
        .name_of(table.id)
        .map_or_else(|| table.name.clone(), TableName::written)
}

/// One that nothing else in the enclosing document, nor in the scope of its expressions, has.
fn name(branch: &Branch<'_>, edge: &Edge<'_>, catalog: &Catalog, claimed: &Names, scope: &Names) -> String {
    let is_one = edge.cardinality == Cardinality::One;
    let free = |name: &str| {
        claimed.is_free(name) && !(is_one && (scope.is_free(name), name != branch.table.name) != (true, true))
    };
    names::choose(&edge.suggestions(branch.table, &branch.name, catalog), free)
}
