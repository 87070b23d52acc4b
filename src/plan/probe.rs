//! What Postgres says of each expression of the user's, and of the statements composed from them.
//!
//! Statements are only prepared, so nothing is read and nothing can change. An expression is probed by itself, so that a
//! complaint can be shown where it was written.

use tokio_postgres::error::SqlState;
use tokio_postgres::{GenericClient, Statement};

use super::question::questions;
use super::statement::statement;
use super::{Finder, SyncPlan, Trunk, grow};
use crate::catalog::Catalog;
use crate::config::{Config, Expression, Place, Problem, Sync, Way};
use crate::pg::{self, Disposition, describe, disposition};

/// Prepares everything, and says what Postgres rejects. Syncs that cannot be planned are passed over: `plan` has said why.
pub async fn probe(client: &impl GenericClient, config: &Config, catalog: &Catalog) -> Result<Vec<Problem>, pg::Error> {
    let mut problems = Vec::new();
    for sync in &config.syncs {
        let Ok(trunk) = grow(sync, catalog) else { continue };
        let before = problems.len();
        if sync.sql.is_none() {
            for question in questions(&trunk.root) {
                problems.extend(probe_expression(client, question.expression, &question.probe()).await?);
            }
        }
        problems.extend(probe_queries(client, &trunk).await?);
        if problems.len() == before {
            problems.extend(probe_plan(client, &sync.place, &trunk.plan()).await?);
        }
    }
    Ok(problems)
}

async fn probe_expression(
    client: &impl GenericClient,
    expression: &Expression,
    sql: &str,
) -> Result<Option<Problem>, pg::Error> {
    let place = &expression.place;
    Ok(match prepare(client, sql).await? {
        Ok(statement) if statement.params().is_empty() => None,
        Ok(_) => Some(Problem::at(place, "an expression cannot have parameters")),
        Err(rejection) => Some(rejected(place, &rejection)),
    })
}

/// Queries of the user's, each by itself.
async fn probe_queries(client: &impl GenericClient, trunk: &Trunk<'_>) -> Result<Vec<Problem>, pg::Error> {
    let mut problems = Vec::new();
    let sync = trunk.sync;
    if let Some(sql) = &sync.sql {
        let key = trunk.shape.names();
        problems.extend(match prepare(client, statement(&sql.sql)).await? {
            Err(rejection) => vec![rejected(&sql.place, &rejection)],
            Ok(prepared) => document_problems(sql, sync, &key, &prepared),
        });
    }
    for watched in &sync.changes {
        let Way::Query { sql, from } = &watched.way else {
            continue;
        };
        problems.extend(match prepare(client, statement(&sql.sql)).await? {
            Err(rejection) => Some(rejected(&sql.place, &rejection)),
            Ok(prepared) if prepared.params().len() != from.len() => {
                let summary = format!("the query must use the parameters {}", parameters(from.len()));
                Some(Problem::at(&sql.place, summary).help("one array of values for each column of `from`"))
            }
            Ok(prepared) if prepared.columns().len() != trunk.shape.columns.len() => {
                let key = trunk.shape.names().join(", ");
                Some(Problem::at(&sql.place, format!("the query must yield the key: {key}")))
            }
            Ok(_) => None,
        });
    }
    Ok(problems)
}

fn document_problems(sql: &Expression, sync: &Sync, key: &[String], prepared: &Statement) -> Vec<Problem> {
    let mut problems = Vec::new();
    if prepared.params().len() != key.len() {
        let summary = format!(
            "`sql` of {} must use the parameters {}",
            sync.name,
            parameters(key.len())
        );
        let help = format!("one array of keys for each column of the key: {} = any($1)", key[0]);
        problems.push(Problem::at(&sql.place, summary).help(help));
    }
    for wanted in key.iter().map(String::as_str).chain(["document"]) {
        let found = prepared
            .columns()
            .iter()
            .filter(|column| column.name() == wanted)
            .count();
        if found != 1 {
            let summary = format!("`sql` of {} must yield one column `{wanted}`", sync.name);
            problems.push(
                Problem::at(&sql.place, summary)
                    .help(format!("the key and the document: {}, document", key.join(", "))),
            );
        }
    }
    problems
}

fn parameters(count: usize) -> String {
    let names: Vec<String> = (1..=count).map(|i| format!("${i}")).collect();
    names.join(", ")
}

/// Once all expressions are right by themselves, the whole statements.
async fn probe_plan(client: &impl GenericClient, place: &Place, plan: &SyncPlan) -> Result<Vec<Problem>, pg::Error> {
    let mut statements = vec![&plan.build_sql, &plan.key_sql];
    statements.extend([&plan.walk.page.first, &plan.walk.page.next, &plan.walk.missing]);
    for listener in &plan.listeners {
        if let Finder::Lookup(lookup) = &listener.finder {
            statements.extend([&lookup.first, &lookup.next, &lookup.some]);
        }
    }
    let mut problems = Vec::new();
    for sql in statements {
        if let Err(rejection) = prepare(client, sql).await? {
            let mut problem = Problem::at(place, format!("postgres rejects a statement: {rejection}"));
            problem.help.push(format!("the statement:\n{sql}"));
            problems.push(problem);
        }
    }
    Ok(problems)
}

pub(super) fn rejected(place: &Place, rejection: &str) -> Problem {
    Problem::at(place, format!("postgres rejects this: {rejection}"))
}

/// The statement, or what the server says of it; an error that is not about the statement is passed on.
pub(super) async fn prepare(client: &impl GenericClient, sql: &str) -> Result<Result<Statement, String>, pg::Error> {
    match client.prepare(sql).await {
        Ok(statement) => Ok(Ok(statement)),
        Err(refusal) => match disposition(&refusal) {
            // Given up because it took too long, most likely waiting for a lock: that says nothing of the statement.
            _ if refusal.code() == Some(&SqlState::QUERY_CANCELED) => Err(refusal),
            Disposition::Statement | Disposition::Data => Ok(Err(describe(&refusal))),
            Disposition::Connection | Disposition::Transient => Err(refusal),
        },
    }
}
