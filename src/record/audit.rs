//! How far an audit has come, so that it can go on there.

use std::time::SystemTime;

use deadpool_postgres::Transaction;
use serde_json::Value;

use crate::mapping::SubjectKey;
use crate::pg;
use crate::queue::RouteId;

/// What an audit walks over, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditWalk {
    /// What the state knows.
    Known,
    /// What the source has beyond that.
    Source,
    /// What the sink has beyond both.
    Sink,
    End,
}

impl AuditWalk {
    fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Source => "source",
            Self::Sink => "sink",
            Self::End => "end",
        }
    }

    fn from_stored(name: &str) -> Self {
        match name {
            "known" => Self::Known,
            "source" => Self::Source,
            "sink" => Self::Sink,
            _ => Self::End,
        }
    }
}

/// The last audit of a route.
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// Names it, together with the others of the same command.
    pub begun_at: SystemTime,
    pub walk: AuditWalk,
    pub last_key: Option<SubjectKey>,
    pub found: Value,
}

/// Begins one in the place of the last. `part_of`: when the audit of which it is a part began, if it has.
pub async fn begin_audit(
    client: &pg::Client,
    route: RouteId,
    part_of: Option<SystemTime>,
    found: &Value,
) -> Result<SystemTime, pg::Error> {
    let sql = include_str!("../../sql/record/begin_audit.sql");
    let row = client.query_one(sql, &[&route.0, &part_of, found]).await?;
    Ok(row.get("begun_at"))
}

/// `None` if there never was one.
pub async fn read_audit(client: &pg::Client, route: RouteId) -> Result<Option<AuditRow>, pg::Error> {
    let sql = include_str!("../../sql/record/read_audit.sql");
    let row = client.query_opt(sql, &[&route.0]).await?;
    Ok(row.map(|row| AuditRow {
        begun_at: row.get("begun_at"),
        walk: AuditWalk::from_stored(row.get("walk")),
        last_key: row.get::<_, Option<&str>>("last_key").map(SubjectKey::from_stored),
        found: row.get("found"),
    }))
}

/// `false` if another audit of the route has begun since.
pub async fn save_audit(tx: &Transaction<'_>, route: RouteId, audit: &AuditRow) -> Result<bool, pg::Error> {
    let statement = tx
        .prepare_cached(include_str!("../../sql/record/save_audit.sql"))
        .await?;
    let last_key = audit.last_key.as_ref().map(SubjectKey::as_str);
    let saved = tx
        .execute(
            &statement,
            &[&route.0, &audit.begun_at, &audit.walk.name(), &last_key, &audit.found],
        )
        .await?;
    Ok(saved == 1)
}
