//! Waiting until the engine has nothing left to do.

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::PgLsn;

use super::eventually::try_eventually;
use super::{DEADLINE, World};

/// How the stream is moved, so that progress can be seen where nothing else is written. Either way progress is waited
/// for up to a point just before a commit: what lies beyond may be WAL that nobody reports progress about.
#[derive(Debug, Clone, Copy)]
pub enum Nudge<'a> {
    /// A transactional message with the prefix `walsift.test`.
    Message,
    /// A statement that writes a published row; what it causes has been published, too, in the end.
    Row(&'a str),
}

/// Every change before this LSN has become jobs, visits or backfills, once a reader has made those of its start; and how many of
/// them are left.
const LEFT: &str = "
    select (select lsn from walsift.progress where slot = $1 and routes <> '{}'),
           (select count(*) from walsift.job),
           (select count(*) from walsift.visit)
           + (select count(*) from walsift.backfill where finished_at is null)";

impl World {
    /// Waits until everything committed before this call has been published.
    pub async fn settled(&self) {
        self.settled_by(Nudge::Message).await;
    }

    pub async fn settled_by(&self, nudge: Nudge<'_>) {
        if let Err(last) = self.try_settled_by(nudge, DEADLINE).await {
            panic!("{last}");
        }
    }

    /// As [`World::settled_by`], for those with more to say about what is left.
    pub async fn try_settled_by(&self, nudge: Nudge<'_>, within: Duration) -> Result<(), String> {
        let target = self.nudge(nudge).await;
        let mut last = "the engine has made no tables".to_owned();
        let settled = async || {
            let row = match self.client().await.query_one(LEFT, &[&self.slot()]).await {
                Ok(row) => row,
                // The engine may still be making its tables, the server may have been restarted under us.
                Err(error) if error.is_closed() || error.code().is_some_and(is_missing) => return None,
                Err(error) => panic!("{error:?} in: {LEFT}"),
            };
            let (progress, jobs, visits): (Option<PgLsn>, i64, i64) = (row.get(0), row.get(1), row.get(2));
            last = format!("progress {progress:?}, {jobs} jobs, {visits} visits");
            (progress >= Some(target) && jobs == 0 && visits == 0).then_some(())
        };
        match try_eventually(within, settled).await {
            Some(()) => Ok(()),
            None => Err(format!("not settled up to {target} within {within:?}; {last}")),
        }
    }

    /// Commits something; answers with a position before that commit and after all earlier ones.
    async fn nudge(&self, nudge: Nudge<'_>) -> PgLsn {
        let statement = match nudge {
            Nudge::Message => {
                return self
                    .value("select pg_logical_emit_message(true, 'walsift.test', '')")
                    .await;
            }
            Nudge::Row(statement) => statement,
        };
        // In one go: between the two nobody else's progress should come to lie.
        let batch = format!("begin; {statement}; select pg_current_wal_insert_lsn(); commit");
        let answers = self.client().await.simple_query(&batch).await.unwrap();
        let lsn = answers.iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        lsn.expect("the batch selects a position").parse().unwrap()
    }
}

fn is_missing(code: &SqlState) -> bool {
    [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME].contains(code)
}
