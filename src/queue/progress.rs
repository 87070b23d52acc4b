//! How far the changes of a slot have become jobs.

use tokio_postgres::Transaction;
use tokio_postgres::types::PgLsn;

use crate::pg;
use crate::wal::Lsn;

/// Bound to the server that the slot is on: an LSN means nothing on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub system_identifier: i64,
    pub lsn: Lsn,
}

/// Progress of a slot, `None` if there never was any.
pub async fn read_progress(
    client: &impl tokio_postgres::GenericClient,
    slot: &str,
) -> Result<Option<Progress>, pg::Error> {
    let row = client
        .query_opt(include_str!("../../sql/queue/read_progress.sql"), &[&slot])
        .await?;
    Ok(row.map(|row| Progress {
        system_identifier: row.get("system_identifier"),
        lsn: Lsn(row.get::<_, PgLsn>("lsn").into()),
    }))
}

/// Raises progress, together with the jobs in the same transaction. `false` if it belongs to another server by now.
pub async fn write_progress(
    tx: &deadpool_postgres::Transaction<'_>,
    slot: &str,
    progress: Progress,
) -> Result<bool, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../sql/queue/write_progress.sql"))
        .await?;
    let lsn = PgLsn::from(progress.lsn.0);
    let row = tx
        .query_opt(&statement, &[&slot, &progress.system_identifier, &lsn])
        .await?;
    Ok(row.is_some())
}

/// Begins anew after a slot was made anew.
pub async fn replace_progress(tx: &Transaction<'_>, slot: &str, progress: Progress) -> Result<(), pg::Error> {
    let lsn = PgLsn::from(progress.lsn.0);
    tx.execute(
        include_str!("../../sql/queue/replace_progress.sql"),
        &[&slot, &progress.system_identifier, &lsn],
    )
    .await?;
    Ok(())
}
