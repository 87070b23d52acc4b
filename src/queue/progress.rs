//! How far the changes of a slot have become jobs, and for which routes.

use tokio_postgres::Transaction;
use tokio_postgres::types::PgLsn;

use super::RouteId;
use crate::pg;
use crate::wal::Lsn;

/// Bound to the server that the slot is on: an LSN means nothing on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub system_identifier: i64,
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
        let lsn = Lsn(row.get::<_, PgLsn>("lsn").into());
        let routes = row.get::<_, Vec<i16>>("routes").into_iter().map(RouteId).collect();
        (
            Progress {
                system_identifier: row.get("system_identifier"),
                lsn,
            },
            routes,
        )
    }))
}

/// Raises progress from what this reader committed last, together with the jobs in the same transaction. `false` if it
/// belongs to another server by now, or is behind: then commits of ours have been lost.
pub async fn write_progress(
    tx: &deadpool_postgres::Transaction<'_>,
    slot: &str,
    from: Progress,
    to: Lsn,
) -> Result<bool, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/write_progress.sql"))
        .await?;
    let (from_lsn, to) = (PgLsn::from(from.lsn.0), PgLsn::from(to.0));
    Ok(tx
        .execute(&statement, &[&slot, &from.system_identifier, &to, &from_lsn])
        .await?
        == 1)
}

/// Begins anew after a slot was made anew.
pub async fn replace_progress(tx: &Transaction<'_>, slot: &str, progress: Progress) -> Result<(), pg::Error> {
    let lsn = PgLsn::from(progress.lsn.0);
    let sql = include_str!("../../sql/queue/replace_progress.sql");
    tx.execute(sql, &[&slot, &progress.system_identifier, &lsn]).await?;
    Ok(())
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
