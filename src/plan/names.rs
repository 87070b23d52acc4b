//! Names that documents have and expressions use.

use super::tree::Branch;
use crate::catalog::Table;
use crate::config::{Cardinality, Document};

/// The names of the members at the top of a document, in their order.
pub(super) fn member_names(root: &Branch<'_>) -> Vec<String> {
    let own: Vec<String> = match &root.node.document {
        Some(Document::Object(members)) => members.iter().map(|(name, _)| name.clone()).collect(),
        Some(Document::Bare(_)) => Vec::new(),
        None => root.table.columns.iter().map(|column| column.name.clone()).collect(),
    };
    let children = root.children.iter().flat_map(|child| {
        let document = child.node.document.is_some().then(|| child.node.name.clone());
        document
            .into_iter()
            .chain(child.node.aggregate.iter().map(|(name, _)| name.clone()))
    });
    own.into_iter().chain(children).collect()
}

/// The names under which a node's expressions can refer to `one` children, its own and theirs.
pub(super) fn one_names(branch: &Branch<'_>) -> Vec<String> {
    let ones = branch
        .children
        .iter()
        .filter(|child| child.node.cardinality == Cardinality::One);
    ones.flat_map(|child| std::iter::once(child.node.name.clone()).chain(one_names(child)))
        .collect()
}

/// The names of all nodes of a tree.
pub(super) fn node_names(branch: &Branch<'_>) -> Vec<String> {
    let below = branch.children.iter().flat_map(node_names);
    std::iter::once(branch.node.name.clone()).chain(below).collect()
}

/// A name of ours that no column of `table` has: this one, or one like it.
pub(super) fn free_column(mut name: String, table: &Table) -> String {
    while table.column(&name).is_some() {
        name.push('$');
    }
    name
}

/// The name under which a node's expressions see its own row: `name`, unless that is one of its `one` children's.
pub(super) fn own_name(branch: &Branch<'_>, name: &str) -> String {
    let ones = one_names(branch);
    let mut name = name.to_owned();
    while ones.contains(&name) {
        name.push('$');
    }
    name
}

/// Whether an expression seems to refer to one of `names`: one of them, as a word in whatever case, followed by a dot.
pub(super) fn mentions(expression: &str, names: &[String]) -> bool {
    let expression = expression.to_lowercase();
    // As it stands between quotes.
    let written = names.iter().map(|name| name.to_lowercase().replace('"', "\"\""));
    written.into_iter().any(|name| {
        expression.match_indices(name.as_str()).any(|(at, _)| {
            let before = expression.get(..at).and_then(|text| text.chars().next_back());
            let after = expression
                .get(at + name.len()..)
                .unwrap_or_default()
                .trim_start_matches('"')
                .trim_start();
            after.starts_with('.') && !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$')
        })
    })
}
