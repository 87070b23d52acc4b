//! Every expression of a tree where the document statement evaluates it, as a statement of its own.

use std::borrow::Cow;

use super::names::{mentions, one_names, own_name};
use super::order;
use super::tree::Branch;
use crate::catalog::Table;
use crate::config::{Cardinality, Document, Expression, Member};
use crate::pg::identifier;

/// One expression in its node.
pub(super) struct Question<'a> {
    pub expression: &'a Expression,
    branch: &'a Branch<'a>,
    /// What is evaluated: the expression, or a part of it.
    sql: Cow<'a, str>,
    setting: Setting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// For each row of the node, with its `one` children around it.
    Row,
    /// An aggregate over rows of the node.
    Rows,
}

/// How a table is called in a statement.
pub(super) type NameOf<'a> = &'a dyn Fn(&Table) -> String;

/// All expressions of a tree.
pub(super) fn questions<'a>(root: &'a Branch<'a>) -> Vec<Question<'a>> {
    let mut found = Vec::new();
    ask(root, &mut found);
    found
}

fn ask<'a>(branch: &'a Branch<'a>, found: &mut Vec<Question<'a>>) {
    let node = branch.node;
    let question = |expression: &'a Expression, sql: Cow<'a, str>, setting| Question {
        expression,
        branch,
        sql,
        setting,
    };
    let mut expressions = Vec::new();
    match &node.document {
        Some(Document::Bare(expression)) => expressions.push(expression),
        Some(Document::Object(members)) => collect(members, &mut expressions),
        None => {}
    }
    for expression in expressions {
        found.push(question(expression, Cow::Borrowed(&expression.sql), Setting::Row));
    }
    if let Some(expression) = &node.filter {
        // Anything but a condition is refused here.
        let sql = format!("({}\n) is true", expression.sql);
        found.push(question(expression, Cow::Owned(sql), Setting::Row));
    }
    if let Some(expression) = &node.order_by {
        for term in order::terms(&expression.sql) {
            found.push(question(expression, Cow::Borrowed(term.expression), Setting::Row));
        }
    }
    for (_, expression) in &node.aggregate {
        found.push(question(expression, Cow::Borrowed(&expression.sql), Setting::Rows));
    }
    for child in &branch.children {
        ask(child, found);
    }
}

fn collect<'a>(members: &'a [(String, Member)], expressions: &mut Vec<&'a Expression>) {
    for (_, member) in members {
        match member {
            Member::Expression(expression) => expressions.push(expression),
            Member::Object(members) => collect(members, expressions),
            Member::Constant(_) => {}
        }
    }
}

/// A name that no column has: a column `x` would come before a row named `x`.
const VALUE: &str = "\"w$value\"";

impl Question<'_> {
    /// Accepted by Postgres only if the expression makes sense in its node.
    ///
    /// The condition takes no aggregate, no window function and no set, none of which makes sense for a single row;
    /// `count(*)` beside an aggregate makes anything that is no aggregate an error.
    pub fn probe(&self) -> String {
        let names: NameOf<'_> = &Table::sql_name;
        let sql = &self.sql;
        match self.setting {
            Setting::Row => self.around(
                &format!("(select row_to_json({VALUE}) from (select ({sql}\n) as value) as {VALUE})"),
                &format!(" where ({sql}\n) is null"),
                names,
            ),
            Setting::Rows => format!("select ({sql}\n), count(*) from {}", self.rows(names)),
        }
    }

    /// Names the columns that the expression reads, and no others.
    pub fn reading(&self, names: NameOf<'_>) -> String {
        // Takes a value of whatever type.
        let value = format!("pg_catalog.num_nonnulls(({}\n))", self.sql);
        match self.setting {
            Setting::Row => self.around(&value, "", names),
            Setting::Rows => format!("select {value} from {}", self.rows(names)),
        }
    }

    /// The tables whose rows the expression can see.
    pub fn tables(&self) -> Vec<&Table> {
        fn ones<'a>(branch: &'a Branch<'_>, found: &mut Vec<&'a Table>) {
            let ones_of = branch.children.iter();
            for child in ones_of.filter(|child| child.node.cardinality == Cardinality::One) {
                found.push(child.table);
                ones(child, found);
            }
        }
        let mut found = vec![self.branch.table];
        ones(self.branch, &mut found);
        found
    }

    /// The node's row innermost, `one` children around it.
    fn around(&self, value: &str, condition: &str, names: NameOf<'_>) -> String {
        let branch = self.branch;
        let mut from = ones(branch, names).join(" cross join ");
        if !from.is_empty() {
            from.push_str(" cross join ");
        }
        let name = if branch.node.cardinality == Cardinality::Root {
            &branch.table.name
        } else {
            &branch.node.name
        };
        let row = own_name(branch, "w$row");
        format!(
            "select 1 from {from}lateral (select {value} from {} as {}{condition}) as {}",
            names(branch.table),
            identifier(&own_name(branch, name)),
            identifier(&row)
        )
    }

    fn rows(&self, names: NameOf<'_>) -> String {
        let branch = self.branch;
        let own = identifier(&own_name(branch, &branch.node.name));
        let mut from = vec![format!("{} as {own}", names(branch.table))];
        if mentions(&self.sql, &one_names(branch)) {
            from.extend(ones(branch, names));
        }
        from.join(" cross join ")
    }
}

fn ones(branch: &Branch<'_>, names: NameOf<'_>) -> Vec<String> {
    let children = branch
        .children
        .iter()
        .filter(|child| child.node.cardinality == Cardinality::One);
    children
        .flat_map(|child| {
            let own = format!("{} as {}", names(child.table), identifier(&child.node.name));
            std::iter::once(own).chain(ones(child, names))
        })
        .collect()
}
