//! Routes: a sync into a sink, numbered.

use std::collections::HashMap;

use tokio_postgres::Transaction;

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
}

/// The routes for pairs of sync and sink, in their order; those that are missing are made. Writes nothing where none is.
pub async fn ensure_routes(tx: &Transaction<'_>, pairs: &[(String, String)]) -> Result<Vec<Route>, pg::Error> {
    let mut known: HashMap<(String, String), (i16, String)> = HashMap::new();
    for row in tx.query(include_str!("../../sql/queue/routes.sql"), &[]).await? {
        known.insert(
            (row.get("sync"), row.get("sink")),
            (row.get("id"), row.get("fingerprint")),
        );
    }
    let mut routes = Vec::new();
    for (sync, sink) in pairs {
        let mut route = known.get(&(sync.clone(), sink.clone())).cloned();
        if route.is_none() {
            let row = tx
                .query_one(include_str!("../../sql/queue/insert_route.sql"), &[sync, sink])
                .await?;
            route = Some((row.get("id"), row.get("fingerprint")));
        }
        let (id, fingerprint) = route.expect("found or made");
        routes.push(Route {
            id: RouteId(id),
            sync: sync.clone(),
            sink: sink.clone(),
            fingerprint,
        });
    }
    Ok(routes)
}

/// From now on documents of this shape are sent; processes that would build another one leave the jobs alone.
pub async fn set_fingerprint(tx: &Transaction<'_>, route: RouteId, fingerprint: &str) -> Result<(), pg::Error> {
    tx.execute(
        include_str!("../../sql/queue/set_fingerprint.sql"),
        &[&route.0, &fingerprint],
    )
    .await?;
    Ok(())
}
