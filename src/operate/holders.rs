//! Keeping workers away from jobs while something is done to them.

use std::collections::HashMap;
use std::time::SystemTime;

use deadpool_postgres::Transaction;

use super::Timestamp;
use super::outcome::Outcome;
use crate::pg;
use crate::queue::JobId;

/// Active jobs, locked, with the end of the lease of those that a worker has in hand.
pub(super) struct Locked(HashMap<JobId, Option<SystemTime>>);

/// Locks those of the jobs that are active, until the end of the transaction. A lease that has run out is none: its worker neither
/// starts nor finishes anything under it.
pub(super) async fn hold(tx: &Transaction<'_>, jobs: &[JobId]) -> Result<Locked, pg::Error> {
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    tx.query(include_str!("../../sql/operate/lock.sql"), &[&ids]).await?;
    let rows = tx.query(include_str!("../../sql/operate/holders.sql"), &[&ids]).await?;
    Ok(Locked(
        rows.iter()
            .map(|row| (JobId(row.get("id")), row.get("until")))
            .collect(),
    ))
}

impl Locked {
    /// Those that nobody has in hand.
    pub fn free(&self) -> Vec<i64> {
        let free = self.0.iter().filter(|(_, until)| until.is_none());
        free.map(|(job, _)| job.0).collect()
    }

    /// Of those that nobody has in hand this, of the others that they run.
    pub fn outcomes(&self, of_free: Outcome) -> HashMap<JobId, Outcome> {
        let outcome = |until: Option<SystemTime>| match until {
            None => of_free,
            Some(until) => Outcome::Running {
                until: Timestamp(until),
            },
        };
        self.0.iter().map(|(job, until)| (*job, outcome(*until))).collect()
    }
}
