//! What people have said that a worker has to heed.

use std::time::SystemTime;

use super::{RouteId, WorkerId};
use crate::pg;

/// As it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heeded {
    /// The worker is to take on nothing new, finish what there is, and leave.
    pub draining: bool,
    /// The routes that rest because somebody paused their sync or their sink.
    pub resting: Vec<RouteId>,
    /// The routes that another one takes the place of.
    pub closed: Vec<RouteId>,
    /// The routes with a backfill that is not finished.
    pub backfilled: Vec<RouteId>,
}

pub async fn heed(client: &pg::Client, worker: WorkerId) -> Result<Heeded, pg::Error> {
    let statement = client.prepare_cached(include_str!("../../sql/queue/heed.sql")).await?;
    let row = client.query_one(&statement, &[&worker.0]).await?;
    let routes = |name| row.get::<_, Vec<i16>>(name).into_iter().map(RouteId).collect();
    Ok(Heeded {
        draining: row.get("draining"),
        resting: routes("resting"),
        closed: routes("closed"),
        backfilled: routes("backfilled"),
    })
}

/// Whether a process that drains may leave, and the time of this look. It works on these routes with documents of these
/// fingerprints, and stopped reading at `since`; `None`: just now.
pub async fn drained(
    client: &pg::Client,
    routes: &[(RouteId, &str)],
    since: Option<SystemTime>,
) -> Result<(bool, SystemTime), pg::Error> {
    let (ids, fingerprints): (Vec<i16>, Vec<&str>) = routes.iter().map(|(route, text)| (route.0, *text)).unzip();
    let statement = client
        .prepare_cached(include_str!("../../sql/queue/drained.sql"))
        .await?;
    let row = client.query_one(&statement, &[&ids, &fingerprints, &since]).await?;
    Ok((row.get("is_over"), row.get("looked_at")))
}
