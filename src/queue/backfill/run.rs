//! The rows of backfills.

use std::time::{Duration, SystemTime};

use deadpool_postgres::Transaction;

use super::super::RouteId;
use crate::mapping::SubjectKey;
use crate::pg::{self, Snapshot};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BackfillId(pub i64);

/// Where a backfill is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Walk {
    /// At keys that somebody gave, in pages.
    Keys,
    /// At what the source has.
    Source,
    /// At what the state knows.
    Known,
    /// At what of that the source has no more.
    Missing,
    /// Everything was visited; the last chunks are worked on.
    #[default]
    End,
}

impl Walk {
    pub(super) fn name(self) -> &'static str {
        match self {
            Walk::Keys => "keys",
            Walk::Source => "source",
            Walk::Known => "known",
            Walk::Missing => "missing",
            Walk::End => "end",
        }
    }

    fn from_stored(name: &str) -> Self {
        match name {
            "keys" => Walk::Keys,
            "source" => Walk::Source,
            "known" => Walk::Known,
            "missing" => Walk::Missing,
            _ => Walk::End,
        }
    }
}

/// A backfill to be made.
#[derive(Debug, Clone)]
pub struct NewBackfill {
    pub route: RouteId,
    /// For people: `first`, `resync`, `change`, `refresh`, `asked`.
    pub cause: &'static str,
    pub walk: Walk,
    /// After the source comes what it has no more.
    pub reconcile: bool,
    /// SQL of rows of the root table.
    pub condition: Option<String>,
    /// Sent even if the sink holds the same document already.
    pub forced: bool,
    /// Most subjects a second.
    pub rate: Option<f64>,
    /// The transaction that must be visible before.
    pub xid: Option<u64>,
    /// No transaction as old as this may still be running.
    pub horizon: Option<u64>,
    pub changed_at: Option<SystemTime>,
    /// The time over which it is spread, where it is in no hurry.
    pub spread: Option<Duration>,
}

impl NewBackfill {
    /// Of everything there is, as fast as it goes.
    pub fn new(route: RouteId, cause: &'static str, walk: Walk) -> Self {
        Self {
            route,
            cause,
            walk,
            reconcile: false,
            condition: None,
            forced: false,
            rate: None,
            xid: None,
            horizon: None,
            changed_at: None,
            spread: None,
        }
    }
}

/// A backfill as far as it has come.
#[derive(Debug, Clone)]
pub struct Backfill {
    pub id: BackfillId,
    pub walk: Walk,
    pub reconcile: bool,
    pub condition: Option<String>,
    pub forced: bool,
    pub rate: Option<f64>,
    /// As it is stored: a key, or the number of a page.
    pub last_key: Option<String>,
    pub begun: bool,
}

impl Backfill {
    pub fn last_subject(&self) -> Option<SubjectKey> {
        self.last_key.as_deref().map(SubjectKey::from_stored)
    }
}

/// What a backfill has come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finished {
    pub id: BackfillId,
    pub visited: u64,
    pub sent: u64,
    /// Subjects that became a job.
    pub left_over: u64,
    pub seconds: f64,
}

// Transaction ids are unsigned and stay far below 2^63.
fn stored_xid(xid: Option<u64>) -> Option<i64> {
    xid.and_then(|xid| i64::try_from(xid).ok())
}

/// Makes a backfill. `None`: one stands that has not begun and will find whatever this one would.
pub async fn start_backfill(tx: &Transaction<'_>, new: &NewBackfill) -> Result<Option<BackfillId>, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../../sql/backfill/start.sql"))
        .await?;
    let row = tx
        .query_opt(
            &statement,
            &[
                &new.route.0,
                &new.cause,
                &new.walk.name(),
                &new.reconcile,
                &new.condition,
                &new.forced,
                &new.rate,
                &stored_xid(new.xid),
                &stored_xid(new.horizon),
                &new.changed_at,
                &new.spread.map(|spread| spread.as_secs_f64()),
            ],
        )
        .await?;
    Ok(row.map(|row| BackfillId(row.get("id"))))
}

/// Ends the backfills of the route that `by`, made of `new`, makes needless: it visits whatever they would, and later.
pub async fn supersede_backfills(tx: &Transaction<'_>, by: BackfillId, new: &NewBackfill) -> Result<(), pg::Error> {
    let sql = include_str!("../../../sql/backfill/supersede.sql");
    tx.execute(sql, &[&new.route.0, &by.0, &new.walk.name(), &new.reconcile])
        .await?;
    Ok(())
}

/// Makes backfills of the visits of all subjects that a process of an older version has left behind.
pub async fn adopt_visits(tx: &Transaction<'_>, route: RouteId) -> Result<(), pg::Error> {
    let sql = include_str!("../../../sql/backfill/adopt.sql");
    tx.execute(sql, &[&route.0]).await?;
    Ok(())
}

/// What there is to do for backfills of a route, now or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agenda {
    /// Some have subjects to visit.
    pub open: bool,
    /// Some have visited everything.
    pub ending: bool,
    /// The holder of a chunk is gone.
    pub orphaned: bool,
}

pub async fn backfill_agenda(client: &pg::Client, route: RouteId) -> Result<Agenda, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../../sql/backfill/open.sql"))
        .await?;
    let row = client.query_one(&statement, &[&route.0]).await?;
    Ok(Agenda {
        open: row.get("open"),
        ending: row.get("ending"),
        orphaned: row.get("orphaned"),
    })
}

/// The backfill of a route that goes on next at a snapshot of the source. None if the route is at work under another
/// `fingerprint`.
pub async fn ready_backfill(
    client: &pg::Client,
    route: RouteId,
    fingerprint: &str,
    snapshot: &Snapshot,
) -> Result<Option<Backfill>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../../sql/backfill/ready.sql"))
        .await?;
    let row = client
        .query_opt(&statement, &[&route.0, &fingerprint, &snapshot.to_string()])
        .await?;
    Ok(row.map(|row| Backfill {
        id: BackfillId(row.get("id")),
        walk: Walk::from_stored(row.get("walk")),
        reconcile: row.get("reconcile"),
        condition: row.get("condition"),
        forced: row.get("forced"),
        rate: row.get("rate"),
        last_key: row.get("last_key"),
        begun: row.get("begun"),
    }))
}

/// To be called before the source is asked for the first time: what changes from then on may not be found any more, so the
/// backfill no longer stands for another one. `estimate`: of its subjects.
pub async fn begin_backfill(client: &pg::Client, id: BackfillId, estimate: Option<i64>) -> Result<(), pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../../sql/backfill/begin.sql"))
        .await?;
    client.execute(&statement, &[&id.0, &estimate]).await?;
    Ok(())
}

/// A backfill that cannot go on, and why.
pub async fn put_off_backfill(client: &pg::Client, id: BackfillId, by: Duration, why: &str) -> Result<(), pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../../sql/backfill/put_off.sql"))
        .await?;
    client.execute(&statement, &[&id.0, &by.as_secs_f64(), &why]).await?;
    Ok(())
}

/// Adds keys to a backfill of [`Walk::Keys`]; pages are numbered from 1.
pub async fn add_page(tx: &Transaction<'_>, id: BackfillId, number: i32, keys: &[SubjectKey]) -> Result<(), pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../../sql/backfill/add_page.sql"))
        .await?;
    let keys: Vec<&str> = keys.iter().map(SubjectKey::as_str).collect();
    tx.execute(&statement, &[&id.0, &number, &keys]).await?;
    Ok(())
}

/// The next page of the keys that somebody gave, and its number; `None` behind the last.
pub async fn given_page(client: &pg::Client, backfill: &Backfill) -> Result<Option<(i32, Vec<SubjectKey>)>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../../sql/backfill/page.sql"))
        .await?;
    let last: i32 = backfill
        .last_key
        .as_deref()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default();
    let row = client.query_opt(&statement, &[&backfill.id.0, &last]).await?;
    Ok(row.map(|row| {
        let keys = row.get::<_, Vec<&str>>("keys").into_iter().map(SubjectKey::from_stored);
        (row.get("number"), keys.collect())
    }))
}

/// Counts what became of the subjects of a chunk, for people.
pub async fn count_backfill(client: &pg::Client, id: BackfillId, sent: u64, left_over: u64) -> Result<(), pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../../sql/backfill/count.sql"))
        .await?;
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    client
        .execute(&statement, &[&id.0, &count(sent), &count(left_over)])
        .await?;
    Ok(())
}

/// Ends the backfills of a route that have nothing left to do, and says which they are.
pub async fn finish_backfills(client: &pg::Client, route: RouteId) -> Result<Vec<Finished>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../../sql/backfill/finish.sql"))
        .await?;
    let rows = client.query(&statement, &[&route.0]).await?;
    let finished = rows.iter().map(|row| Finished {
        id: BackfillId(row.get("id")),
        visited: row.get::<_, i64>("visited").unsigned_abs(),
        sent: row.get::<_, i64>("sent").unsigned_abs(),
        left_over: row.get::<_, i64>("left_over").unsigned_abs(),
        seconds: row.get::<_, Option<f64>>("seconds").unwrap_or_default(),
    });
    Ok(finished.collect())
}

/// Forgets some of those that have been over for long enough.
pub async fn prune_backfills(client: &pg::Client) -> Result<(), pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../../sql/backfill/prune.sql"))
        .await?;
    client.execute(&statement, &[]).await?;
    Ok(())
}
