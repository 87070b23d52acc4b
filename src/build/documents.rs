//! Building by batch.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::types::ToSql;

use super::{Digest, Ignored, digest};
use crate::mapping::SubjectKey;
use crate::pg::{self, Disposition, TextArray, describe, disposition};
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
    let mut columns: Vec<Vec<Cow<'_, str>>> = vec![Vec::with_capacity(keys.len()); arity];
    for key in keys {
        for (column, value) in columns.iter_mut().zip(key.values(arity)) {
            column.push(value);
        }
    }
    let arrays: Vec<TextArray<'_, Cow<'_, str>>> = columns.iter().map(|column| TextArray(column)).collect();
    let parameters: Vec<&(dyn ToSql + Sync)> = arrays.iter().map(|array| array as &(dyn ToSql + Sync)).collect();
    let statement = client.prepare_cached(&plan.build_sql).await?;
    let positions: HashMap<&SubjectKey, usize> = keys.iter().zip(0..).collect();
    let mut built = vec![Built::Gone; keys.len()];
    for row in client.query(&statement, &parameters).await? {
        let values: Option<Vec<&str>> = (0..arity).map(|i| row.get(i)).collect();
        // Equal is not always the same: for 1.0 the row may be 1.00, which is another subject, and the one that is there.
        let key = values.map(|values| SubjectKey::new(values.into_iter()));
        let Some(&at) = key.and_then(|key| positions.get(&key)) else {
            continue;
        };
        let Some(text) = row.get::<_, Option<&str>>(arity) else {
            continue;
        };
        let document = match digest(text, ignored) {
            Ok(digest) => Built::Document(Document {
                text: text.into(),
                digest,
            }),
            Err(error) => Built::Failed(error.to_string()),
        };
        built[at] = match &built[at] {
            Built::Gone => document,
            found if found.is_same(&document) => document,
            _ => Built::Failed("the statement yields several documents for one key".to_owned()),
        };
    }
    Ok(built)
}

impl Built {
    fn is_same(&self, other: &Built) -> bool {
        match (self, other) {
            (Built::Document(one), Built::Document(other)) => one.digest == other.digest,
            _ => false,
        }
    }
}
