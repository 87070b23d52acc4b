//! Routes: a sync into a sink, numbered.

use tokio_postgres::{GenericClient, Row, Transaction};

use crate::pg;

/// The number of a route in jobs and state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub i16);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub id: RouteId,
    pub sync: String,
    pub sink: String,
    /// Stands for the shape of the documents that are being sent; empty before the first.
    pub fingerprint: String,
    /// Stands for the sync as it was configured when it worked last; empty before the first time.
    pub configured: String,
    /// Why nothing is done for it at present.
    pub paused: Option<String>,
}

/// All routes, those of syncs that are no longer configured too.
pub async fn routes(client: &impl GenericClient) -> Result<Vec<Route>, pg::Error> {
    let rows = client.query(include_str!("../../sql/queue/routes.sql"), &[]).await?;
    Ok(rows.iter().map(route).collect())
}

fn route(row: &Row) -> Route {
    Route {
        id: RouteId(row.get("id")),
        sync: row.get("sync"),
        sink: row.get("sink"),
        fingerprint: row.get("fingerprint"),
        configured: row.get("configured"),
        paused: row.get("paused"),
    }
}

/// The routes for pairs of sync and sink, in their order; those that are missing are made. Writes nothing where none is.
pub async fn ensure_routes(tx: &Transaction<'_>, pairs: &[(String, String)]) -> Result<Vec<Route>, pg::Error> {
    let known = routes(tx).await?;
    let mut found = Vec::new();
    for (sync, sink) in pairs {
        let of_pair = |route: &&Route| route.sync == *sync && route.sink == *sink;
        if let Some(known) = known.iter().find(of_pair) {
            found.push(known.clone());
        } else {
            let sql = include_str!("../../sql/queue/insert_route.sql");
            found.push(route(&tx.query_one(sql, &[sync, sink]).await?));
        }
    }
    Ok(found)
}

/// From now on a sync configured like this works: documents of this shape are sent; processes that would build another one
/// leave the jobs alone.
pub async fn set_at_work(
    tx: &Transaction<'_>,
    route: RouteId,
    fingerprint: &str,
    configured: &str,
) -> Result<(), pg::Error> {
    let sql = include_str!("../../sql/queue/set_at_work.sql");
    tx.execute(sql, &[&route.0, &fingerprint, &configured]).await?;
    Ok(())
}

/// Why nothing is done for a route, for people.
pub async fn set_paused(tx: &Transaction<'_>, route: RouteId, reason: &str) -> Result<(), pg::Error> {
    let sql = include_str!("../../sql/queue/set_paused.sql");
    tx.execute(sql, &[&route.0, &reason]).await?;
    Ok(())
}

/// The same for all routes of a sync; `None`: it works again.
pub async fn show_paused(client: &pg::Client, sync: &str, reason: Option<&str>) -> Result<(), pg::Error> {
    let sql = include_str!("../../sql/queue/show_paused.sql");
    client.execute(sql, &[&sync, &reason]).await?;
    Ok(())
}
