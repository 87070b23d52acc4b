//! Keys that a person writes → subjects.

use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;

use crate::mapping::{Malformed, SubjectKey, written_key};
use crate::pg::{self, Disposition, disposition};
use crate::plan::SyncPlan;

/// Keys that are asked about at the same time.
const BATCH: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum NoKey {
    #[error("`{written}`: {malformed}")]
    Malformed { written: String, malformed: Malformed },
    /// Of another type than the key's columns.
    #[error("`{written}` is no key of {sync}: {}", pg::describe(.error))]
    Impossible {
        written: String,
        sync: String,
        error: pg::Error,
    },
    #[error("the source does not answer: {}", pg::describe(.0))]
    Postgres(pg::Error),
}

/// The subjects that are meant, in the form in which the stream names them: `042` and `42` are the same number, and a UUID may be
/// written in capitals. A key is a JSON array, `[42]` or `["de", 7]`, or where it has one column only, the value as it is.
pub async fn subjects(source: &pg::Client, plan: &SyncPlan, written: &[String]) -> Result<Vec<SubjectKey>, NoKey> {
    let mut subjects = Vec::with_capacity(written.len());
    for part in written.chunks(BATCH) {
        subjects.extend(try_join_all(part.iter().map(|written| subject(source, plan, written))).await?);
    }
    Ok(subjects)
}

async fn subject(source: &pg::Client, plan: &SyncPlan, written: &str) -> Result<SubjectKey, NoKey> {
    let key = written_key(written, &plan.shape).map_err(|malformed| NoKey::Malformed {
        written: written.to_owned(),
        malformed,
    })?;
    match as_stored(source, plan, &key).await {
        Ok(key) => Ok(key),
        Err(error) if disposition(&error) == Disposition::Data => Err(NoKey::Impossible {
            written: written.to_owned(),
            sync: plan.name.to_string(),
            error,
        }),
        Err(error) => Err(NoKey::Postgres(error)),
    }
}

/// A key in the form in which the stream names its subject. Fails with [`Disposition::Data`] where no row can have it.
pub async fn as_stored(source: &pg::Client, plan: &SyncPlan, key: &SubjectKey) -> Result<SubjectKey, pg::Error> {
    let values = key.values(plan.shape.columns.len());
    let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    let statement = source.prepare_cached(&plan.key_sql).await?;
    let row = source.query_one(&statement, &parameters).await?;
    let texts: Vec<&str> = (0..row.len()).map(|i| row.get(i)).collect();
    Ok(SubjectKey::new(texts.into_iter()))
}
