//! How things stand: jobs, counts and visits, for people and for metrics.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::pg;
use crate::queue;

#[derive(Debug, Clone, Serialize)]
pub struct Survey {
    /// By sync and sink, those that are no longer configured too.
    pub routes: Vec<RouteSurvey>,
    /// Visits of many subjects that are not finished.
    pub visits: i64,
}

#[derive(Debug, Clone, Serialize)]
pub struct RouteSurvey {
    pub sync: String,
    pub sink: String,
    /// Why it cannot work at present.
    pub paused: Option<String>,
    /// Since when its sync rests because somebody said so; RFC 3339, UTC.
    pub sync_paused_since: Option<String>,
    /// The same of its sink.
    pub sink_paused_since: Option<String>,
    pub jobs: Jobs,
    /// Age of the oldest active job.
    pub oldest_seconds: Option<f64>,
    /// Deliveries accepted since ever, by operation.
    pub published: BTreeMap<String, i64>,
    /// What was not sent since ever, by reason.
    pub suppressed: BTreeMap<String, i64>,
}

impl RouteSurvey {
    /// What of it rests because somebody said so: `sync` or `sink`, its name, and since when.
    pub fn paused_by_hand(&self) -> impl Iterator<Item = (&'static str, &str, &str)> {
        let sync = self
            .sync_paused_since
            .as_deref()
            .map(|since| ("sync", self.sync.as_str(), since));
        let sink = self
            .sink_paused_since
            .as_deref()
            .map(|since| ("sink", queue::configured_sink(&self.sink), since));
        sync.into_iter().chain(sink)
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Jobs {
    pub pending: i64,
    pub running: i64,
    /// Of those two, the ones that have failed before.
    pub failing: i64,
    /// Refused for good, and nothing newer has been delivered since.
    pub failed: i64,
    /// Out of attempts, and the same.
    pub dead: i64,
}

pub async fn survey(client: &pg::Client) -> Result<Survey, pg::Error> {
    let mut tallies: BTreeMap<i16, Vec<(String, i64)>> = BTreeMap::new();
    for row in client.query(include_str!("../../sql/status/tallies.sql"), &[]).await? {
        tallies
            .entry(row.get("route"))
            .or_default()
            .push((row.get("name"), row.get("value")));
    }
    let rows = client.query(include_str!("../../sql/status/routes.sql"), &[]).await?;
    let mut route = |row: &tokio_postgres::Row| {
        let counts = tallies.remove(&row.get("id")).unwrap_or_default();
        let (published, suppressed) = counts
            .into_iter()
            .partition(|(name, _)| ["upsert", "delete"].contains(&name.as_str()));
        RouteSurvey {
            sync: row.get("sync"),
            sink: row.get("sink"),
            paused: row.get("paused"),
            sync_paused_since: row.get("sync_paused_since"),
            sink_paused_since: row.get("sink_paused_since"),
            jobs: Jobs {
                pending: row.get("pending"),
                running: row.get("running"),
                failing: row.get("failing"),
                failed: row.get("failed"),
                dead: row.get("dead"),
            },
            oldest_seconds: row.get("oldest_seconds"),
            published,
            suppressed,
        }
    };
    let routes = rows.iter().map(&mut route).collect();
    let visits = client
        .query_one(include_str!("../../sql/status/visits.sql"), &[])
        .await?
        .get("waiting");
    Ok(Survey { routes, visits })
}
