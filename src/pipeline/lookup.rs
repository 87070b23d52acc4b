//! Asking the source which subjects there are.

use std::borrow::Cow;

use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Row};

use crate::mapping::SubjectKey;
use crate::pg::{self, Disposition, TextArray, describe, disposition};
use crate::plan::{Cursor, KeyShape, Lookup};

#[derive(Debug)]
pub(super) enum LookupError {
    /// Not now: it takes too long, a table is locked, or the schema has changed.
    Statement(String),
    Connection(pg::Error),
    Unreachable(pg::ConnectError),
}

impl From<pg::Error> for LookupError {
    fn from(error: pg::Error) -> Self {
        match disposition(&error) {
            Disposition::Connection => LookupError::Connection(error),
            _ => LookupError::Statement(describe(&error)),
        }
    }
}

/// The subjects that `values` lead to, each of `arity` columns, or for a look-up without values every one.
pub(super) struct Question<'a> {
    pub lookup: &'a Lookup,
    pub shape: &'a KeyShape,
    pub arity: usize,
    pub values: &'a [SubjectKey],
}

impl Question<'_> {
    /// Up to `most` subjects after `last_key`, in the order of the key. Where there are values, all that they lead to is put in
    /// order each time.
    pub async fn page(
        &self,
        source: &pg::Client,
        last_key: Option<&SubjectKey>,
        most: usize,
    ) -> Result<Vec<SubjectKey>, LookupError> {
        let sql = if last_key.is_some() {
            &self.lookup.next
        } else {
            &self.lookup.first
        };
        let statement = source.prepare_cached(sql).await?;
        let rows = self.ask(&***source, &statement, last_key, most).await?;
        Ok(rows.iter().map(|row| self.key(row)).collect())
    }

    /// All of them, if they are found in fewer than `rows_max` rows. However many there are, it takes no longer than to find
    /// so many.
    pub async fn few(&self, source: &pg::Client, rows_max: usize) -> Result<Option<Vec<SubjectKey>>, LookupError> {
        let statement = source.prepare_cached(&self.lookup.some).await?;
        let rows = self.ask(&***source, &statement, None, rows_max).await?;
        let seen: i64 = rows.iter().map(|row| row.get::<_, i64>("rows")).sum();
        let few = usize::try_from(seen).is_ok_and(|seen| seen < rows_max);
        Ok(few.then(|| rows.iter().map(|row| self.key(row)).collect()))
    }

    /// Opens a cursor over all of them after `last_key`, in the order of the key.
    pub async fn declare(
        &self,
        source: &impl GenericClient,
        cursor: &Cursor,
        last_key: Option<&SubjectKey>,
    ) -> Result<(), LookupError> {
        let statement = source.prepare(&cursor.declare(self.lookup, last_key.is_some())).await?;
        self.ask(source, &statement, last_key, usize::MAX).await?;
        Ok(())
    }

    pub fn key(&self, row: &Row) -> SubjectKey {
        let values: Vec<&str> = (0..self.shape.columns.len()).map(|i| row.get(i)).collect();
        SubjectKey::new(values.into_iter())
    }

    async fn ask(
        &self,
        source: &impl GenericClient,
        statement: &tokio_postgres::Statement,
        last_key: Option<&SubjectKey>,
        most: usize,
    ) -> Result<Vec<Row>, pg::Error> {
        let mut columns: Vec<Vec<Cow<'_, str>>> = vec![Vec::with_capacity(self.values.len()); self.arity];
        for value in self.values {
            for (column, value) in columns.iter_mut().zip(value.values(self.arity)) {
                column.push(value);
            }
        }
        let arrays: Vec<TextArray<'_, Cow<'_, str>>> = columns.iter().map(|column| TextArray(column)).collect();
        let after = last_key
            .map(|key| key.values(self.shape.columns.len()))
            .unwrap_or_default();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::new();
        parameters.extend(arrays.iter().map(|array| array as &(dyn ToSql + Sync)));
        parameters.extend(after.iter().map(|value| value as &(dyn ToSql + Sync)));
        parameters.push(&most);
        source.query(statement, &parameters).await
    }
}
