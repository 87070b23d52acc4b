//! Building by batch.

use std::sync::Arc;

use tokio_postgres::types::ToSql;

use super::{Digest, Ignored, digest};
use crate::mapping::SubjectKey;
use crate::pg::{self, Disposition, describe, disposition};
use crate::plan::SyncPlan;

/// What the database yields for a subject now.
#[derive(Debug, Clone)]
pub enum Built {
    Document(Document),
    /// There is no row, or none that the sync wants.
    Gone,
    /// Postgres cannot build this one. Says why.
    Failed(String),
}

#[derive(Debug, Clone)]
pub struct Document {
    /// As Postgres wrote it.
    pub text: Arc<str>,
    pub digest: Digest,
}

/// Nothing could be built; about none of the subjects in particular.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("cannot reach the source")]
    Unreachable(#[from] pg::ConnectError),
    #[error("the source cannot build at present: {0}")]
    Transient(String),
    /// It will not work as long as schema, privileges and configuration are what they are.
    #[error("postgres rejects the document statement: {0}")]
    Statement(String),
}

/// Builds the documents of `keys`, in one statement, in the order of `keys`. Where a value makes the statement fail, the
/// batch is halved until the culprit is alone, so that it stops nobody else. Digests are without what is `ignored`.
pub async fn build(
    client: &pg::Client,
    plan: &SyncPlan,
    ignored: &Ignored,
    keys: &[SubjectKey],
) -> Result<Vec<Built>, BuildError> {
    let mut built = Vec::with_capacity(keys.len());
    let mut parts = vec![keys];
    while let Some(part) = parts.pop() {
        match build_part(client, plan, ignored, part).await {
            Ok(documents) => built.extend(documents),
            Err(error) => match (disposition(&error), part) {
                (Disposition::Data, [key]) => match is_possible(client, plan, key).await {
                    Ok(true) => built.push(Built::Failed(describe(&error))),
                    Ok(false) => built.push(Built::Gone),
                    Err(error) => return Err(BuildError::Transient(describe(&error))),
                },
                (Disposition::Data, _) => {
                    let (front, back) = part.split_at(part.len() / 2);
                    parts.extend([back, front]);
                }
                (Disposition::Statement, _) => return Err(BuildError::Statement(describe(&error))),
                (Disposition::Connection | Disposition::Transient, _) => {
                    return Err(BuildError::Transient(describe(&error)));
                }
            },
        }
    }
    Ok(built)
}

/// Whether a row can have this key at all. What comes from another table may not: one of another type, without a foreign
/// key.
async fn is_possible(client: &pg::Client, plan: &SyncPlan, key: &SubjectKey) -> Result<bool, pg::Error> {
    let values = key.values(plan.shape.columns.len());
    let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    let statement = client.prepare_cached(&plan.key_sql).await?;
    match client.query(&statement, &parameters).await {
        Ok(_) => Ok(true),
        Err(error) if disposition(&error) == Disposition::Data => Ok(false),
        Err(error) => Err(error),
    }
}

async fn build_part(
    client: &pg::Client,
    plan: &SyncPlan,
    ignored: &Ignored,
    keys: &[SubjectKey],
) -> Result<Vec<Built>, pg::Error> {
    let arity = plan.shape.columns.len();
    let mut columns: Vec<Vec<String>> = vec![Vec::with_capacity(keys.len()); arity];
    for key in keys {
        for (column, value) in columns.iter_mut().zip(key.values(arity)) {
            column.push(value.into_owned());
        }
    }
    let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
    let statement = client.prepare_cached(&plan.build_sql).await?;
    let mut built = vec![Built::Gone; keys.len()];
    for row in client.query(&statement, &parameters).await? {
        let ord: i64 = row.get("ord");
        let Some(at) = usize::try_from(ord - 1).ok().filter(|&at| at < keys.len()) else {
            continue;
        };
        let values: Vec<&str> = (1..=arity).map(|i| row.get(format!("key_{i}").as_str())).collect();
        // Equal is not always the same: for 1.0 the row may be 1.00, which is another subject, and the one that is there.
        if SubjectKey::new(values.into_iter()) != keys[at] {
            continue;
        }
        let text: &str = row.get("document");
        built[at] = match digest(text, ignored) {
            Ok(digest) => Built::Document(Document {
                text: text.into(),
                digest,
            }),
            Err(error) => Built::Failed(error.to_string()),
        };
    }
    Ok(built)
}
