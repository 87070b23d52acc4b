//! One change → what it touches.

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::{Batch, ListenerIndex, Origin, Sweep, SyncIndex, Unheard};
use super::message::{self, Malformed};
use super::relevance::Relevance;
use super::subject::SubjectKey;
use crate::catalog::{Table, TableKind};
use crate::plan::{Finder, SyncPlan};
use crate::wal::{OldKind, OldTuple, Relation, Tuple, Value};

/// A decoded change of one row.
#[derive(Debug)]
pub enum Change<'a> {
    Insert { new: Tuple<'a> },
    Update { old: Option<OldTuple<'a>>, new: Tuple<'a> },
    Delete { old: OldTuple<'a> },
}

/// Schema and name of a table.
type Name = (String, String);

/// Knows, for one session of the stream, how the rows of each relation lead to subjects.
#[derive(Debug)]
pub struct Mapper {
    plans: Arc<[SyncPlan]>,
    /// Those whose rows lie in partitions, each with its partitions among the tables.
    partitioned: HashMap<Name, Vec<Name>>,
    ears: HashMap<u32, Vec<Ear>>,
    /// By prefix.
    messages: HashMap<String, Vec<SyncIndex>>,
}

/// One sync that listens to a relation as the stream describes it.
#[derive(Debug)]
struct Ear {
    sync: SyncIndex,
    relevance: Relevance,
    bindings: Vec<Binding>,
}

/// A listener, tied to the columns of a relation as the stream describes it.
#[derive(Debug)]
struct Binding {
    sync: SyncIndex,
    listener: ListenerIndex,
    finds: Finds,
    is_root: bool,
    columns: Columns,
}

#[derive(Debug, Clone, Copy)]
enum Finds {
    Key,
    Lookup,
    All,
}

/// Where the listener's columns are in a tuple.
#[derive(Debug)]
enum Columns {
    At {
        positions: Vec<usize>,
        /// The stream carries their old values.
        in_identity: bool,
    },
    /// The table no longer has them all.
    Missing,
}

/// What the stream says of a listener's columns in one row.
#[derive(PartialEq, Eq)]
enum Found {
    Values(SubjectKey),
    /// One of them is null: the row belongs to nobody.
    Nobody,
    Unknown,
}

impl Mapper {
    /// `tables` are those that the plans are about.
    pub fn new(plans: Arc<[SyncPlan]>, tables: &[Table]) -> Self {
        let name = |table: &Table| (table.schema.clone(), table.name.clone());
        let partitioned = tables
            .iter()
            .filter(|table| matches!(table.kind, TableKind::Partitioned));
        let partitions = |of: &Table| {
            let below = tables.iter().filter(|table| is_below(table, of));
            below.map(name).collect::<Vec<Name>>()
        };
        let mut messages: HashMap<String, Vec<SyncIndex>> = HashMap::new();
        for (sync, plan) in plans.iter().enumerate() {
            for prefix in &plan.messages {
                messages.entry(prefix.clone()).or_default().push(sync);
            }
        }
        Self {
            partitioned: partitioned.map(|table| (name(table), partitions(table))).collect(),
            ears: HashMap::new(),
            messages,
            plans,
        }
    }

    /// The stream describes a relation, the first time or anew.
    pub fn describe(&mut self, relation: &Relation) {
        let name = (relation.schema.clone(), relation.name.clone());
        // What is said of its identity is the root's, what old rows carry is up to their partition.
        let trusted = !self.partitioned.contains_key(&name);
        // The rows of a partition are shown under the name of its root, if that is published, too.
        let mut names = self.partitioned.get(&name).cloned().unwrap_or_default();
        names.push(name);
        let mut ears = Vec::new();
        for (sync, plan) in self.plans.iter().enumerate() {
            let bindings = bind(sync, plan, relation, &names);
            if !bindings.is_empty() {
                let relevance = if trusted {
                    Relevance::of(plan, relation)
                } else {
                    Relevance::Unknown
                };
                ears.push(Ear {
                    sync,
                    relevance,
                    bindings,
                });
            }
        }
        self.ears.insert(relation.oid, ears);
    }

    /// Adds what a change of a row touches. Returns whether any sync takes notice of it.
    pub fn map(&self, relation: u32, change: &Change<'_>, origin: Origin, batch: &mut Batch) -> bool {
        let mut heard = false;
        for ear in self.ears(relation) {
            if let Some(why) = ear.passes_over(change, origin) {
                batch.pass_over(ear.sync, why);
                continue;
            }
            heard = true;
            for binding in &ear.bindings {
                binding.map(change, origin, batch);
            }
        }
        heard
    }

    /// Adds what a truncate of a relation touches: of the root, every subject known; of another table, every subject.
    /// Returns whether any sync takes notice of it.
    pub fn map_truncate(&self, relation: u32, origin: Origin, batch: &mut Batch) -> bool {
        let mut heard = false;
        for ear in self.ears(relation) {
            if origin.author == Some(ear.sync) {
                batch.pass_over(ear.sync, Unheard::Own);
                continue;
            }
            heard = true;
            for binding in &ear.bindings {
                let sweep = if binding.is_root { Sweep::Known } else { Sweep::All };
                batch.sweep(ear.sync, sweep, origin);
            }
        }
        heard
    }

    /// Adds the subjects that a message names. Returns whether any sync takes notice of it, and for whom it made no sense.
    pub fn map_message(
        &self,
        prefix: &str,
        content: &[u8],
        origin: Origin,
        batch: &mut Batch,
    ) -> (bool, Vec<(SyncIndex, Malformed)>) {
        let (mut heard, mut malformed) = (false, Vec::new());
        for &sync in self.messages.get(prefix).into_iter().flatten() {
            if origin.author == Some(sync) {
                batch.pass_over(sync, Unheard::Own);
                continue;
            }
            let Some(plan) = self.plans.get(sync) else { continue };
            match message::keys(content, &plan.shape) {
                Ok(keys) => {
                    heard = true;
                    for key in keys {
                        batch.touch_subject(sync, key, origin);
                    }
                }
                Err(error) => malformed.push((sync, error)),
            }
        }
        (heard, malformed)
    }

    fn ears(&self, relation: u32) -> &[Ear] {
        self.ears.get(&relation).map_or(&[], Vec::as_slice)
    }
}

impl Ear {
    fn passes_over(&self, change: &Change<'_>, origin: Origin) -> Option<Unheard> {
        if origin.author == Some(self.sync) {
            return Some(Unheard::Own);
        }
        match change {
            Change::Update { old, new } => self
                .relevance
                .is_untouched(old.as_ref(), new)
                .then_some(Unheard::Irrelevant),
            Change::Insert { .. } | Change::Delete { .. } => None,
        }
    }
}

/// Whether a table is a partition of another one, at whatever depth.
fn is_below(table: &Table, root: &Table) -> bool {
    let holds_rows_of = |id| root.partitions.contains(id);
    let leaves_are = !table.partitions.is_empty() && table.partitions.iter().all(holds_rows_of);
    holds_rows_of(&table.id) || (table.id != root.id && leaves_are)
}

/// The listeners to tables of these names, whose rows the relation shows.
fn bind(sync: SyncIndex, plan: &SyncPlan, relation: &Relation, names: &[Name]) -> Vec<Binding> {
    let mut bindings = Vec::new();
    for (index, listener) in plan.listeners.iter().enumerate() {
        let is_it = |(schema, table): &Name| *schema == listener.schema && *table == listener.table;
        if !names.iter().any(is_it) {
            continue;
        }
        let columns = locate(relation, &listener.columns);
        if !matches!(columns, Columns::At { in_identity: true, .. }) {
            tracing::warn!(
                sync = %plan.name, table = %relation.name, columns = listener.columns.join(", "),
                "the stream no longer carries the old values of needed columns: changes of this table visit every \
                 subject of the sync; `walsift check` names the remedy"
            );
        }
        bindings.push(Binding {
            sync,
            listener: index,
            finds: match listener.finder {
                Finder::Key => Finds::Key,
                Finder::Lookup(_) => Finds::Lookup,
                Finder::All => Finds::All,
            },
            is_root: listener.is_root(),
            columns,
        });
    }
    bindings
}

impl Binding {
    fn map(&self, change: &Change<'_>, origin: Origin, batch: &mut Batch) {
        let found = match change {
            Change::Insert { new } => [Some(self.new_values(new, None)), None],
            Change::Update { old, new } => [Some(self.new_values(new, old.as_ref())), self.old_values(old.as_ref())],
            Change::Delete { old } => [self.old_values(Some(old)), None],
        };
        let [new, old] = found;
        // Most updates move nothing.
        let old = if new == old { None } else { old };
        for found in [new, old].into_iter().flatten() {
            match found {
                Found::Values(values) => match self.finds {
                    Finds::Key => batch.touch_subject(self.sync, values, origin),
                    Finds::Lookup => batch.touch_values(self.sync, self.listener, values, origin),
                    Finds::All => batch.sweep(self.sync, Sweep::All, origin),
                },
                Found::Nobody => {}
                // Nothing tells which subjects it was, so it may have been any.
                Found::Unknown => {
                    batch.sweep(self.sync, Sweep::All, origin);
                    if self.is_root {
                        batch.sweep(self.sync, Sweep::Known, origin);
                    }
                }
            }
        }
    }

    fn new_values(&self, new: &Tuple<'_>, old: Option<&OldTuple<'_>>) -> Found {
        let Columns::At { positions, in_identity } = &self.columns else {
            return Found::Unknown;
        };
        read(positions, |position| match new.get(position) {
            // A large value that did not change is not sent again; the old row may have it.
            Some(Value::Unchanged) => old
                .filter(|old| *in_identity || old.kind == OldKind::Full)?
                .tuple
                .get(position),
            value => value,
        })
    }

    /// `None` if the values are known not to have changed.
    fn old_values(&self, old: Option<&OldTuple<'_>>) -> Option<Found> {
        let Columns::At { positions, in_identity } = &self.columns else {
            return Some(Found::Unknown);
        };
        match old {
            Some(old) if *in_identity || old.kind == OldKind::Full => {
                Some(read(positions, |position| old.tuple.get(position)))
            }
            // An update comes without its old row if no column of the replica identity has changed.
            None if *in_identity => None,
            _ => Some(Found::Unknown),
        }
    }
}

fn locate(relation: &Relation, columns: &[String]) -> Columns {
    let position = |name: &String| relation.columns.iter().position(|column| column.name == *name);
    match columns.iter().map(position).collect::<Option<Vec<usize>>>() {
        Some(positions) => {
            let in_identity = positions
                .iter()
                .all(|&position| relation.columns.get(position).is_some_and(|column| column.in_identity));
            Columns::At { positions, in_identity }
        }
        None => Columns::Missing,
    }
}

fn read<'a>(positions: &[usize], value: impl Fn(usize) -> Option<Value<'a>>) -> Found {
    // Keys of one column, nearly all there are, need no list.
    if let [position] = positions {
        return match value(*position) {
            Some(Value::Text(text)) => Found::Values(SubjectKey::new(std::iter::once(text))),
            Some(Value::Null) => Found::Nobody,
            _ => Found::Unknown,
        };
    }
    let mut texts = Vec::with_capacity(positions.len());
    for &position in positions {
        match value(position) {
            Some(Value::Text(text)) => texts.push(text),
            Some(Value::Null) => return Found::Nobody,
            _ => return Found::Unknown,
        }
    }
    Found::Values(SubjectKey::new(texts.into_iter()))
}
