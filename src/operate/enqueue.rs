//! Jobs for subjects that a person names.

use std::collections::HashMap;
use std::time::SystemTime;

use super::outcome::Outcome;
use crate::mapping::SubjectKey;
use crate::pg;
use crate::queue::{JobId, Priority, RouteId};

/// Most subjects in one commit.
const BATCH: usize = 500;

/// How it is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    pub priority: Priority,
    /// Sent even if the sink holds the same document already.
    pub forced: bool,
    /// When the jobs are due; `None` for now. A change of the subject does not wait with it.
    pub run_at: Option<SystemTime>,
}

/// Makes a job for each subject that has none; answers in the order of `keys`, once for each. Subjects need not exist: what is gone
/// is deleted at the sink if it ever accepted something of it, or if `forced`.
pub async fn enqueue(
    client: &pg::Client,
    route: RouteId,
    keys: &[SubjectKey],
    wish: &Wish,
) -> Result<Vec<(SubjectKey, Outcome)>, pg::Error> {
    let mut sorted: Vec<&SubjectKey> = keys.iter().collect();
    // In the order in which intake locks.
    sorted.sort_unstable();
    sorted.dedup();
    let mut outcomes = HashMap::with_capacity(sorted.len());
    for part in sorted.chunks(BATCH) {
        let texts: Vec<&str> = part.iter().map(|key| key.as_str()).collect();
        let sql = include_str!("../../sql/operate/enqueue.sql");
        let priority = wish.priority.number();
        let rows = client
            .query(sql, &[&route.0, &texts, &priority, &wish.forced, &wish.run_at])
            .await?;
        for row in &rows {
            let job = JobId(row.get("id"));
            let outcome = if row.get("is_new") {
                Outcome::Enqueued { job }
            } else {
                Outcome::Active { job }
            };
            outcomes.insert(SubjectKey::from_stored(row.get("key")), outcome);
        }
    }
    let answers = keys.iter().filter_map(|key| outcomes.remove_entry(key));
    Ok(answers.collect())
}
