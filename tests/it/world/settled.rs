//! Waiting until the engine has nothing left to do.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::PgLsn;

use super::eventually::try_eventually;
use super::{DEADLINE, World};

/// How the stream is moved, so that progress can be seen where nothing else is written.
#[derive(Debug, Clone, Copy)]
pub enum Nudge<'a> {
    /// A transactional message with the prefix `walsift.test`.
    Message,
    /// A statement that writes a published row; what it causes has been published, too, in the end.
    Row(&'a str),
}

/// Every change before this LSN has become jobs, and how many of those, in whichever state, are left.
const LEFT: &str = "
    select (select max(lsn) from walsift.progress),
           (select max(confirmed_flush_lsn) from pg_replication_slots where slot_name = $1),
           (select count(*) from walsift.job),
           (select count(*) from walsift.fanout),
           (select count(*) from walsift.held)";

impl World {
    /// Waits until everything committed before this call has been published.
    pub async fn settled(&self) {
        self.settled_by(Nudge::Message).await;
    }

    pub async fn settled_by(&self, nudge: Nudge<'_>) {
        let target: PgLsn = match nudge {
            // The position of the message itself: all commits before it lie before it, and its own comes after, so
            // progress reaches it even if nothing is ever written again.
            Nudge::Message => {
                self.value("select pg_logical_emit_message(true, 'walsift.test', '')")
                    .await
            }
            Nudge::Row(statement) => {
                self.sql(statement).await;
                self.value("select pg_current_wal_lsn()").await
            }
        };
        let mut last = "the engine has made no tables".to_owned();
        let settled = async || {
            let row = match self.client().await.query_one(LEFT, &[&self.slot()]).await {
                Ok(row) => row,
                // The engine may still be making its tables, the server may have been restarted under us.
                Err(error) if error.is_closed() || error.code().is_some_and(is_missing) => return None,
                Err(error) => panic!("{error:?} in: {LEFT}"),
            };
            let progress: Option<PgLsn> = row.get(0);
            let confirmed: Option<PgLsn> = row.get(1);
            let left: [i64; 3] = [row.get(2), row.get(3), row.get(4)];
            last = format!("progress {progress:?}, confirmed {confirmed:?}, jobs, fanouts, held: {left:?}");
            // After a row there may be WAL that is nobody's commit; only what is confirmed moves past that.
            let reached = match nudge {
                Nudge::Message => progress,
                Nudge::Row(_) => progress.max(confirmed),
            };
            (reached >= Some(target) && left == [0, 0, 0]).then_some(())
        };
        let in_time = try_eventually(DEADLINE, settled).await.is_some();
        assert!(in_time, "not settled up to {target} within {DEADLINE:?}; {last}");
    }
}

fn is_missing(code: &SqlState) -> bool {
    [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME].contains(code)
}
