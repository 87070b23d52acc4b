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
    pub past: Past,
}

/// What happened on a route before this start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// Nothing: the sink has seen nothing of the sync yet.
    New,
    /// The document has another shape than the one that was sent.
    Reshaped,
    Same,
}

/// A route that the configuration wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub sync: String,
    pub sink: String,
    /// Stands for the shape of the document.
    pub fingerprint: String,
}

/// The routes that are wanted, in their order; those that are missing are made, and new fingerprints noted. Writes
/// nothing where nothing has changed.
pub async fn ensure_routes(tx: &Transaction<'_>, wanted: &[Wanted]) -> Result<Vec<Route>, pg::Error> {
    let mut known: HashMap<(String, String), (i16, String)> = HashMap::new();
    for row in tx.query(include_str!("../../sql/queue/routes.sql"), &[]).await? {
        known.insert(
            (row.get("sync"), row.get("sink")),
            (row.get("id"), row.get("fingerprint")),
        );
    }
    let mut routes = Vec::new();
    for Wanted {
        sync,
        sink,
        fingerprint,
    } in wanted
    {
        let (id, past) = match known.get(&(sync.clone(), sink.clone())) {
            Some((id, before)) if before == fingerprint => (*id, Past::Same),
            Some((id, _)) => {
                tx.execute(include_str!("../../sql/queue/reshape_route.sql"), &[id, fingerprint])
                    .await?;
                (*id, Past::Reshaped)
            }
            None => {
                let insert = include_str!("../../sql/queue/insert_route.sql");
                (
                    tx.query_one(insert, &[sync, sink, fingerprint]).await?.get("id"),
                    Past::New,
                )
            }
        };
        routes.push(Route {
            id: RouteId(id),
            sync: sync.clone(),
            sink: sink.clone(),
            past,
        });
    }
    Ok(routes)
}
