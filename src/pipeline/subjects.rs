//! Which subjects a sync has: a sample of them, or all, a page at a time.

use std::borrow::Cow;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::lookup::{LookupError, Question};
use crate::catalog::Catalog;
use crate::config::Sync;
use crate::mapping::SubjectKey;
use crate::pg::{self, TextArray};
use crate::plan::{self, SyncPlan};

/// A table of so many rows is sampled whole: a block here and there might hold none.
const SMALL_TABLE_ROWS: f64 = 20_000.0;

/// So many times the keys that are wanted are taken, for blocks are not equally full.
const SURPLUS: f64 = 4.0;

/// Keys from all over the table, and how many there are, where that is known. A sync by hand has no table to take them from.
pub(super) async fn sample(
    client: &pg::Client,
    sync: &Sync,
    plan: &SyncPlan,
    catalog: &Catalog,
    size: usize,
) -> Result<(Vec<SubjectKey>, Option<u64>), pg::Error> {
    let (Some(statement), Some(table)) = (plan::sample_statement(sync, catalog), catalog.find(&sync.root.table)) else {
        return Ok((Vec::new(), None));
    };
    let rows = catalog.rows(table);
    #[expect(clippy::cast_precision_loss, reason = "at most some thousands")]
    let wanted = size as f64 * SURPLUS;
    let percentage = if rows <= SMALL_TABLE_ROWS {
        100.0
    } else {
        (wanted / rows * 100.0).min(100.0)
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a constant, and a size that was given as an integer"
    )]
    let limit = SMALL_TABLE_ROWS.max(wanted) as i64;
    let found = client.query(&statement, &[&percentage, &limit]).await?;
    let arity = plan.shape.columns.len();
    let all_seen = percentage >= 100.0 && i64::try_from(found.len()).is_ok_and(|count| count < limit);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate of a count"
    )]
    let subjects = if all_seen {
        Some(found.len() as u64)
    } else {
        (rows > 0.0).then_some(rows as u64)
    };
    // From all over the order of the keys, too.
    let keys = spread(found.len(), size).map(|at| key(&found[at], arity)).collect();
    Ok((keys, subjects))
}

/// Up to `most` subjects of the source after `last_key`, in the order of the key.
pub(super) async fn page(
    source: &pg::Client,
    plan: &SyncPlan,
    last_key: Option<&SubjectKey>,
    most: usize,
) -> Result<Vec<SubjectKey>, LookupError> {
    let all = Question {
        lookup: &plan.walk.page,
        shape: &plan.shape,
        arity: 0,
        values: &[],
    };
    all.page(source, last_key, most).await
}

/// The same for those whose rows meet a condition: how many rows were looked at, the last key among them, and the subjects.
pub(super) async fn filtered_page(
    source: &pg::Client,
    plan: &SyncPlan,
    condition: &str,
    last_key: Option<&SubjectKey>,
    most: usize,
) -> Result<(usize, Option<SubjectKey>, Vec<SubjectKey>), LookupError> {
    let arity = plan.shape.columns.len();
    let filtered = plan.walk.filtered(&plan.shape, condition);
    let sql = if last_key.is_some() {
        &filtered.next
    } else {
        &filtered.first
    };
    let statement = source.prepare_cached(sql).await?;
    let after = last_key.map(|key| key.values(arity)).unwrap_or_default();
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut parameters: Vec<&(dyn ToSql + std::marker::Sync)> = Vec::new();
    parameters.extend(after.iter().map(|value| value as &(dyn ToSql + std::marker::Sync)));
    parameters.push(&most);
    let rows = source.query(&statement, &parameters).await?;
    let wanted = rows.iter().filter(|row| row.get("wanted"));
    let keys = wanted.map(|row| key(row, arity)).collect();
    Ok((rows.len(), rows.last().map(|row| key(row, arity)), keys))
}

/// Those of some subjects that the source does not have.
pub(super) async fn missing(
    source: &pg::Client,
    plan: &SyncPlan,
    keys: &[SubjectKey],
) -> Result<Vec<SubjectKey>, LookupError> {
    let arity = plan.shape.columns.len();
    let mut columns: Vec<Vec<Cow<'_, str>>> = vec![Vec::with_capacity(keys.len()); arity];
    for key in keys {
        for (column, value) in columns.iter_mut().zip(key.values(arity)) {
            column.push(value);
        }
    }
    let arrays: Vec<TextArray<'_, Cow<'_, str>>> = columns.iter().map(|column| TextArray(column)).collect();
    let parameters: Vec<&(dyn ToSql + std::marker::Sync)> = arrays
        .iter()
        .map(|array| array as &(dyn ToSql + std::marker::Sync))
        .collect();
    let statement = source.prepare_cached(&plan.walk.missing).await?;
    let rows = source.query(&statement, &parameters).await?;
    let position = |row: &Row| usize::try_from(row.get::<_, i64>("position") - 1).ok();
    Ok(rows.iter().filter_map(position).map(|at| keys[at].clone()).collect())
}

/// About how many subjects a walk has before it, by the planner; those that meet a condition, if there is one.
pub(super) async fn estimate(
    source: &pg::Client,
    plan: &SyncPlan,
    condition: Option<&str>,
) -> Result<Option<i64>, LookupError> {
    let sql = match condition {
        Some(condition) => plan.walk.filtered(&plan.shape, condition).estimate,
        None => plan.walk.estimate.clone(),
    };
    let row = source.query_one(&sql, &[]).await?;
    let explained: serde_json::Value = row.get(0);
    Ok(explained[0]["Plan"]["Plan Rows"].as_i64())
}

fn key(row: &Row, arity: usize) -> SubjectKey {
    let values: Vec<&str> = (0..arity).map(|i| row.get(i)).collect();
    SubjectKey::new(values.into_iter())
}

/// Positions of `wanted` among `count`, as far apart as possible.
fn spread(count: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let taken = wanted.min(count);
    (0..taken).map(move |i| i * count / taken)
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn a_sample_is_spread_over_all_there_is() {
        assert_eq!(spread(10, 3).collect::<Vec<_>>(), [0, 3, 6]);
        assert_eq!(spread(2, 3).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(spread(0, 3).count(), 0);
    }
}
