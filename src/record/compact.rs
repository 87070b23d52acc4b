//! Tables of the state that have grown far beyond what their rows need, and their way back.
//!
//! Rows of the state come and go all the time. Usually vacuum makes room of those that are gone. While somebody holds an old
//! snapshot, be it a report that runs for a day or a forgotten session, it may not: every version of every row stays, an
//! index is walked through entries of jobs that ended hours ago, and a table of one row, such as `progress`, is read through
//! all that the row ever was. `truncate` asks for no horizon. So a table that is small but for what is dead is emptied and
//! filled again, in one transaction, under a lock that nobody else has meanwhile.
//!
//! `truncate` does not heed snapshots either: to one that is older than its commit the table is empty, even after it is filled
//! again (<https://www.postgresql.org/docs/current/mvcc-caveats.html>). Nothing of ours ever looks with such a snapshot:
//!
//! * Every transaction of ours is `read committed` ([`crate::pg::Session`] sees to that), so each statement takes a snapshot of
//!   its own.
//! * It takes it after it has locked its tables, however long that took. A simple query locks them in the analysis, one
//!   that was prepared in the analysis or when its plan is looked over at the bind; both throw away the snapshot which
//!   that was done with, and `PortalStart` takes the one that rows are looked at with (`exec_simple_query` and
//!   `exec_bind_message` in Postgres' `postgres.c`, where a comment says that it is for this reason). The same goes for every
//!   statement in a function.
//! * A transaction that has used a table keeps its lock to the end, so no table changes under one that counts on what it
//!   has read or locked.
//!
//! The rows wait in the memory of the server's process, not in a temporary table: that would take a privilege, and
//! rows of the catalogue, which an old snapshot keeps from being vacuumed just as well. It goes to the server as one message:
//! a process of ours that is stopped in the middle of it, or cut off, holds up nobody.
//!
//! One table a transaction, and nothing else is waited for under its lock: no deadlock can come of it. Whoever holds the
//! table for long, as `pg_dump` does, is not waited for either.
//!
//! What is not promised: tables with many rows stay as they are. There what is dead is little in proportion: a look-up
//! by key goes through as many versions as the subject had changes since the snapshot was taken, however many subjects there
//! are.

use std::time::Duration;

use crate::pg::{self, identifier};

/// The tables whose rows come and go, and up to what they may grow in any case: rebuilding leaves dead rows in the
/// catalogue, so it is to be rare; but the dead of a table with one row are gone through at each look.
const TABLES: [(&str, i64); 10] = [
    ("job", 2 << 20),
    ("state", 2 << 20),
    ("progress", 256 << 10),
    ("worker", 256 << 10),
    ("tally", 256 << 10),
    ("visit", 1 << 20),
    ("backfill", 256 << 10),
    ("chunk", 1 << 20),
    ("finished_job", 8 << 20),
    ("attempt", 8 << 20),
];

/// How many times what its rows take a table may take. One that was just filled takes about three times as much, with room
/// in its pages and its indexes.
const FACTOR: i64 = 8;

/// Most rows of a table that is rebuilt, and what they may take: some tenths of a second under the lock.
const ROWS_MAX: i64 = 20_000;
const ROWS_BYTES_MAX: i64 = 8 << 20;

/// Everybody who comes after a waiting lock waits, too.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);

/// For each statement under the lock.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// A table that is to be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bloated {
    pub table: &'static str,
    /// On disk, with indexes.
    pub bytes: i64,
}

/// The tables that take far more than their few rows need.
pub async fn bloated(client: &pg::Client) -> Result<Vec<Bloated>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/compact/sizes.sql"))
        .await?;
    let names: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    let mut bloated = Vec::new();
    for row in client.query(&statement, &[&names]).await? {
        let (name, bytes): (&str, i64) = (row.get("name"), row.get("bytes"));
        let large = TABLES.iter().find(|(table, floor)| *table == name && bytes > *floor);
        if let Some((table, _)) = large
            && let Some(live) = live(client, table).await?
            && bytes > FACTOR * live
        {
            bloated.push(Bloated { table, bytes });
        }
    }
    Ok(bloated)
}

/// What the rows of a table take; `None` if they are too many.
async fn live(client: &pg::Client, table: &str) -> Result<Option<i64>, pg::Error> {
    let sql = include_str!("../../sql/compact/live.sql").replace("{table}", &identifier(table));
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_one(&statement, &[&(ROWS_MAX + 1)]).await?;
    let (rows, bytes): (i64, i64) = (row.get("rows"), row.get("bytes"));
    Ok((rows <= ROWS_MAX && bytes <= ROWS_BYTES_MAX).then_some(bytes))
}

/// Puts the rows of a table into a new file. Fails where somebody else has the table; does nothing where another process is
/// about it. Returns what the table takes now.
pub async fn rebuild(client: &pg::Client, bloated: Bloated) -> Result<i64, pg::Error> {
    client.batch_execute(&rebuilding(bloated)).await?;
    let statement = client
        .prepare_cached(include_str!("../../sql/compact/sizes.sql"))
        .await?;
    let row = client.query_one(&statement, &[&[bloated.table].as_slice()]).await?;
    Ok(row.get("bytes"))
}

/// The one statement whose table is not written in its file: there would be as many files as tables.
fn rebuilding(bloated: Bloated) -> String {
    include_str!("../../sql/compact/rebuild.sql")
        .replace("{table}", &identifier(bloated.table))
        .replace("{bytes}", &bloated.bytes.to_string())
        .replace("{rows_max}", &ROWS_MAX.to_string())
        .replace("{lock_timeout}", &milliseconds(LOCK_TIMEOUT))
        .replace("{statement_timeout}", &milliseconds(STATEMENT_TIMEOUT))
}

fn milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}
