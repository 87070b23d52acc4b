//! Subjects → jobs.

use std::time::{Duration, SystemTime};

use deadpool_postgres::Transaction;

use super::RouteId;
use crate::config::Precedence;
use crate::mapping::SubjectKey;
use crate::pg;

/// Which jobs are claimed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    High = 0,
    Normal = 1,
    Low = 2,
    /// Below the changes of any sync: visits of many subjects.
    Bulk = 3,
}

impl Priority {
    pub const LEVELS: usize = 4;

    pub fn number(self) -> i16 {
        self as i16
    }

    pub fn from_number(number: i16) -> Self {
        match number {
            0 => Priority::High,
            1 => Priority::Normal,
            2 => Priority::Low,
            _ => Priority::Bulk,
        }
    }
}

/// Of the changes of a sync.
impl From<Precedence> for Priority {
    fn from(precedence: Precedence) -> Self {
        match precedence {
            Precedence::High => Priority::High,
            Precedence::Normal => Priority::Normal,
            Precedence::Low => Priority::Low,
        }
    }
}

/// A subject to be looked at for one route.
#[derive(Debug, Clone)]
pub struct Entry {
    pub route: RouteId,
    pub key: SubjectKey,
    /// When the change was committed, if a change is the cause.
    pub changed_at: Option<SystemTime>,
}

/// Most subjects in one statement.
const CHUNK: usize = 5_000;

/// Makes jobs of `entries`, each subject once for each route, due once the subject has been quiet for as long as
/// `debounce`. Returns how many had no job yet.
pub async fn enqueue(
    tx: &Transaction<'_>,
    mut entries: Vec<Entry>,
    priority: Priority,
    debounce: Duration,
) -> Result<u64, pg::Error> {
    // Statements that run at the same time must lock in the same order.
    entries.sort_unstable_by(|a, b| (a.route, &a.key).cmp(&(b.route, &b.key)));
    let statement = tx.prepare_cached(include_str!("../../sql/queue/enqueue.sql")).await?;
    let mut inserted = 0;
    for chunk in entries.chunks(CHUNK) {
        let routes: Vec<i16> = chunk.iter().map(|entry| entry.route.0).collect();
        let keys: Vec<&str> = chunk.iter().map(|entry| entry.key.as_str()).collect();
        let times: Vec<Option<SystemTime>> = chunk.iter().map(|entry| entry.changed_at).collect();
        let row = tx
            .query_one(
                &statement,
                &[&routes, &keys, &times, &priority.number(), &debounce.as_secs_f64()],
            )
            .await?;
        inserted += u64::try_from(row.get::<_, i64>("inserted")).unwrap_or_default();
    }
    Ok(inserted)
}
