//! What a settlement writes: few statements, whatever the number of jobs.

use std::time::{Duration, SystemTime};

use deadpool_postgres::Transaction;
use futures_util::future::try_join_all;
use tokio_postgres::types::ToSql;

use super::state::StateWrites;
use super::{Attempt, Ending, Held, Pace, Settlement};
use crate::build::Digest;
use crate::diff::Reason;
use crate::pg;
use crate::publish::Remote;
use crate::queue::{JobId, RouteId};

/// The parameters of all statements of one settlement, column by column.
#[derive(Debug, Default)]
pub(super) struct Writes {
    route: i16,
    /// Seconds.
    quiet: f64,
    apart: f64,
    note_time: bool,
    delete: Vec<i64>,
    renew: (Vec<i64>, Vec<f64>, Vec<bool>, Vec<bool>),
    release: (Vec<i64>, Vec<f64>, Vec<f64>),
    retry: RetryColumns,
    finish: FinishColumns,
    state: StateWrites,
    attempts: AttemptColumns,
}

/// An SQL text and its parameters.
pub(super) type Statement<'a> = (&'static str, Vec<&'a (dyn ToSql + Sync)>);

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
struct FinishColumns {
    jobs: Vec<i64>,
    states: Vec<&'static str>,
    attempts: Vec<i16>,
    /// Why nothing was sent, if nothing was.
    suppressed: Vec<Option<&'static str>>,
    /// Until a new job is due; `None` for none.
    delays: Vec<Option<f64>>,
    changed: Vec<bool>,
    /// At the claim.
    forced: Vec<bool>,
}

#[derive(Debug, Default)]
struct RetryColumns {
    jobs: Vec<i64>,
    delays: Vec<f64>,
    quiet: Vec<f64>,
    versions: Vec<Option<i64>>,
    digests: Vec<Option<Vec<u8>>>,
    spared: Vec<bool>,
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
    pub fn new(route: RouteId, pace: Pace) -> Self {
        Self {
            route: route.0,
            quiet: pace.debounce.as_secs_f64(),
            apart: pace.min_interval.as_secs_f64(),
            note_time: pace.min_interval > Duration::ZERO,
            ..Self::default()
        }
    }

    /// `touched`: the subject has changed again since the claim.
    pub fn add(&mut self, settlement: &Settlement, touched: bool) {
        let (job, remote) = (&settlement.job, &settlement.remote);
        let attempts = i16::try_from(job.attempts).unwrap_or(i16::MAX).saturating_add(1);
        let quiet = if touched { self.quiet } else { 0.0 };
        let again = if touched { Again::Changed } else { Again::No };
        match &settlement.ending {
            Ending::Accepted {
                document,
                packed,
                version,
                keep,
            } => {
                let mut again = again;
                self.state.is_right(job);
                match document {
                    Some(digest) => self.state.accept(job, *digest, *version, packed.clone(), remote),
                    None if !self.note_time => self.state.forget(job),
                    // A subject that comes back must know of its delete, for as long as it has to wait; it has no id then.
                    None => {
                        self.state.accept(job, Digest::GONE, *version, None, &Remote::Lost);
                        again = if touched { again } else { Again::Look };
                    }
                }
                if *keep || job.kept {
                    self.finish(job, "succeeded", attempts, again, None);
                } else {
                    self.leave(job, again);
                }
            }
            // What failed before keeps its whole story, and a job that begins anew must not go on numbering it. An
            // uncertainty outlives the job: nothing was sent that would have ended it.
            Ending::Suppressed { forget, reason } => {
                self.state.void_unless(true, job, remote);
                if !job.uncertain {
                    self.state.is_right(job);
                }
                if *forget {
                    self.state.forget(job);
                }
                if job.kept {
                    self.finish(job, "succeeded", attempts - 1, again, Some(*reason));
                } else {
                    self.leave(job, again);
                }
            }
            Ending::Retry {
                after,
                certain,
                sent,
                spared,
            } => {
                self.state.void_unless(*certain, job, remote);
                self.retry.jobs.push(job.id.0);
                self.retry.delays.push(after.as_secs_f64());
                self.retry.quiet.push(quiet);
                self.retry.spared.push(*spared);
                self.retry.versions.push(sent.map(|(version, _)| version));
                self.retry
                    .digests
                    .push(sent.map(|(_, digest)| digest.to_bytes().to_vec()));
            }
            Ending::Over { dead, certain } => {
                self.state.void_unless(*certain, job, remote);
                let state = if *dead { "dead" } else { "failed" };
                self.finish(job, state, attempts, again, None);
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

    fn delay(&self, again: Again) -> Option<f64> {
        match again {
            Again::No => None,
            Again::Changed => Some(self.quiet),
            Again::Look => Some(self.apart),
        }
    }

    fn leave(&mut self, job: &Held, again: Again) {
        let Some(delay) = self.delay(again) else {
            // One that is in a chunk has no row.
            if job.chunk.is_none() {
                self.delete.push(job.id.0);
            }
            return;
        };
        self.renew.0.push(job.id.0);
        self.renew.1.push(delay);
        self.renew.2.push(again == Again::Changed);
        self.renew.3.push(job.forced);
    }

    fn finish(&mut self, job: &Held, state: &'static str, attempts: i16, again: Again, suppressed: Option<Reason>) {
        self.finish.delays.push(self.delay(again));
        self.finish.changed.push(again == Again::Changed);
        self.finish.forced.push(job.forced);
        self.finish.jobs.push(job.id.0);
        self.finish.states.push(state);
        self.finish.attempts.push(attempts);
        self.finish.suppressed.push(suppressed.map(Reason::as_str));
    }

    /// All statements go out together and their answers come back together. Returns how many dead letters were closed.
    pub async fn write(&self, tx: &Transaction<'_>) -> Result<u64, pg::Error> {
        let mut statements = self.state.statements(&self.route, &self.note_time);
        if !self.attempts.jobs.is_empty() {
            statements.push((
                include_str!("../../../sql/record/attempts.sql"),
                self.attempts.parameters(),
            ));
        }
        if !self.delete.is_empty() {
            statements.push((include_str!("../../../sql/record/delete_jobs.sql"), vec![&self.delete]));
        }
        if !self.renew.0.is_empty() {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![&self.renew.0, &self.renew.1, &self.renew.2, &self.renew.3];
            statements.push((include_str!("../../../sql/record/renew_jobs.sql"), parameters));
        }
        if !self.release.0.is_empty() {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![&self.release.0, &self.release.1, &self.release.2];
            statements.push((include_str!("../../../sql/record/release_jobs.sql"), parameters));
        }
        if !self.retry.jobs.is_empty() {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![
                &self.retry.jobs,
                &self.retry.delays,
                &self.retry.quiet,
                &self.retry.versions,
                &self.retry.digests,
                &self.retry.spared,
            ];
            statements.push((include_str!("../../../sql/record/retry_jobs.sql"), parameters));
        }
        if !self.finish.jobs.is_empty() {
            let parameters: Vec<&(dyn ToSql + Sync)> = vec![
                &self.finish.jobs,
                &self.finish.states,
                &self.finish.attempts,
                &self.finish.suppressed,
                &self.finish.delays,
                &self.finish.changed,
                &self.finish.forced,
            ];
            statements.push((include_str!("../../../sql/record/finish_jobs.sql"), parameters));
        }
        let closing = self.state.closing(&self.route);
        let closes = closing.is_some();
        statements.extend(closing);
        let sent = statements.iter().map(|(sql, parameters)| async move {
            let statement = tx.prepare_cached(sql).await?;
            tx.execute(&statement, parameters).await
        });
        let rows = try_join_all(sent).await?;
        let last = if closes { rows.last().copied() } else { None };
        Ok(last.unwrap_or_default())
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
