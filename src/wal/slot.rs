//! The slot: what keeps the server from forgetting what was not read yet.

use tokio_postgres::GenericClient;
use tokio_postgres::types::PgLsn;

use super::Lsn;
use crate::pg;

/// A logical slot as the server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub plugin: String,
    pub database: String,
    /// Somebody reads it.
    pub active: bool,
    /// The server has removed WAL that the slot needed.
    pub lost: bool,
    pub confirmed: Lsn,
    /// Where the server writes now.
    pub current: Lsn,
    /// WAL written since what was confirmed.
    pub lag_bytes: i64,
    /// WAL that may still be written before the slot is in danger, where a limit is set.
    pub safe_bytes: Option<i64>,
}

/// `None` if there is no slot of this name.
pub async fn read_slot(client: &impl GenericClient, name: &str) -> Result<Option<Slot>, pg::Error> {
    let row = client
        .query_opt(include_str!("../../sql/source/slot.sql"), &[&name])
        .await?;
    Ok(row.map(|row| Slot {
        plugin: row.get::<_, Option<String>>("plugin").unwrap_or_default(),
        database: row.get::<_, Option<String>>("database").unwrap_or_default(),
        active: row.get("active"),
        lost: row.get::<_, Option<&str>>("wal_status") == Some("lost"),
        confirmed: lsn(row.get("confirmed_flush_lsn")),
        current: lsn(row.get("current_lsn")),
        lag_bytes: row.get::<_, Option<i64>>("lag_bytes").unwrap_or_default(),
        safe_bytes: row.get("safe_wal_size"),
    }))
}

/// Makes the slot, and returns where its stream begins. Waits until every transaction that is writing now has ended.
pub async fn create_slot(client: &impl GenericClient, name: &str) -> Result<Lsn, pg::Error> {
    let row = client
        .query_one(include_str!("../../sql/source/create_slot.sql"), &[&name])
        .await?;
    Ok(lsn(row.get("lsn")))
}

pub async fn drop_slot(client: &impl GenericClient, name: &str) -> Result<(), pg::Error> {
    client
        .query_one(include_str!("../../sql/source/drop_slot.sql"), &[&name])
        .await?;
    Ok(())
}

/// Tells one server, with all its standbys, from another.
pub async fn system_identifier(client: &impl GenericClient) -> Result<i64, pg::Error> {
    let row = client
        .query_one(include_str!("../../sql/source/system_identifier.sql"), &[])
        .await?;
    Ok(row.get("system_identifier"))
}

fn lsn(lsn: Option<PgLsn>) -> Lsn {
    lsn.map_or(Lsn::ZERO, |lsn| Lsn(lsn.into()))
}
