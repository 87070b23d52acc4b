//! Whether an update changes anything that counts.

use crate::plan::{ReadColumns, SyncPlan};
use crate::wal::{OldKind, OldTuple, Relation, ReplicaIdentity, Tuple, Value};

/// The columns of a relation that count for one sync, where the stream has them.
#[derive(Debug)]
pub(super) enum Relevance {
    /// Any column may count, or one that counts is not shown.
    Unknown,
    /// These, ascending.
    Columns(Vec<Counted>),
}

#[derive(Debug)]
pub(super) struct Counted {
    position: usize,
    /// Old rows without the rest of the row have it, and an update that comes without an old row has not changed it.
    in_key: bool,
}

impl Relevance {
    pub(super) fn of(plan: &SyncPlan, relation: &Relation) -> Self {
        let is_it = |schema: &str, table: &str| schema == relation.schema && table == relation.name;
        let read = plan.reads.iter().find(|read| is_it(&read.schema, &read.table));
        let Some(ReadColumns::Only(read)) = read.map(|read| &read.columns) else {
            return Self::Unknown;
        };
        let listeners = plan
            .listeners
            .iter()
            .filter(|listener| is_it(&listener.schema, &listener.table));
        let mut counted = Vec::new();
        for name in read.iter().chain(listeners.flat_map(|listener| &listener.columns)) {
            let Some(position) = relation.columns.iter().position(|column| column.name == *name) else {
                return Self::Unknown;
            };
            // With `full`, every update has its whole old row, and one without has nothing to say.
            let in_key = relation.identity != ReplicaIdentity::Full
                && relation.columns.get(position).is_some_and(|column| column.in_identity);
            counted.push(Counted { position, in_key });
        }
        counted.sort_unstable_by_key(|column| column.position);
        counted.dedup_by_key(|column| column.position);
        Self::Columns(counted)
    }

    /// Whether an update is known to have changed none of the columns.
    pub(super) fn is_untouched(&self, old: Option<&OldTuple<'_>>, new: &Tuple<'_>) -> bool {
        let Self::Columns(columns) = self else { return false };
        let (mut before, mut after) = (old.map(|old| old.tuple.iter()), new.iter());
        let mut walked = 0;
        columns.iter().all(|column| {
            let skipped = column.position - walked;
            walked = column.position + 1;
            let before = before.as_mut().and_then(|values| values.nth(skipped));
            match (after.nth(skipped), old.map(|old| old.kind)) {
                (None, _) => false,
                // A large value that the update left alone.
                (Some(Value::Unchanged), _) => true,
                (after, Some(OldKind::Full)) => before == after,
                (after, Some(OldKind::Key)) => column.in_key && before == after,
                (Some(_), None) => column.in_key,
            }
        })
    }
}
