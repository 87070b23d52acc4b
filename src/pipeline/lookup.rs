//! Asking the source which subjects there are, a page at a time.

use std::borrow::Cow;

use tokio_postgres::types::ToSql;

use crate::mapping::SubjectKey;
use crate::pg::{self, Disposition, TextArray, describe, disposition};
use crate::plan::{KeyShape, Lookup};

#[derive(Debug)]
pub(super) enum LookupError {
    /// Not now: it takes too long, a table is locked, or the schema has changed.
    Statement(String),
    Connection(pg::Error),
}

/// Up to `most` subjects after `last_key`, in the order of the key: those that `values` lead to, each of `arity` columns, or
/// for a look-up without values every one.
pub(super) async fn page(
    source: &pg::Client,
    lookup: &Lookup,
    shape: &KeyShape,
    arity: usize,
    values: &[SubjectKey],
    last_key: Option<&SubjectKey>,
    most: usize,
) -> Result<Vec<SubjectKey>, LookupError> {
    let mut columns: Vec<Vec<Cow<'_, str>>> = vec![Vec::with_capacity(values.len()); arity];
    for value in values {
        for (column, value) in columns.iter_mut().zip(value.values(arity)) {
            column.push(value);
        }
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let after = last_key.map(|key| key.values(shape.columns.len())).unwrap_or_default();
    let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::new();
    let arrays: Vec<TextArray<'_, Cow<'_, str>>> = columns.iter().map(|column| TextArray(column)).collect();
    parameters.extend(arrays.iter().map(|array| array as &(dyn ToSql + Sync)));
    parameters.extend(after.iter().map(|value| value as &(dyn ToSql + Sync)));
    parameters.push(&most);
    let sql = if last_key.is_some() {
        &lookup.next
    } else {
        &lookup.first
    };
    let rows = async {
        let statement = source.prepare_cached(sql).await?;
        source.query(&statement, &parameters).await
    };
    let rows = rows.await.map_err(|error| match disposition(&error) {
        Disposition::Connection => LookupError::Connection(error),
        _ => LookupError::Statement(describe(&error)),
    })?;
    let key = |row: &tokio_postgres::Row| {
        let values: Vec<&str> = (0..shape.columns.len()).map(|i| row.get(i)).collect();
        SubjectKey::new(values.into_iter())
    };
    Ok(rows.iter().map(key).collect())
}
