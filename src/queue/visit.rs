//! Visits: subjects still to be turned into jobs, done a step at a time.

use std::time::SystemTime;

use deadpool_postgres::Transaction;

use super::{Priority, RouteId};
use crate::mapping::SubjectKey;
use crate::pg;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisitId(pub i64);

/// Which subjects are visited.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// These.
    Subjects(Vec<SubjectKey>),
    /// Those that the listener at `node` finds for these values, encoded like keys.
    Lookup { node: String, values: Vec<SubjectKey> },
    /// Every one in the source.
    All,
    /// Every one that state knows.
    Known,
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Subjects(_) => "subjects",
            Kind::Lookup { .. } => "lookup",
            Kind::All => "all",
            Kind::Known => "known",
        }
    }

    fn argument(&self) -> Option<serde_json::Value> {
        match self {
            Kind::Subjects(keys) | Kind::Lookup { values: keys, .. } => {
                Some(keys.iter().map(|key| serde_json::Value::from(key.as_str())).collect())
            }
            Kind::All | Kind::Known => None,
        }
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
            "subjects" => Kind::Subjects(keys()),
            "lookup" => Kind::Lookup {
                node: node.unwrap_or_default(),
                values: keys(),
            },
            "known" => Kind::Known,
            _ => Kind::All,
        }
    }
}

/// A visit to be made.
#[derive(Debug, Clone)]
pub struct NewVisit {
    pub routes: Vec<RouteId>,
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

/// A visit that waits for its time.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub id: VisitId,
    pub routes: Vec<RouteId>,
    pub priority: Priority,
    pub xid: Option<u64>,
    pub horizon: Option<u64>,
}

/// A visit locked for its next step.
#[derive(Debug, Clone)]
pub struct Step {
    pub id: VisitId,
    pub routes: Vec<RouteId>,
    pub kind: Kind,
    pub last_key: Option<SubjectKey>,
    pub priority: Priority,
    pub changed_at: Option<SystemTime>,
}

// Transaction ids are unsigned and stay far below 2^63.
fn stored_xid(xid: Option<u64>) -> Option<i64> {
    xid.and_then(|xid| i64::try_from(xid).ok())
}

fn routes(row: &tokio_postgres::Row) -> Vec<RouteId> {
    row.get::<_, Vec<i16>>("routes").into_iter().map(RouteId).collect()
}

pub async fn insert_visit(tx: &Transaction<'_>, visit: &NewVisit) -> Result<(), pg::Error> {
    let routes: Vec<i16> = visit.routes.iter().map(|route| route.0).collect();
    let node = match &visit.kind {
        Kind::Lookup { node, .. } => Some(node.as_str()),
        _ => None,
    };
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/insert_visit.sql"))
        .await?;
    tx.execute(
        &statement,
        &[
            &routes,
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

/// Whether a sweep like this waits that has not begun: then another one would find nothing more.
pub async fn sweep_waits(tx: &Transaction<'_>, routes: &[RouteId], kind: &Kind) -> Result<bool, pg::Error> {
    let routes: Vec<i16> = routes.iter().map(|route| route.0).collect();
    let row = tx
        .query_one(
            include_str!("../../sql/queue/sweep_waits.sql"),
            &[&routes, &kind.name()],
        )
        .await?;
    Ok(row.get("waits"))
}

/// Up to `most` visits for any of `routes`, the most urgent first.
pub async fn waiting_visits(client: &pg::Client, among: &[RouteId], most: i64) -> Result<Vec<Waiting>, pg::Error> {
    let among: Vec<i16> = among.iter().map(|route| route.0).collect();
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/visits.sql"))
        .await?;
    let rows = client.query(&statement, &[&among, &most]).await?;
    let xid = |row: &tokio_postgres::Row, name| row.get::<_, Option<i64>>(name).and_then(|xid| u64::try_from(xid).ok());
    let waiting = |row: &tokio_postgres::Row| Waiting {
        id: VisitId(row.get("id")),
        routes: routes(row),
        priority: Priority::from_number(row.get("priority")),
        xid: xid(row, "xid"),
        horizon: xid(row, "horizon"),
    };
    Ok(rows.iter().map(waiting).collect())
}

/// Locks a visit for one step; `None` if another process has it or it is done.
pub async fn lock_visit(tx: &Transaction<'_>, id: VisitId) -> Result<Option<Step>, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/lock_visit.sql"))
        .await?;
    let row = tx.query_opt(&statement, &[&id.0]).await?;
    Ok(row.map(|row| Step {
        id,
        routes: routes(&row),
        kind: Kind::from_stored(
            row.get("kind"),
            row.get("node"),
            row.get::<_, Option<serde_json::Value>>("argument").as_ref(),
        ),
        last_key: row.get::<_, Option<&str>>("last_key").map(SubjectKey::from_stored),
        priority: Priority::from_number(row.get("priority")),
        changed_at: row.get("changed_at"),
    }))
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

/// Up to `most` subjects that state knows for a route, after `last_key`, in byte order.
pub async fn known_page(
    tx: &Transaction<'_>,
    route: RouteId,
    last_key: Option<&SubjectKey>,
    most: i64,
) -> Result<Vec<SubjectKey>, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/known_page.sql"))
        .await?;
    let rows = tx
        .query(&statement, &[&route.0, &last_key.map_or("", SubjectKey::as_str), &most])
        .await?;
    Ok(rows.iter().map(|row| SubjectKey::from_stored(row.get("key"))).collect())
}

/// How many jobs of a priority wait for some routes, at most `limit`.
pub async fn backlog(client: &pg::Client, among: &[RouteId], priority: Priority, limit: i64) -> Result<i64, pg::Error> {
    let among: Vec<i16> = among.iter().map(|route| route.0).collect();
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/backlog.sql"))
        .await?;
    Ok(client
        .query_one(&statement, &[&among, &priority.number(), &limit])
        .await?
        .get("waiting"))
}
