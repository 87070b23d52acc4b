//! What became of claimed jobs, written down.
//!
//! One transaction for a handful of jobs: lock those that the worker still holds, then write state, attempts and the jobs
//! themselves. If the process dies before the commit, the jobs are taken over as uncertain; after it, nothing is left to do.

use std::time::{Duration, SystemTime};

use deadpool_postgres::Transaction;
use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;

use crate::build::Digest;
use crate::diff::Operation;
use crate::failpoint;
use crate::pg;
use crate::queue::{JobId, RouteId};

/// A claimed job at its end, as far as the records care.
#[derive(Debug, Clone)]
pub struct Held {
    pub id: JobId,
    pub key: String,
    /// At the claim.
    pub touched: i32,
    /// Failed attempts before this claim.
    pub attempts: u16,
    /// The number that the claim gave.
    pub version: i64,
    /// Something may have been sent under it that nobody recorded.
    pub uncertain: bool,
}

#[derive(Debug, Clone)]
pub struct Settlement {
    pub job: Held,
    pub ending: Ending,
    /// The try that was made, if one was made and it is to be kept.
    pub attempt: Option<Attempt>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The sink holds this document now (`None`: nothing any more).
    Accepted {
        document: Option<Digest>,
        version: i64,
        keep: bool,
    },
    /// The sink holds the right thing already, or is to keep what it has. `forget`: a delete that it has accepted.
    Suppressed { forget: bool },
    /// Failed; due again after a while. `sent`: what was sent, and its number.
    Retry {
        after: Duration,
        certain: bool,
        sent: Option<(i64, Digest)>,
    },
    /// Failed for good: refused, or out of attempts.
    Over { dead: bool, certain: bool },
    /// Nothing was tried.
    Released { after: Duration },
}

/// How soon deliveries of one subject may follow each other. Both are zero where nothing is said of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// A changed subject waits until it has been quiet for so long.
    pub debounce: Duration,
    pub min_interval: Duration,
}

/// One try at delivering.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub started_at: SystemTime,
    pub finished_at: SystemTime,
    pub outcome: &'static str,
    pub class: Option<&'static str>,
    pub status: Option<u16>,
    pub certain: bool,
    pub message: Option<String>,
    pub operation: Operation,
    pub version: i64,
    /// Absent if nothing could be built.
    pub digest: Option<Digest>,
}

/// Writes what became of jobs of one route. Returns those that the worker no longer held: for them nothing is written.
pub async fn settle(
    client: &mut pg::Client,
    route: RouteId,
    worker: i64,
    pace: Pace,
    settlements: &[Settlement],
) -> Result<Vec<JobId>, pg::Error> {
    let tx = client.transaction().await?;
    let ids: Vec<i64> = settlements.iter().map(|settlement| settlement.job.id.0).collect();
    let lock = tx
        .prepare_cached(include_str!("../../sql/record/settle_lock.sql"))
        .await?;
    let rows = tx.query(&lock, &[&ids, &worker]).await?;
    let held: std::collections::HashMap<i64, i32> =
        rows.iter().map(|row| (row.get("id"), row.get("touched"))).collect();
    let mut writes = Writes {
        route: route.0,
        quiet: pace.debounce.as_secs_f64(),
        apart: pace.min_interval.as_secs_f64(),
        note_time: pace.min_interval > Duration::ZERO,
        ..Writes::default()
    };
    let mut lost = Vec::new();
    for settlement in settlements {
        match held.get(&settlement.job.id.0) {
            Some(touched) => writes.add(settlement, *touched != settlement.job.touched),
            None => lost.push(settlement.job.id),
        }
    }
    writes.write(&tx).await?;
    failpoint::die_at("settle-before-commit");
    tx.commit().await?;
    failpoint::die_at("settle-after-commit");
    Ok(lost)
}

/// The parameters of all statements of one settlement, column by column.
#[derive(Debug, Default)]
struct Writes {
    route: i16,
    /// Seconds.
    quiet: f64,
    apart: f64,
    note_time: bool,
    delete: Vec<i64>,
    renew: (Vec<i64>, Vec<f64>, Vec<bool>),
    release: (Vec<i64>, Vec<f64>, Vec<f64>),
    retry: RetryColumns,
    finish: (Vec<i64>, Vec<&'static str>, Vec<i16>, Vec<Option<f64>>, Vec<bool>),
    accept: (Vec<String>, Vec<Vec<u8>>, Vec<i64>),
    forget: Vec<String>,
    void: (Vec<String>, Vec<i64>),
    attempts: AttemptColumns,
}

/// What a job that is over stands for from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    /// The subject has changed again since the claim.
    Changed,
    /// Whether the subject is still gone, once it may be delivered again.
    Look,
}

#[derive(Debug, Default)]
struct RetryColumns {
    jobs: Vec<i64>,
    delays: Vec<f64>,
    quiet: Vec<f64>,
    versions: Vec<Option<i64>>,
    digests: Vec<Option<Vec<u8>>>,
}

#[derive(Debug, Default)]
struct AttemptColumns {
    jobs: Vec<i64>,
    numbers: Vec<i16>,
    starts: Vec<SystemTime>,
    ends: Vec<SystemTime>,
    outcomes: Vec<&'static str>,
    classes: Vec<Option<&'static str>>,
    statuses: Vec<Option<i16>>,
    certain: Vec<bool>,
    messages: Vec<Option<String>>,
    operations: Vec<&'static str>,
    versions: Vec<i64>,
    digests: Vec<Option<Vec<u8>>>,
}

impl Writes {
    /// `touched`: the subject has changed again since the claim.
    fn add(&mut self, settlement: &Settlement, touched: bool) {
        let job = &settlement.job;
        let attempts = i16::try_from(job.attempts).unwrap_or(i16::MAX).saturating_add(1);
        let quiet = if touched { self.quiet } else { 0.0 };
        let again = if touched { Again::Changed } else { Again::No };
        match &settlement.ending {
            Ending::Accepted {
                document,
                version,
                keep,
            } => {
                let mut again = again;
                match document {
                    Some(digest) => self.accept(job, *digest, *version),
                    None if !self.note_time => self.forget.push(job.key.clone()),
                    // A subject that comes back must know of its delete, for as long as it has to wait.
                    None => {
                        self.accept(job, Digest::GONE, *version);
                        again = if touched { again } else { Again::Look };
                    }
                }
                if *keep || job.attempts > 0 {
                    self.finish(job, "succeeded", attempts, again);
                } else {
                    self.leave(job, again);
                }
            }
            // What failed before keeps its whole story, and a job that begins anew must not go on numbering it. An
            // uncertainty outlives the job: nothing was sent that would have ended it.
            Ending::Suppressed { forget } => {
                self.void_unless(true, job);
                if *forget {
                    self.forget.push(job.key.clone());
                }
                if job.attempts > 0 {
                    self.finish(job, "succeeded", attempts - 1, again);
                } else {
                    self.leave(job, again);
                }
            }
            Ending::Retry { after, certain, sent } => {
                self.void_unless(*certain, job);
                self.retry.jobs.push(job.id.0);
                self.retry.delays.push(after.as_secs_f64());
                self.retry.quiet.push(quiet);
                self.retry.versions.push(sent.map(|(version, _)| version));
                self.retry
                    .digests
                    .push(sent.map(|(_, digest)| digest.to_bytes().to_vec()));
            }
            Ending::Over { dead, certain } => {
                self.void_unless(*certain, job);
                self.finish(job, if *dead { "dead" } else { "failed" }, attempts, again);
            }
            Ending::Released { after } => {
                self.release.0.push(job.id.0);
                self.release.1.push(after.as_secs_f64());
                self.release.2.push(quiet);
            }
        }
        if let Some(attempt) = &settlement.attempt {
            self.attempts.add(job.id, attempts, attempt);
        }
    }

    fn accept(&mut self, job: &Held, digest: Digest, version: i64) {
        self.accept.0.push(job.key.clone());
        self.accept.1.push(digest.to_bytes().to_vec());
        self.accept.2.push(version);
    }

    fn delay(&self, again: Again) -> Option<f64> {
        match again {
            Again::No => None,
            Again::Changed => Some(self.quiet),
            Again::Look => Some(self.apart),
        }
    }

    fn leave(&mut self, job: &Held, again: Again) {
        let Some(delay) = self.delay(again) else {
            return self.delete.push(job.id.0);
        };
        self.renew.0.push(job.id.0);
        self.renew.1.push(delay);
        self.renew.2.push(again == Again::Changed);
    }

    fn finish(&mut self, job: &Held, state: &'static str, attempts: i16, again: Again) {
        self.finish.3.push(self.delay(again));
        self.finish.4.push(again == Again::Changed);
        self.finish.0.push(job.id.0);
        self.finish.1.push(state);
        self.finish.2.push(attempts);
    }

    fn void_unless(&mut self, certain: bool, job: &Held) {
        if !certain || job.uncertain {
            self.void.0.push(job.key.clone());
            self.void.1.push(job.version);
        }
    }

    /// All statements go out together and their answers come back together.
    async fn write(&self, tx: &Transaction<'_>) -> Result<(), pg::Error> {
        let mut statements: Vec<(&str, Vec<&(dyn ToSql + Sync)>)> = Vec::new();
        if !self.accept.0.is_empty() {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![
                &self.route,
                &self.accept.0,
                &self.accept.1,
                &self.accept.2,
                &self.note_time,
            ];
            statements.push((include_str!("../../sql/record/accept.sql"), parameters));
        }
        if !self.forget.is_empty() {
            statements.push((
                include_str!("../../sql/record/forget.sql"),
                vec![&self.route, &self.forget],
            ));
        }
        if !self.void.0.is_empty() {
            statements.push((
                include_str!("../../sql/record/void.sql"),
                vec![&self.route, &self.void.0, &self.void.1],
            ));
        }
        if !self.attempts.jobs.is_empty() {
            statements.push((
                include_str!("../../sql/record/attempts.sql"),
                self.attempts.parameters(),
            ));
        }
        if !self.delete.is_empty() {
            statements.push((include_str!("../../sql/record/delete_jobs.sql"), vec![&self.delete]));
        }
        if !self.renew.0.is_empty() {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![&self.renew.0, &self.renew.1, &self.renew.2];
            statements.push((include_str!("../../sql/record/renew_jobs.sql"), parameters));
        }
        if !self.release.0.is_empty() {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![&self.release.0, &self.release.1, &self.release.2];
            statements.push((include_str!("../../sql/record/release_jobs.sql"), parameters));
        }
        if !self.retry.jobs.is_empty() {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![
                &self.retry.jobs,
                &self.retry.delays,
                &self.retry.quiet,
                &self.retry.versions,
                &self.retry.digests,
            ];
            statements.push((include_str!("../../sql/record/retry_jobs.sql"), parameters));
        }
        if !self.finish.0.is_empty() {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![
                &self.finish.0,
                &self.finish.1,
                &self.finish.2,
                &self.finish.3,
                &self.finish.4,
            ];
            statements.push((include_str!("../../sql/record/finish_jobs.sql"), parameters));
        }
        let sent = statements.iter().map(|(sql, parameters)| async move {
            let statement = tx.prepare_cached(sql).await?;
            tx.execute(&statement, parameters).await
        });
        try_join_all(sent).await?;
        Ok(())
    }
}

impl AttemptColumns {
    fn add(&mut self, job: JobId, number: i16, attempt: &Attempt) {
        self.jobs.push(job.0);
        self.numbers.push(number);
        self.starts.push(attempt.started_at);
        self.ends.push(attempt.finished_at);
        self.outcomes.push(attempt.outcome);
        self.classes.push(attempt.class);
        self.statuses
            .push(attempt.status.and_then(|status| i16::try_from(status).ok()));
        self.certain.push(attempt.certain);
        self.messages.push(attempt.message.clone());
        self.operations.push(attempt.operation.as_str());
        self.versions.push(attempt.version);
        self.digests
            .push(attempt.digest.map(|digest| digest.to_bytes().to_vec()));
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.jobs,
            &self.numbers,
            &self.starts,
            &self.ends,
            &self.outcomes,
            &self.classes,
            &self.statuses,
            &self.certain,
            &self.messages,
            &self.operations,
            &self.versions,
            &self.digests,
        ]
    }
}
