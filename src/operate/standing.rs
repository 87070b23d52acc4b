//! How a subject stands with one of its sinks.

use std::collections::HashMap;
use std::time::SystemTime;

use tokio_postgres::Row;

use crate::build::Digest;
use crate::diff;
use crate::mapping::SubjectKey;
use crate::pg;
use crate::queue::{Correlation, DigestBytes, JobId};

#[derive(Debug, Clone)]
pub struct Standing {
    /// What the sink accepted last, with its version; `None` if it never accepted anything.
    pub accepted: Option<(diff::Accepted, i64)>,
    pub remote_id: Option<String>,
    /// Its active job.
    pub job: Option<JobId>,
    pub correlation: Correlation,
    /// A worker was lost with the job in hand.
    pub uncertain: bool,
    /// The job sends even what is equal.
    pub forced: bool,
    /// The last try of the job on record.
    sent: Option<(i64, DigestBytes)>,
    next_version: i64,
}

/// Fails on a state that was never made.
pub async fn standing(client: &pg::Client, sync: &str, sink: &str, key: &SubjectKey) -> Result<Standing, pg::Error> {
    let sql = include_str!("../../sql/operate/standing.sql");
    let row = client.query_one(sql, &[&sync, &sink, &key.as_str()]).await?;
    let accepted = diff::Accepted {
        digest: digest(&row, "accepted_digest").map(Digest::from_bytes),
    };
    let job = row.get::<_, Option<i64>>("job").map(JobId);
    let created_at = row.get::<_, Option<SystemTime>>("created_at");
    Ok(Standing {
        accepted: row
            .get::<_, Option<i64>>("accepted_version")
            .map(|version| (accepted, version)),
        remote_id: row.get("remote_id"),
        job,
        correlation: Correlation::new(job.unwrap_or(JobId(0)), created_at.unwrap_or_else(SystemTime::now)),
        uncertain: row.get("uncertain"),
        forced: row.get("forced"),
        sent: row
            .get::<_, Option<i64>>("sent_version")
            .zip(digest(&row, "sent_digest")),
        next_version: row.get("next_version"),
    })
}

/// What is known of one of many subjects.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What the sink accepted last, with its version; `None` if it never accepted anything.
    pub accepted: Option<(diff::Accepted, i64)>,
    /// That document, [packed](crate::record::pack), where the sync keeps it.
    pub packed: Option<Vec<u8>>,
    /// What the sink calls the subject, where it chose the name.
    pub remote_id: Option<String>,
    /// Its active job.
    pub job: Option<JobId>,
    /// A worker was lost with the job in hand.
    pub uncertain: bool,
}

/// As [`standing`], of many subjects, for each of them.
pub async fn standings(
    client: &pg::Client,
    sync: &str,
    sink: &str,
    keys: &[SubjectKey],
) -> Result<HashMap<SubjectKey, Kept>, pg::Error> {
    let statement = client
        .prepare_cached(include_str!("../../sql/operate/standings.sql"))
        .await?;
    let texts: Vec<&str> = keys.iter().map(SubjectKey::as_str).collect();
    let rows = client.query(&statement, &[&sync, &sink, &texts]).await?;
    let kept = |row: &Row| {
        let accepted = diff::Accepted {
            digest: digest(row, "digest").map(Digest::from_bytes),
        };
        let kept = Kept {
            accepted: row.get::<_, Option<i64>>("version").map(|version| (accepted, version)),
            packed: row.get("document"),
            remote_id: row.get("remote_id"),
            job: row.get::<_, Option<i64>>("job").map(JobId),
            uncertain: row.get("uncertain"),
        };
        (SubjectKey::from_stored(row.get("key")), kept)
    };
    Ok(rows.iter().map(kept).collect())
}

fn digest(row: &Row, name: &str) -> Option<DigestBytes> {
    DigestBytes::try_from(row.get::<_, Option<&[u8]>>(name)?).ok()
}

impl Standing {
    /// Of a subject of which nothing is known.
    pub fn unknown() -> Self {
        Self {
            accepted: None,
            remote_id: None,
            job: None,
            correlation: Correlation::new(JobId(0), SystemTime::now()),
            uncertain: false,
            forced: false,
            sent: None,
            next_version: 1,
        }
    }

    /// The version under which this would be sent, as far as nothing else is sent before.
    pub fn version(&self, digest: Digest) -> i64 {
        match self.sent {
            Some((version, sent)) if !self.uncertain && sent == digest.to_bytes() => version,
            _ => self.next_version,
        }
    }
}
