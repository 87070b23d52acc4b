//! Everything about one job.

use serde::Serialize;
use tokio_postgres::Row;

use super::Timestamp;
use super::list::Listed;
use super::selection::State;
use crate::build::Digest;
use crate::pg;
use crate::queue::{DigestBytes, JobId};

/// A job and all that is known of it.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    #[serde(flatten)]
    pub job: Listed,
    /// 0 high, 1 normal, 2 low, 3 below them all; of active jobs.
    pub priority: Option<i16>,
    /// Tries that use up nothing of the budget, as the sink was down; of active jobs.
    pub spared: Option<i16>,
    /// A worker was lost while it had the job in hand; of active jobs.
    pub uncertain: Option<bool>,
    /// Who has it in hand, or had it last and was lost.
    pub lease: Option<Held>,
    pub tries: Vec<Try>,
    /// The jobs that take this one up again.
    pub replayed_by: Vec<Link>,
    /// What the sink accepted last of the subject; `None` if it never accepted anything, or a delete last.
    pub accepted: Option<Accepted>,
}

/// A claim on a job.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    pub worker: i64,
    /// Host, boot, process namespace, process id and start time.
    pub owner: String,
    pub acquired_at: Option<Timestamp>,
    pub expires_at: Timestamp,
    pub expired: bool,
}

/// One try at delivering.
#[derive(Debug, Clone, Serialize)]
pub struct Try {
    pub number: i16,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub milliseconds: u64,
    /// `delivered`, `retry` or `rejected`.
    pub outcome: String,
    pub class: Option<String>,
    pub status: Option<i16>,
    pub message: Option<String>,
    /// Whether we know what the sink holds after it.
    pub certain: bool,
    /// `upsert` or `delete`.
    pub operation: String,
    pub version: i64,
    /// Of what was sent, 32 hex digits; all zeros for a delete, `None` if nothing could be built.
    pub digest: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Link {
    pub id: JobId,
    pub state: State,
}

/// What a sink accepted last of a subject.
#[derive(Debug, Clone, Serialize)]
pub struct Accepted {
    pub version: i64,
    /// 32 hex digits, all zeros for a delete; `None` if nobody knows what the sink holds.
    pub digest: Option<String>,
    /// What the sink calls the subject, where it chose the name.
    pub remote_id: Option<String>,
}

/// Everything about a job; `None` if none of this number is on record.
pub async fn show(client: &pg::Client, job: JobId) -> Result<Option<Story>, pg::Error> {
    let Some(row) = client
        .query_opt(include_str!("../../sql/operate/show.sql"), &[&job.0])
        .await?
    else {
        return Ok(None);
    };
    let tries = client
        .query(include_str!("../../sql/operate/attempts.sql"), &[&job.0])
        .await?;
    let (route, key): (i16, &str) = (row.get("route"), row.get("key"));
    let replays = client
        .query(include_str!("../../sql/operate/replays.sql"), &[&route, &key, &job.0])
        .await?;
    Ok(Some(Story {
        job: Listed::read(&row),
        priority: row.get("priority"),
        spared: row.get("spared"),
        uncertain: row.get("uncertain"),
        lease: held(&row),
        tries: tries.iter().map(a_try).collect(),
        replayed_by: replays.iter().map(link).collect(),
        accepted: accepted(&row),
    }))
}

fn held(row: &Row) -> Option<Held> {
    Some(Held {
        worker: row.get::<_, Option<_>>("worker")?,
        owner: row.get("owner"),
        acquired_at: row.get::<_, Option<_>>("claimed_at").map(Timestamp),
        expires_at: Timestamp(row.get("expires_at")),
        expired: row.get("expired"),
    })
}

fn a_try(row: &Row) -> Try {
    let (started, finished): (std::time::SystemTime, _) = (row.get("started_at"), row.get("finished_at"));
    let took = std::time::SystemTime::duration_since(&finished, started).unwrap_or_default();
    Try {
        number: row.get("number"),
        started_at: Timestamp(started),
        finished_at: Timestamp(finished),
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        outcome: row.get("outcome"),
        class: row.get("class"),
        status: row.get("status"),
        message: row.get("message"),
        certain: row.get("certain"),
        operation: row.get("operation"),
        version: row.get("version"),
        digest: digest(row),
    }
}

fn link(row: &Row) -> Link {
    Link {
        id: JobId(row.get("id")),
        state: State::from_stored(row.get("state")),
    }
}

fn accepted(row: &Row) -> Option<Accepted> {
    row.get::<_, bool>("known").then(|| Accepted {
        version: row.get("version"),
        digest: digest(row),
        remote_id: row.get("remote_id"),
    })
}

fn digest(row: &Row) -> Option<String> {
    let bytes = DigestBytes::try_from(row.get::<_, Option<&[u8]>>("digest")?).ok()?;
    Some(Digest::from_bytes(bytes).to_string())
}
