//! Sync + catalogue → statements: the document query, and the path from every table to the root.
//!
//! The only place that composes SQL. What a user wrote stays an expression in parentheses on lines of its own; every
//! identifier goes through [`crate::pg::identifier`]; every value is a parameter.
//!
//! ```text
//! config::Sync ─┐
//!               ├─▶ tree (tables and links) ─┬─▶ document (the statement that builds)
//! Catalog ──────┘                            └─▶ path (how a changed row finds its subjects)
//! ```

mod after_publish;
mod document;
mod examine;
mod order;
mod path;
mod probe;
mod shape;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::config::{Config, Problem, Sync};

pub use after_publish::{AfterPublish, Parameter, after_publish, probe_after_publish};
pub use examine::examine;
pub use path::{Finder, Listener, Lookup};
pub use probe::probe;
pub use shape::{KeyColumn, KeyShape};

use tree::Branch;

/// What one sync needs at run time, derived once at the start.
#[derive(Debug)]
pub struct SyncPlan {
    pub name: Arc<str>,
    pub shape: Arc<KeyShape>,
    /// Names of the document's top-level members.
    pub members: Vec<String>,
    /// Builds documents for a batch of keys. Parameters: one `text[]` for each key column. Result: `ord` (from 1),
    /// `document` (JSON text), and the key as the row has it, `key_1`, `key_2`, …, as text. A key without a row has none.
    pub build_sql: String,
    /// Casts a key to the types of its columns. Parameters: one `text` for each. Fails if no row can have it.
    pub key_sql: String,
    /// Finds every subject, a page at a time; a look-up without values.
    pub page: Lookup,
    /// Every way from a changed row to subjects. The first listens to the root.
    pub listeners: Vec<Listener>,
    /// What the document depends on, once for each table that is listened to.
    pub reads: Vec<Read>,
}

/// What the documents of a sync depend on in the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The table, as the stream names it.
    pub schema: String,
    pub table: String,
    pub columns: ReadColumns,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadColumns {
    /// Any of them may count.
    All,
    /// An update that changes none of these changes no document, and moves no row from one subject to another.
    Only(BTreeSet<String>),
}

/// Plans every sync, or says everything that stands in the way. Asks the catalogue only; see [`probe`] for the rest.
pub fn plan(config: &Config, catalog: &Catalog) -> Result<Vec<SyncPlan>, Vec<Problem>> {
    let mut plans = Vec::new();
    let mut problems = Vec::new();
    for sync in &config.syncs {
        match grow(sync, catalog) {
            Ok(trunk) => plans.push(plan_sync(sync, &trunk)),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(plans) } else { Err(problems) }
}

/// A sync's tree and what names its subjects.
struct Trunk<'a> {
    root: Branch<'a>,
    shape: KeyShape,
}

fn grow<'a>(sync: &'a Sync, catalog: &'a Catalog) -> Result<Trunk<'a>, Vec<Problem>> {
    let mut problems = Vec::new();
    let root = tree::resolve(&sync.root, catalog, &mut problems);
    let shape = root
        .as_ref()
        .and_then(|root| tree::key_shape(sync, root, &mut problems));
    // Where the file names the members, a name claimed twice is found without the catalogue.
    if let Some(root) = root.as_ref().filter(|root| root.node.document.is_none()) {
        let names = document::member_names(root);
        for (_, name) in names
            .iter()
            .enumerate()
            .filter(|(at, name)| names[..*at].contains(name))
        {
            let summary = format!(
                "`{name}` is a column of `{}` and the name of a child or aggregate",
                root.table.name
            );
            let help = "give the child another name, or name the members with `document`";
            problems.push(Problem::at(&sync.place, summary).help(help));
        }
    }
    match (root, shape) {
        (Some(root), Some(shape)) if problems.is_empty() => Ok(Trunk { root, shape }),
        _ => Err(problems),
    }
}

fn plan_sync(sync: &Sync, trunk: &Trunk<'_>) -> SyncPlan {
    let listeners = path::listeners(&trunk.root, &trunk.shape);
    SyncPlan {
        name: sync.name.as_str().into(),
        members: document::member_names(&trunk.root),
        build_sql: document::build_statement(&trunk.root, &trunk.shape),
        key_sql: document::key_statement(&trunk.shape),
        page: path::page(&trunk.root, &trunk.shape),
        reads: whole_tables(&listeners),
        listeners,
        shape: Arc::new(trunk.shape.clone()),
    }
}

/// As long as nothing more is known.
fn whole_tables(listeners: &[Listener]) -> Vec<Read> {
    let mut reads: Vec<Read> = Vec::new();
    for Listener { schema, table, .. } in listeners {
        if !reads.iter().any(|read| read.schema == *schema && read.table == *table) {
            reads.push(Read {
                schema: schema.clone(),
                table: table.clone(),
                columns: ReadColumns::All,
            });
        }
    }
    reads
}

/// The tables that the configuration names, each once.
pub fn table_names(config: &Config) -> Vec<crate::config::TableName> {
    fn collect(node: &crate::config::Node, names: &mut Vec<crate::config::TableName>) {
        if !names.contains(&node.table) {
            names.push(node.table.clone());
        }
        for child in &node.children {
            collect(child, names);
        }
    }
    let mut names = Vec::new();
    for sync in &config.syncs {
        collect(&sync.root, &mut names);
    }
    names
}
