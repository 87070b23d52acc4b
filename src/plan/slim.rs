//! A tree whose tables have only the columns that count.
//!
//! Statements list the columns of their tables. Without those that nothing reads they stay what they are when such a column comes
//! or goes, and so do the documents.

use std::collections::{BTreeSet, HashMap};

use super::tree::{Between, Branch};
use super::{Read, ReadColumns};
use crate::catalog::{Table, TableId};

/// The tables of a tree, without the columns that do not count.
pub(super) struct SlimTables(HashMap<TableId, Table>);

impl SlimTables {
    /// Keeps primary keys and the columns that link tables in any case.
    pub fn of(root: &Branch<'_>, reads: &[Read]) -> Self {
        let mut kept = HashMap::new();
        collect(root, &mut kept);
        let slim = kept.into_iter().filter_map(|(id, (table, linking))| {
            let read = (reads.iter()).find(|read| read.schema == table.schema && read.table == table.name)?;
            let ReadColumns::Only(counting) = &read.columns else {
                return None;
            };
            let mut slim = table.clone();
            slim.columns
                .retain(|column| counting.contains(&column.name) || linking.contains(&column.name));
            Some((id, slim))
        });
        Self(slim.collect())
    }

    pub fn tree<'b>(&'b self, branch: &Branch<'b>) -> Branch<'b> {
        let between = branch.between.as_ref().map(|between| Between {
            table: between.table,
            place: between.place,
            link: between.link.clone(),
        });
        Branch {
            node: branch.node,
            table: self.0.get(&branch.table.id).unwrap_or(branch.table),
            link: branch.link.clone(),
            between,
            children: branch.children.iter().map(|child| self.tree(child)).collect(),
        }
    }
}

/// Each table with those of its columns that are needed wherever it stands in the tree.
fn collect<'a>(branch: &Branch<'a>, kept: &mut HashMap<TableId, (&'a Table, BTreeSet<String>)>) {
    let key = branch.table.primary_key().unwrap_or_default();
    let to_parent = branch.link.iter().map(|link| link.here.clone());
    let to_children = branch.children.iter().flat_map(|child| {
        let link = child.between.as_ref().map_or(&child.link, |between| &between.link);
        link.iter().map(|link| link.there.clone())
    });
    let (_, columns) = kept.entry(branch.table.id).or_insert((branch.table, BTreeSet::new()));
    columns.extend(key.into_iter().chain(to_parent).chain(to_children));
    for child in &branch.children {
        collect(child, kept);
    }
}
