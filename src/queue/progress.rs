//! How far the changes of a slot have become jobs, and for which routes.

use std::time::{Duration, SystemTime};

use tokio_postgres::Transaction;
use tokio_postgres::types::PgLsn;

use super::RouteId;
use crate::pg;
use crate::wal::{Identity, Lsn};

/// Bound to the server that the slot is on: an LSN means nothing on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub server: Identity,
    pub lsn: Lsn,
}

/// Progress of a slot, and the routes for which its last reader mapped changes. `None` if there never was any.
pub async fn read_progress(
    client: &impl tokio_postgres::GenericClient,
    slot: &str,
) -> Result<Option<(Progress, Vec<RouteId>)>, pg::Error> {
    let row = client
        .query_opt(include_str!("../../sql/queue/read_progress.sql"), &[&slot])
        .await?;
    Ok(row.map(|row| {
        let server = Identity {
            system_identifier: row.get("system_identifier"),
            timeline: row.get::<_, i32>("timeline").cast_unsigned(),
        };
        let lsn = Lsn(row.get::<_, PgLsn>("lsn").into());
        let routes = row.get::<_, Vec<i16>>("routes").into_iter().map(RouteId).collect();
        (Progress { server, lsn }, routes)
    }))
}

/// How long ago was written what the slot was read up to; `None` where that is not known.
pub async fn behind(client: &impl tokio_postgres::GenericClient, slot: &str) -> Result<Option<Duration>, pg::Error> {
    let sql = include_str!("../../sql/queue/behind.sql");
    let row = client.query_opt(sql, &[&slot]).await?;
    let seconds = row.and_then(|row| row.get::<_, Option<f64>>("seconds"));
    Ok(seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0))))
}

/// Raises progress from what this reader committed last, together with the jobs in the same transaction. `read_at` is when
/// what was read up to was written; `None` for now. `false` if it belongs to another server or timeline by now, or is behind:
/// then commits of ours have been lost.
pub async fn write_progress(
    tx: &deadpool_postgres::Transaction<'_>,
    slot: &str,
    from: Progress,
    to: Lsn,
    read_at: Option<SystemTime>,
) -> Result<bool, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/write_progress.sql"))
        .await?;
    let (from_lsn, to) = (PgLsn::from(from.lsn.0), PgLsn::from(to.0));
    let Identity {
        system_identifier,
        timeline,
    } = from.server;
    let timeline = timeline.cast_signed();
    let written = tx
        .execute(
            &statement,
            &[&slot, &system_identifier, &timeline, &to, &from_lsn, &read_at],
        )
        .await?;
    Ok(written == 1)
}

/// Begins anew after a slot was made anew.
pub async fn replace_progress(tx: &Transaction<'_>, slot: &str, progress: Progress) -> Result<(), pg::Error> {
    let lsn = PgLsn::from(progress.lsn.0);
    let timeline = progress.server.timeline.cast_signed();
    let sql = include_str!("../../sql/queue/replace_progress.sql");
    tx.execute(sql, &[&slot, &progress.server.system_identifier, &timeline, &lsn])
        .await?;
    Ok(())
}

/// Goes on from the same position on another timeline, of which it is part too.
pub async fn follow_timeline(tx: &Transaction<'_>, slot: &str, timeline: u32) -> Result<(), pg::Error> {
    let sql = include_str!("../../sql/queue/follow_timeline.sql");
    tx.execute(sql, &[&slot, &timeline.cast_signed()]).await?;
    Ok(())
}

/// Goes on past all delivery versions that may have been given and forgotten since.
pub async fn skip_versions(tx: &Transaction<'_>) -> Result<(), pg::Error> {
    tx.query_one(include_str!("../../sql/queue/skip_versions.sql"), &[])
        .await?;
    Ok(())
}

/// Whether all of these still stand. Then they do so up to the end of the transaction.
pub async fn hold_routes(tx: &Transaction<'_>, routes: &[RouteId]) -> Result<bool, pg::Error> {
    let routes: Vec<i16> = routes.iter().map(|route| route.0).collect();
    let held = tx
        .query(include_str!("../../sql/queue/hold_routes.sql"), &[&routes])
        .await?;
    Ok(held.len() == routes.len())
}

/// Notes for which routes the reader maps changes from now on.
pub async fn write_readers_routes(tx: &Transaction<'_>, slot: &str, routes: &[RouteId]) -> Result<(), pg::Error> {
    let routes: Vec<i16> = routes.iter().map(|route| route.0).collect();
    tx.execute(
        include_str!("../../sql/queue/write_readers_routes.sql"),
        &[&slot, &routes],
    )
    .await?;
    Ok(())
}
