//! Rebuilds: another place that is filled beside the one that a sink writes to, until it takes that one's place.
//!
//! ```text
//! search            ──▶ route 1 ── closed ──────── retired ─▶ swept away
//! search>orders_v2  ──▶ route 2 ─── loads, lives ─┴─ from now on `search`
//! ```
//!
//! A rebuild has a route of its own, with jobs, state and failures of its own. To take the place of the other is to take its
//! name: no row of the state is rewritten.

use deadpool_postgres::Transaction;
use tokio_postgres::{GenericClient, Row};

use super::RouteId;
use crate::pg;

/// Between the name of a sink and what is filled beside; in no name of a sink.
const BESIDE: char = '>';

/// A rebuild that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    pub id: i32,
    pub sync: String,
    /// Whose place it is to take.
    pub sink: String,
    /// What is filled.
    pub target: String,
    /// What the other side calls it, whatever its name.
    pub target_id: String,
    pub route: RouteId,
}

impl Rebuild {
    /// What its route has as the name of a sink.
    pub fn label(&self) -> String {
        label(&self.sink, &self.target)
    }
}

/// The name under which `target` is filled beside a sink.
pub fn label(sink: &str, target: &str) -> String {
    format!("{sink}{BESIDE}{target}")
}

/// The sink of the configuration that a route belongs to.
pub fn configured_sink(sink: &str) -> &str {
    sink.split_once(BESIDE).map_or(sink, |(sink, _)| sink)
}

/// Whether a route is that of a rebuild.
pub fn is_beside(sink: &str) -> bool {
    sink.contains(BESIDE)
}

/// The number of the last that was begun, 0 before the first. Where it has stayed the same, none has begun and ended meanwhile.
pub async fn last_rebuild(client: &impl GenericClient) -> Result<i32, pg::Error> {
    let sql = include_str!("../../sql/rebuild/last.sql");
    Ok(client.query_one(sql, &[]).await?.get("id"))
}

/// Those that stand.
pub async fn rebuilds(client: &impl GenericClient) -> Result<Vec<Rebuild>, pg::Error> {
    let rows = client
        .query(include_str!("../../sql/rebuild/standing.sql"), &[])
        .await?;
    Ok(rows.iter().map(rebuild).collect())
}

/// The one of a sync and a sink that stands, locked, and whether its swap is under way.
pub async fn find_rebuild(tx: &Transaction<'_>, sync: &str, sink: &str) -> Result<Option<(Rebuild, bool)>, pg::Error> {
    let sql = include_str!("../../sql/rebuild/find.sql");
    let row = tx.query_opt(sql, &[&sync, &sink]).await?;
    Ok(row.map(|row| (rebuild(&row), row.get("swapping"))))
}

fn rebuild(row: &Row) -> Rebuild {
    Rebuild {
        id: row.get("id"),
        sync: row.get("sync"),
        sink: row.get("sink"),
        target: row.get("target"),
        target_id: row.get("target_id"),
        route: RouteId(row.get("route")),
    }
}

/// Whether its swap is asked for, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is to be filled and kept current.
    Fill,
    /// It is to take the other's place as soon as it can.
    Swap,
    /// The route that it replaces is closed. Whether the name has been moved by an earlier try nobody may know.
    Swapping { doubt: bool },
}

/// How far it is now; `None` if it is over.
pub async fn peek_rebuild(client: &impl GenericClient, id: i32) -> Result<Option<Phase>, pg::Error> {
    let row = client
        .query_opt(include_str!("../../sql/rebuild/peek.sql"), &[&id])
        .await?;
    Ok(row.as_ref().map(phase))
}

/// The same, locked for the length of the transaction. `None` as well if another process is at it.
pub async fn lock_rebuild(tx: &Transaction<'_>, id: i32) -> Result<Option<Phase>, pg::Error> {
    let row = tx.query_opt(include_str!("../../sql/rebuild/lock.sql"), &[&id]).await?;
    Ok(row.as_ref().map(phase))
}

fn phase(row: &Row) -> Phase {
    match (row.get("swapping"), row.get("swap"), row.get("waits")) {
        (true, ..) => Phase::Swapping { doubt: row.get("told") },
        (false, true, None | Some(false)) => Phase::Swap,
        _ => Phase::Fill,
    }
}

/// Takes note of whether its first load is over; answers if that is news. `fingerprint`: of the documents of this process.
pub async fn note_loaded(
    client: &impl GenericClient,
    id: i32,
    fingerprint: &str,
    slot: &str,
) -> Result<Option<bool>, pg::Error> {
    let sql = include_str!("../../sql/rebuild/note_loaded.sql");
    let row = client.query_opt(sql, &[&id, &fingerprint, &slot]).await?;
    Ok(row.map(|row| row.get("loaded")))
}

/// Whether a rebuild holds what the other does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// Something that was to be sent when it was loaded has not been sent yet, or somebody has paused the sync or the sink.
    NotYet,
    /// Somebody has ended its first load.
    Canceled,
    /// So many subjects have been given up.
    GivenUp(i64),
}

pub async fn readiness(client: &impl GenericClient, id: i32) -> Result<Readiness, pg::Error> {
    let sql = include_str!("../../sql/rebuild/obstacles.sql");
    let row = client.query_one(sql, &[&id]).await?;
    let is = |name| row.get::<_, bool>(name);
    Ok(if is("canceled") {
        Readiness::Canceled
    } else if !is("loaded") || is("behind") || is("rests") {
        Readiness::NotYet
    } else {
        match row.get("given_up") {
            0 => Readiness::Ready,
            count => Readiness::GivenUp(count),
        }
    })
}

/// From the commit on nothing is claimed any more for the route that is replaced. `leads_to`: what the name of the sink stood for until now.
pub async fn close_replaced(tx: &Transaction<'_>, id: i32, leads_to: &[String]) -> Result<(), pg::Error> {
    // Whatever is being claimed is claimed before that, and seen by whoever looks.
    tx.query_one(include_str!("../../sql/rebuild/exclude_claims.sql"), &[&id])
        .await?;
    let sql = include_str!("../../sql/rebuild/close.sql");
    tx.execute(sql, &[&id, &leads_to]).await?;
    Ok(())
}

/// Takes [`close_replaced`] back.
pub async fn open_replaced(tx: &Transaction<'_>, id: i32) -> Result<(), pg::Error> {
    tx.execute(include_str!("../../sql/rebuild/open.sql"), &[&id]).await?;
    Ok(())
}

/// Whether something may be on its way for the route that is replaced.
pub async fn replaced_is_held(tx: &Transaction<'_>, id: i32) -> Result<bool, pg::Error> {
    let row = tx.query_one(include_str!("../../sql/rebuild/held.sql"), &[&id]).await?;
    Ok(row.get("held"))
}

/// Why there was no swap, for people, and in how many seconds it is tried again; `None`: nothing is in its way. Returns whether that
/// is news.
pub async fn note_problem(
    client: &impl GenericClient,
    id: i32,
    problem: Option<&str>,
    seconds: f64,
) -> Result<bool, pg::Error> {
    let sql = include_str!("../../sql/rebuild/note_problem.sql");
    let row = client.query_opt(sql, &[&id, &problem, &seconds]).await?;
    Ok(row.is_some_and(|row| row.get("is_news")))
}

/// The route of the rebuild takes the name of the sink; the one that had it is retired. Returns what the name led to before.
pub async fn promote(tx: &Transaction<'_>, rebuild: &Rebuild) -> Result<Vec<String>, pg::Error> {
    retire(tx, &rebuild.sync, &rebuild.sink).await?;
    tx.execute(include_str!("../../sql/rebuild/promote.sql"), &[&rebuild.id])
        .await?;
    end(tx, rebuild.id, "swapped").await
}

/// The rebuild is over, and its route retired.
pub async fn drop_rebuild(tx: &Transaction<'_>, rebuild: &Rebuild) -> Result<(), pg::Error> {
    open_replaced(tx, rebuild.id).await?;
    retire(tx, &rebuild.sync, &rebuild.label()).await?;
    end(tx, rebuild.id, "canceled").await?;
    Ok(())
}

async fn retire(tx: &Transaction<'_>, sync: &str, sink: &str) -> Result<(), pg::Error> {
    let sql = include_str!("../../sql/rebuild/retire.sql");
    tx.execute(sql, &[&sync, &sink]).await?;
    Ok(())
}

async fn end(tx: &Transaction<'_>, id: i32, outcome: &str) -> Result<Vec<String>, pg::Error> {
    let sql = include_str!("../../sql/rebuild/end.sql");
    Ok(tx.query_one(sql, &[&id, &outcome]).await?.get("replaced"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_beside_a_sink_knows_whose_it_is() {
        let label = label("search", "orders_v2");
        assert_eq!(label, "search>orders_v2");
        assert_eq!(configured_sink(&label), "search");
        assert_eq!(configured_sink("search"), "search");
        assert!(is_beside(&label) && !is_beside("search"));
    }
}
