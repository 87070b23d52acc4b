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
    /// Made just now: the sink has seen nothing of the sync yet.
    pub is_new: bool,
}

/// The routes for pairs of sync and sink, in the order of the pairs; those that are missing are made.
pub async fn ensure_routes(tx: &Transaction<'_>, pairs: &[(String, String)]) -> Result<Vec<Route>, pg::Error> {
    let (syncs, sinks): (Vec<&str>, Vec<&str>) =
        pairs.iter().map(|(sync, sink)| (sync.as_str(), sink.as_str())).unzip();
    let made = tx.query(include_str!("../../sql/queue/ensure_routes.sql"), &[&syncs, &sinks]).await?;
    let made: Vec<i16> = made.iter().map(|row| row.get("id")).collect();
    let mut known = HashMap::new();
    for row in tx.query(include_str!("../../sql/queue/routes.sql"), &[]).await? {
        known.insert((row.get("sync"), row.get("sink")), row.get::<_, i16>("id"));
    }
    let route = |(sync, sink): &(String, String)| {
        let id = *known.get(&(sync.clone(), sink.clone())).expect("every pair has been made");
        Route { id: RouteId(id), sync: sync.clone(), sink: sink.clone(), is_new: made.contains(&id) }
    };
    Ok(pairs.iter().map(route).collect())
}
