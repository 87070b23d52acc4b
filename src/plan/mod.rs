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
mod changes;
mod cursor;
mod document;
mod draft;
mod emptiness;
mod examine;
mod lexer;
mod link;
mod names;
mod order;
mod path;
mod picture;
mod probe;
mod question;
mod relevance;
mod sample;
mod shape;
mod slim;
mod statement;
mod tree;
mod walk;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::config::{Config, Node, Problem, Sync, TableName};

pub use after_publish::{AfterPublish, Parameter, after_publish, probe_after_publish};
pub use cursor::Cursor;
pub use draft::{Draft, DraftSink, Refusal, Wish, draft};
pub use emptiness::is_empty;
pub use examine::{examine, fixes};
pub use path::{Finder, Listener, Lookup};
pub use picture::{HotSpot, Picture, grouped, link_columns, pictures, wrapped};
pub use probe::probe;
pub use relevance::narrow;
pub use sample::sample_statement;
pub use shape::{KeyColumn, KeyShape};
pub use walk::{Filtered, Walk};

use changes::Watching;
use path::Heard;
use tree::Branch;

/// What one sync needs at run time, derived once at the start.
#[derive(Debug)]
pub struct SyncPlan {
    pub name: Arc<str>,
    pub shape: Arc<KeyShape>,
    /// Names of the document's top-level members; `None` where only the author of the statement knows.
    pub members: Option<Vec<String>>,
    /// Builds documents for a batch of keys. Parameters: one array for each key column, to be sent as text. Result: the key
    /// as the row has it, `key_1`, `key_2`, …, as text, and `document`, JSON as text. A key without a row has none.
    pub build_sql: String,
    /// A key as the stream would write it. Parameters: one `text` for each column, in any form that its type takes; result: as
    /// many, as text. Fails if no row can have it.
    pub key_sql: String,
    pub walk: Walk,
    /// Every way from a changed row to subjects.
    pub listeners: Vec<Listener>,
    /// What the document depends on, once for each table that is listened to.
    pub reads: Vec<Read>,
    /// Prefixes of the messages that name subjects.
    pub messages: Vec<String>,
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
            Ok(trunk) => plans.push(trunk.plan()),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(plans) } else { Err(problems) }
}

/// A sync's tree, what names its subjects, and what else it listens to.
struct Trunk<'a> {
    sync: &'a Sync,
    catalog: &'a Catalog,
    root: Branch<'a>,
    shape: KeyShape,
    watching: Vec<Watching<'a>>,
}

fn grow<'a>(sync: &'a Sync, catalog: &'a Catalog) -> Result<Trunk<'a>, Vec<Problem>> {
    let mut problems = Vec::new();
    let root = tree::resolve(&sync.root, catalog, &mut problems);
    let shape = root
        .as_ref()
        .and_then(|root| tree::key_shape(sync, root, &mut problems));
    let watching = match &shape {
        Some(shape) => changes::resolve(sync, shape, catalog, &mut problems),
        None => Vec::new(),
    };
    // Where the file names the members, a name claimed twice is found without the catalogue.
    if let Some(root) = root
        .as_ref()
        .filter(|root| root.node.document.is_none() && sync.sql.is_none())
    {
        let names = names::member_names(root);
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
        (Some(root), Some(shape)) if problems.is_empty() => Ok(Trunk {
            sync,
            catalog,
            root,
            shape,
            watching,
        }),
        _ => Err(problems),
    }
}

impl Trunk<'_> {
    /// Every way from a changed row to subjects. A sync by hand has those under `changes` only.
    fn listeners(&self) -> Vec<Heard<'_>> {
        let mut found = match &self.sync.sql {
            None => path::listeners(&self.root, &self.shape),
            Some(_) => Vec::new(),
        };
        let watched = changes::listeners(&self.root, &self.shape, &self.watching);
        let on_root = |heard: &Heard<'_>| heard.table.id == self.root.table.id;
        // A row that is gone is found by its key alone, whatever else its table is watched for.
        if self.sync.sql.is_some()
            && watched.iter().any(on_root)
            && !watched.iter().any(|heard| heard.listener.is_root())
        {
            found.push(path::root_listener(&self.root, &self.shape));
        }
        found.extend(watched);
        for at in 0..found.len() {
            // A query of a table reads the rows of those that inherit from it as well.
            for heir in found[at].table.heirs.iter().filter_map(|&id| self.catalog.table(id)) {
                let inherited = found[at].by(heir);
                found.push(inherited);
            }
        }
        found
    }

    fn plan(&self) -> SyncPlan {
        let listeners: Vec<Listener> = self.listeners().into_iter().map(|heard| heard.listener).collect();
        let (members, build_sql) = match &self.sync.sql {
            None => (
                Some(names::member_names(&self.root)),
                document::build_statement(&self.root, &self.shape),
            ),
            Some(sql) => (None, document::build_statement_by_hand(&sql.sql, &self.shape)),
        };
        SyncPlan {
            name: self.sync.name.as_str().into(),
            members,
            build_sql,
            key_sql: document::key_statement(&self.shape),
            walk: Walk::new(&self.root, &self.shape),
            reads: whole_tables(&listeners),
            messages: self.sync.messages.clone(),
            listeners,
            shape: Arc::new(self.shape.clone()),
        }
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
pub fn table_names(config: &Config) -> Vec<TableName> {
    fn collect<'a>(node: &'a Node, names: &mut Vec<&'a TableName>) {
        names.push(&node.table);
        names.extend(node.through.as_ref().map(|through| &through.table));
        for child in &node.children {
            collect(child, names);
        }
    }
    let mut names = Vec::new();
    for sync in &config.syncs {
        collect(&sync.root, &mut names);
        names.extend(sync.changes.iter().map(|watched| &watched.table));
    }
    let mut each = Vec::new();
    for name in names {
        if !each.contains(name) {
            each.push(name.clone());
        }
    }
    each
}
