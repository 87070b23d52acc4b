//! One change → what it touches.

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::{Batch, ListenerIndex, Origin, Sweep, SyncIndex};
use super::subject::SubjectKey;
use crate::plan::{Finder, SyncPlan};
use crate::wal::{OldKind, OldTuple, Relation, Tuple, Value};

/// A decoded change of one row.
#[derive(Debug)]
pub enum Change<'a> {
    Insert { new: Tuple<'a> },
    Update { old: Option<OldTuple<'a>>, new: Tuple<'a> },
    Delete { old: OldTuple<'a> },
}

/// Knows, for one session of the stream, how the rows of each relation lead to subjects.
#[derive(Debug)]
pub struct Mapper {
    plans: Arc<[SyncPlan]>,
    bindings: HashMap<u32, Vec<Binding>>,
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
    pub fn new(plans: Arc<[SyncPlan]>) -> Self {
        Self {
            plans,
            bindings: HashMap::new(),
        }
    }

    /// The stream describes a relation, the first time or anew.
    pub fn describe(&mut self, relation: &Relation) {
        let mut bindings = Vec::new();
        for (sync, plan) in self.plans.iter().enumerate() {
            for (index, listener) in plan.listeners.iter().enumerate() {
                if listener.schema != relation.schema || listener.table != relation.name {
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
        }
        self.bindings.insert(relation.oid, bindings);
    }

    /// Adds what a change of a row touches. Returns whether any sync listens to the relation.
    pub fn map(&self, relation: u32, change: &Change<'_>, origin: Origin, batch: &mut Batch) -> bool {
        let Some(bindings) = self.bindings.get(&relation) else {
            return false;
        };
        for binding in bindings {
            binding.map(change, origin, batch);
        }
        !bindings.is_empty()
    }

    /// Adds what a truncate of a relation touches: of the root, every subject known; of another table, every subject.
    /// Returns whether any sync listens to the relation.
    pub fn map_truncate(&self, relation: u32, origin: Origin, batch: &mut Batch) -> bool {
        let Some(bindings) = self.bindings.get(&relation) else {
            return false;
        };
        for binding in bindings {
            batch.sweep(
                binding.sync,
                if binding.is_root { Sweep::Known } else { Sweep::All },
                origin,
            );
        }
        !bindings.is_empty()
    }
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
