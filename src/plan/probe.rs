//! What Postgres says of each expression of the user's, and of the statements composed from them.
//!
//! Statements are only prepared, so nothing is read and nothing can change. An expression is probed by itself, so that a
//! complaint can be shown where it was written.

use tokio_postgres::GenericClient;

use super::document::{mentions, one_names};
use super::tree::Branch;
use super::{Finder, SyncPlan, grow, order, plan_sync};
use crate::catalog::Catalog;
use crate::config::{Cardinality, Config, Document, Expression, Member, Place, Problem};
use crate::pg::{self, Disposition, describe, disposition, identifier};

/// Prepares everything, and says what Postgres rejects. Syncs that cannot be planned are passed over: `plan` has said why.
pub async fn probe(client: &impl GenericClient, config: &Config, catalog: &Catalog) -> Result<Vec<Problem>, pg::Error> {
    let mut problems = Vec::new();
    for sync in &config.syncs {
        let Ok(trunk) = grow(sync, catalog) else { continue };
        let mut questions = Vec::new();
        ask(&trunk.root, &mut questions);
        let before = problems.len();
        for question in questions {
            problems.extend(question.put(client).await?);
        }
        if problems.len() == before {
            problems.extend(probe_plan(client, &sync.place, &plan_sync(sync, &trunk)).await?);
        }
    }
    Ok(problems)
}

/// Once all expressions are right by themselves, the whole statements.
async fn probe_plan(client: &impl GenericClient, place: &Place, plan: &SyncPlan) -> Result<Vec<Problem>, pg::Error> {
    let mut statements = vec![&plan.build_sql, &plan.key_sql, &plan.page.first, &plan.page.next];
    for listener in &plan.listeners {
        if let Finder::Lookup(lookup) = &listener.finder {
            statements.extend([&lookup.first, &lookup.next]);
        }
    }
    let mut problems = Vec::new();
    for sql in statements {
        if let Err(refusal) = client.prepare(sql).await {
            let mut problem = Problem::at(place, format!("postgres rejects a statement: {}", rejection(refusal)?));
            problem.help.push(format!("the statement:\n{sql}"));
            problems.push(problem);
        }
    }
    Ok(problems)
}

struct Question<'a> {
    expression: &'a Expression,
    sql: String,
}

impl Question<'_> {
    async fn put(&self, client: &impl GenericClient) -> Result<Option<Problem>, pg::Error> {
        let place = &self.expression.place;
        match client.prepare(&self.sql).await {
            Ok(statement) if statement.params().is_empty() => Ok(None),
            Ok(_) => Ok(Some(Problem::at(place, "an expression cannot have parameters"))),
            Err(refusal) => Ok(Some(Problem::at(
                place,
                format!("postgres rejects this: {}", rejection(refusal)?),
            ))),
        }
    }
}

/// What the server says of a statement; an error that is not about the statement is passed on.
fn rejection(refusal: pg::Error) -> Result<String, pg::Error> {
    match disposition(&refusal) {
        Disposition::Statement | Disposition::Data => Ok(describe(&refusal)),
        Disposition::Connection | Disposition::Transient => Err(refusal),
    }
}

fn ask<'a>(branch: &Branch<'a>, questions: &mut Vec<Question<'a>>) {
    let node = branch.node;
    let mut expressions = Vec::new();
    match &node.document {
        Some(Document::Bare(expression)) => expressions.push(expression),
        Some(Document::Object(members)) => collect(members, &mut expressions),
        None => {}
    }
    for expression in expressions {
        questions.push(Question {
            expression,
            sql: in_scope(branch, &expression.sql),
        });
    }
    if let Some(expression) = &node.filter {
        // Anything but a condition is refused here.
        let sql = in_scope(branch, &format!("({}\n) is true", expression.sql));
        questions.push(Question { expression, sql });
    }
    if let Some(expression) = &node.order_by {
        for term in order::terms(&expression.sql) {
            questions.push(Question {
                expression,
                sql: in_scope(branch, term.expression),
            });
        }
    }
    for (_, expression) in &node.aggregate {
        questions.push(Question {
            expression,
            sql: over_rows(branch, &expression.sql),
        });
    }
    for child in &branch.children {
        ask(child, questions);
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

/// The expression where the document statement evaluates it: the node's row innermost, `one` children around it. In the
/// condition Postgres takes no aggregate, no window function and no set, none of which makes sense for a single row.
fn in_scope(branch: &Branch<'_>, expression: &str) -> String {
    let mut from = ones(branch).join(" cross join ");
    if !from.is_empty() {
        from.push_str(" cross join ");
    }
    let name = if branch.node.cardinality == Cardinality::Root {
        &branch.table.name
    } else {
        &branch.node.name
    };
    format!(
        "select 1 from {from}lateral (select (select row_to_json({VALUE}) from (select ({expression}\n) as value) as {VALUE}) \
         from {} as {} where ({expression}\n) is null) as {VALUE}",
        branch.table.sql_name(),
        identifier(name)
    )
}

/// The aggregate over rows of the node; `count(*)` beside it makes anything that is no aggregate an error.
fn over_rows(branch: &Branch<'_>, expression: &str) -> String {
    let mut from = vec![format!(
        "{} as {}",
        branch.table.sql_name(),
        identifier(&branch.node.name)
    )];
    if mentions(expression, &one_names(branch)) {
        from.extend(ones(branch));
    }
    format!("select ({expression}\n), count(*) from {}", from.join(" cross join "))
}

fn ones(branch: &Branch<'_>) -> Vec<String> {
    let children = branch
        .children
        .iter()
        .filter(|child| child.node.cardinality == Cardinality::One);
    children
        .flat_map(|child| {
            let own = format!("{} as {}", child.table.sql_name(), identifier(&child.node.name));
            std::iter::once(own).chain(ones(child))
        })
        .collect()
}
