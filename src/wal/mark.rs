//! A mark in the WAL, by which it can be seen how far a reader has come.

use tokio_postgres::GenericClient;
use tokio_postgres::types::PgLsn;

use super::Lsn;
use crate::pg;

/// Sets one behind all that is committed by now. Whoever reads the slot writes progress when it has come past it.
pub async fn mark(client: &impl GenericClient) -> Result<Lsn, pg::Error> {
    let row = client.query_one(include_str!("../../sql/source/mark.sql"), &[]).await?;
    Ok(Lsn(row.get::<_, PgLsn>("lsn").into()))
}
