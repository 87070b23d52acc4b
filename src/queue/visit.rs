//! Visits: subjects still to be turned into jobs, done a step at a time. For all subjects of a route there are backfills.

use std::time::{Duration, SystemTime};

use deadpool_postgres::Transaction;

use super::{Priority, RouteId};
use crate::mapping::SubjectKey;
use crate::pg::{self, Snapshot};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisitId(pub i64);

/// Which subjects are visited.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// These.
    Subjects(Vec<SubjectKey>),
    /// Those that the listener at `node` finds for these values, encoded like keys.
    Lookup { node: String, values: Vec<SubjectKey> },
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Kind::Subjects(_) => "subjects",
            Kind::Lookup { .. } => "lookup",
        }
    }

    fn argument(&self) -> serde_json::Value {
        let (Kind::Subjects(keys) | Kind::Lookup { values: keys, .. }) = self;
        keys.iter().map(|key| serde_json::Value::from(key.as_str())).collect()
    }

    fn from_stored(name: &str, node: Option<String>, argument: Option<&serde_json::Value>) -> Self {
        let keys = || {
            let values = argument.and_then(serde_json::Value::as_array).into_iter().flatten();
            values
                .filter_map(serde_json::Value::as_str)
                .map(SubjectKey::from_stored)
                .collect()
        };
        match name {
            "lookup" => Kind::Lookup {
                node: node.unwrap_or_default(),
                values: keys(),
            },
            _ => Kind::Subjects(keys()),
        }
    }
}

/// A visit to be made.
#[derive(Debug, Clone)]
pub struct NewVisit {
    pub route: RouteId,
    pub kind: Kind,
    /// The transaction that must be visible before.
    pub xid: Option<u64>,
    /// No transaction as old as this may still be running.
    pub horizon: Option<u64>,
    /// Where an earlier step ended.
    pub last_key: Option<SubjectKey>,
    pub priority: Priority,
    pub changed_at: Option<SystemTime>,
}

/// A visit whose time has come.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    pub id: VisitId,
    pub priority: Priority,
}

/// A visit as far as it has come.
#[derive(Debug, Clone)]
pub struct Visit {
    pub id: VisitId,
    pub kind: Kind,
    pub last_key: Option<SubjectKey>,
    /// See [`begin_visit`].
    pub begun: bool,
    pub priority: Priority,
    pub changed_at: Option<SystemTime>,
}

// Transaction ids are unsigned and stay far below 2^63.
fn stored_xid(xid: Option<u64>) -> Option<i64> {
    xid.and_then(|xid| i64::try_from(xid).ok())
}

/// Makes a visit, unless one waits that has not begun and will find whatever this one would.
pub async fn insert_visit(tx: &Transaction<'_>, visit: &NewVisit) -> Result<(), pg::Error> {
    let node = match &visit.kind {
        Kind::Lookup { node, .. } => Some(node.as_str()),
        Kind::Subjects(_) => None,
    };
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/insert_visit.sql"))
        .await?;
    tx.execute(
        &statement,
        &[
            &visit.route.0,
            &visit.kind.name(),
            &node,
            &visit.kind.argument(),
            &stored_xid(visit.xid),
            &stored_xid(visit.horizon),
            &visit.last_key.as_ref().map(SubjectKey::as_str),
            &visit.priority.number(),
            &visit.changed_at,
        ],
    )
    .await?;
    Ok(())
}

/// Up to `most` visits of a route that may go on at a snapshot of the source, the most urgent first. None if the route is at
/// work under another `fingerprint`.
pub async fn ready_visits(
    client: &pg::Client,
    route: RouteId,
    fingerprint: &str,
    snapshot: &Snapshot,
    most: i64,
) -> Result<Vec<Ready>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/visits.sql"))
        .await?;
    let rows = client
        .query(&statement, &[&route.0, &fingerprint, &snapshot.to_string(), &most])
        .await?;
    let ready = |row: &tokio_postgres::Row| Ready {
        id: VisitId(row.get("id")),
        priority: Priority::from_number(row.get("priority")),
    };
    Ok(rows.iter().map(ready).collect())
}

/// Whether a route at work under `fingerprint` has visits, ready or not.
pub async fn has_visits(client: &pg::Client, route: RouteId, fingerprint: &str) -> Result<bool, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/count_visits.sql"))
        .await?;
    Ok(client
        .query_one(&statement, &[&route.0, &fingerprint, &1_i64])
        .await?
        .get::<_, i64>("waiting")
        > 0)
}

/// `None` if it is done.
pub async fn read_visit(client: &pg::Client, id: VisitId) -> Result<Option<Visit>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/read_visit.sql"))
        .await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.map(|row| {
        let argument: Option<serde_json::Value> = row.get("argument");
        Visit {
            id,
            kind: Kind::from_stored(row.get("kind"), row.get("node"), argument.as_ref()),
            last_key: row.get::<_, Option<&str>>("last_key").map(SubjectKey::from_stored),
            begun: row.get("begun"),
            priority: Priority::from_number(row.get("priority")),
            changed_at: row.get("changed_at"),
        }
    }))
}

/// To be called before the source is asked for the first time. What changes from then on may not be found by this visit any
/// more, so it no longer stands for another one.
pub async fn begin_visit(client: &pg::Client, id: VisitId) -> Result<(), pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/begin_visit.sql"))
        .await?;
    client.execute(&statement, &[&id.0]).await?;
    Ok(())
}

/// Locks a visit to write down a step. `false` if another process has it or has taken that step.
pub async fn lock_visit(tx: &Transaction<'_>, visit: &Visit) -> Result<bool, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/lock_visit.sql"))
        .await?;
    let last_key = visit.last_key.as_ref().map(SubjectKey::as_str);
    Ok(tx.query_opt(&statement, &[&visit.id.0, &last_key]).await?.is_some())
}

pub async fn advance_visit(tx: &Transaction<'_>, id: VisitId, last_key: &SubjectKey) -> Result<(), pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/advance_visit.sql"))
        .await?;
    tx.execute(&statement, &[&id.0, &last_key.as_str()]).await?;
    Ok(())
}

pub async fn delete_visit(tx: &Transaction<'_>, id: VisitId) -> Result<(), pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/delete_visit.sql"))
        .await?;
    tx.execute(&statement, &[&id.0]).await?;
    Ok(())
}

/// Takes away the look-ups of a route, for which all subjects are visited from a later horizon. The ways that they were made
/// for may be no more: a value that no longer suits its column would be looked up for ever.
pub async fn delete_lookups(tx: &Transaction<'_>, route: RouteId) -> Result<(), pg::Error> {
    let sql = include_str!("../../sql/queue/delete_lookups.sql");
    tx.execute(sql, &[&route.0]).await?;
    Ok(())
}

/// Puts off a visit that cannot go on.
pub async fn defer_visit(client: &pg::Client, id: VisitId, by: Duration) -> Result<(), pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/defer_visit.sql"))
        .await?;
    client.execute(&statement, &[&id.0, &by.as_secs_f64()]).await?;
    Ok(())
}

/// Up to `most` subjects that a route's sink may hold, after `last_key`, in byte order.
pub async fn known_page(
    client: &pg::Client,
    route: RouteId,
    last_key: Option<&SubjectKey>,
    most: i64,
) -> Result<Vec<SubjectKey>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/known_page.sql"))
        .await?;
    let after = last_key.map_or("", SubjectKey::as_str);
    let rows = client
        .query(&statement, &[&route.0, &after, &most, &last_key.is_none()])
        .await?;
    Ok(rows.iter().map(|row| SubjectKey::from_stored(row.get("key"))).collect())
}

/// How many jobs of a priority wait for a route, at most `limit`.
pub async fn backlog(client: &pg::Client, route: RouteId, priority: Priority, limit: i64) -> Result<i64, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/backlog.sql"))
        .await?;
    Ok(client
        .query_one(&statement, &[&route.0, &priority.number(), &limit])
        .await?
        .get("waiting"))
}
