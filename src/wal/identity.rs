//! Which server this is, and which of its pasts it went on from.

use tokio_postgres::GenericClient;

use super::Lsn;
use crate::pg;

/// A position means something on one server only, and only on the timeline that it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Given by `initdb`; the same for a server and all its standbys and restored copies.
    pub system_identifier: i64,
    /// Every promotion and every recovery to a point in time begins a new one.
    pub timeline: u32,
}

/// Where a timeline ended and the next one began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    pub timeline: u32,
    /// What was written on `timeline` from here on is not part of the next.
    pub at: Lsn,
}

/// Of a primary.
pub async fn read_identity(client: &impl GenericClient) -> Result<Identity, pg::Error> {
    let row = client
        .query_one(include_str!("../../sql/source/identity.sql"), &[])
        .await?;
    Ok(Identity {
        system_identifier: row.get("system_identifier"),
        timeline: row.get::<_, i32>("timeline").cast_unsigned(),
    })
}
