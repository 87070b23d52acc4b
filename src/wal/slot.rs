//! The slot: what keeps the server from forgetting what was not read yet.

use tokio_postgres::GenericClient;
use tokio_postgres::types::PgLsn;

use super::{Lsn, read_version};
use crate::pg;

/// The first version that can keep a slot through a failover.
const FAILOVER_VERSION: i32 = 170_000;

/// A logical slot as the server shows it, see
/// <https://www.postgresql.org/docs/current/view-pg-replication-slots.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub plugin: String,
    pub database: String,
    /// Somebody reads it.
    pub active: bool,
    pub standing: Standing,
    /// Standbys keep a copy of it, from which it goes on after a failover. `None` before version 17, which knows no such
    /// thing.
    pub failover: Option<bool>,
    pub confirmed: Lsn,
    /// The server keeps WAL from here on. Behind what is confirmed where an older transaction is still running.
    pub restart: Lsn,
    /// Where the server writes now.
    pub current: Lsn,
    /// WAL that may still be written before the slot is lost, where a limit is set.
    pub safe_bytes: Option<u64>,
}

/// Whether the WAL that the slot needs is there, and will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Safe,
    /// It is already more than is kept for it for sure; the next checkpoint may remove some.
    Endangered,
    /// The server has removed WAL that it needed, or has given it up. Says why, where the server does.
    Lost(Option<String>),
}

impl Slot {
    /// WAL written since what was confirmed.
    pub fn lag_bytes(&self) -> u64 {
        self.current.0.saturating_sub(self.confirmed.0)
    }

    pub fn is_lost(&self) -> bool {
        matches!(self.standing, Standing::Lost(_))
    }

    /// WAL that the server keeps for the slot.
    pub fn kept_bytes(&self) -> u64 {
        self.current.0.saturating_sub(self.restart.0)
    }
}

impl Standing {
    /// The word that people and metrics see.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Endangered => "endangered",
            Self::Lost(_) => "lost",
        }
    }
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
        standing: match row.get::<_, Option<&str>>("wal_status") {
            Some("lost") => Standing::Lost(row.get("invalidation_reason")),
            Some("unreserved") => Standing::Endangered,
            _ => Standing::Safe,
        },
        failover: row.get("failover"),
        confirmed: lsn(row.get("confirmed_flush_lsn")),
        restart: lsn(row.get("restart_lsn")),
        current: lsn(row.get("current_lsn")),
        safe_bytes: row
            .get::<_, Option<i64>>("safe_wal_size")
            .map(|bytes| u64::try_from(bytes).unwrap_or_default()),
    }))
}

/// Whether the server can keep a slot through a failover.
pub async fn knows_failover(client: &impl GenericClient) -> Result<bool, pg::Error> {
    Ok(read_version(client).await? >= FAILOVER_VERSION)
}

/// Makes the slot, and returns where its stream begins. Waits until every transaction that is writing now has ended.
/// `failover` is for servers of version 17 and later.
pub async fn create_slot(client: &impl GenericClient, name: &str, failover: bool) -> Result<Lsn, pg::Error> {
    let sql = if failover {
        include_str!("../../sql/source/create_slot.17.sql")
    } else {
        include_str!("../../sql/source/create_slot.sql")
    };
    Ok(lsn(client.query_one(sql, &[&name]).await?.get("lsn")))
}

pub async fn drop_slot(client: &impl GenericClient, name: &str) -> Result<(), pg::Error> {
    client
        .query_one(include_str!("../../sql/source/drop_slot.sql"), &[&name])
        .await?;
    Ok(())
}

fn lsn(lsn: Option<PgLsn>) -> Lsn {
    lsn.map_or(Lsn::ZERO, |lsn| Lsn(lsn.into()))
}
