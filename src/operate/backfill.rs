//! Backfills that a person asks for, and what people ask of backfills.

use serde::Serialize;

use crate::mapping::SubjectKey;
use crate::pg;
use crate::plan::SyncPlan;
use crate::queue::{self, BackfillId, NewBackfill, RouteId};

/// Keys in a row of the state, and at the same time the most of one chunk.
const PAGE_KEYS: usize = 500;

/// A backfill as it stands.
#[derive(Debug, Clone, Serialize)]
pub struct BackfillStatus {
    pub id: i64,
    pub sync: String,
    pub sink: String,
    /// `first`, `resync`, `change`, `refresh`, `asked`.
    pub cause: String,
    /// `pending`, `running`, `paused`, `done`, `canceled`, `superseded`.
    pub state: String,
    /// `keys`, `source`, `known`, `missing`, `end`.
    pub walk: String,
    pub reconcile: bool,
    pub condition: Option<String>,
    pub forced: bool,
    /// Most subjects a second.
    pub rate: Option<f64>,
    /// Subjects in all, as far as is known.
    pub estimate: Option<i64>,
    pub visited: i64,
    /// Those of them that somebody has in hand.
    pub in_hand: i64,
    pub sent: i64,
    /// Subjects that became a job, as they failed or had to wait.
    pub left_over: i64,
    /// Why it cannot go on at present.
    pub error: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub finished_at: Option<String>,
    /// Since it began, up to its end.
    pub seconds: Option<f64>,
}

impl BackfillStatus {
    pub fn is_over(&self) -> bool {
        self.finished_at.is_some()
    }

    /// Subjects a second, since it began.
    pub fn speed(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let visited = self.visited as f64;
        self.seconds
            .filter(|seconds| *seconds > 0.0)
            .map(|seconds| visited / seconds)
    }

    /// Until it is done at this speed, where it is known how many subjects there are.
    pub fn seconds_left(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let left = (self.estimate? - self.visited).max(0) as f64;
        let speed = self.speed().filter(|speed| *speed > 0.0)?;
        (self.state == "running").then_some(left / speed)
    }
}

/// Those of these routes, the newest first; `over`: with those that are over.
pub async fn backfills(
    client: &pg::Client,
    routes: &[RouteId],
    over: bool,
    only: Option<&[BackfillId]>,
    most: u32,
) -> Result<Vec<BackfillStatus>, pg::Error> {
    let routes: Vec<i16> = routes.iter().map(|route| route.0).collect();
    let only: Option<Vec<i64>> = only.map(|only| only.iter().map(|id| id.0).collect());
    let sql = include_str!("../../sql/backfill/list.sql");
    let rows = client.query(sql, &[&routes, &over, &only, &i64::from(most)]).await?;
    let status = |row: &tokio_postgres::Row| BackfillStatus {
        id: row.get("id"),
        sync: row.get("sync"),
        sink: row.get("sink"),
        cause: row.get("cause"),
        state: row.get("state"),
        walk: row.get("walk"),
        reconcile: row.get("reconcile"),
        condition: row.get("condition"),
        forced: row.get("forced"),
        rate: row.get("rate"),
        estimate: row.get("estimate"),
        visited: row.get("visited"),
        in_hand: row.get("in_hand"),
        sent: row.get("sent"),
        left_over: row.get("left_over"),
        error: row.get("error"),
        created_at: row.get("created_at"),
        finished_at: row.get("finished_at"),
        seconds: row.get("seconds"),
    };
    Ok(rows.iter().map(status).collect())
}

/// Makes a backfill, of these keys where there are some. `None`: one stands that has not begun and will find whatever this one
/// would.
pub async fn start_backfill(
    client: &mut pg::Client,
    new: &NewBackfill,
    keys: &[SubjectKey],
) -> Result<Option<BackfillId>, pg::Error> {
    let tx = client.transaction().await?;
    let id = queue::start_backfill(&tx, new).await?;
    if let Some(id) = id.filter(|_| !keys.is_empty()) {
        for (number, page) in (1..).zip(keys.chunks(PAGE_KEYS)) {
            queue::add_page(&tx, id, number, page).await?;
        }
        let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        let sql = include_str!("../../sql/backfill/estimate.sql");
        tx.execute(sql, &[&id.0, &count]).await?;
    }
    tx.commit().await?;
    Ok(id)
}

/// What the source says to an SQL expression about rows of the root table; `Err` within: why it refuses it.
pub async fn check_condition(
    source: &pg::Client,
    plan: &SyncPlan,
    condition: &str,
) -> Result<Result<(), String>, pg::Error> {
    let filtered = plan.walk.filtered(&plan.shape, condition);
    for sql in [&filtered.first, &filtered.next, &filtered.estimate] {
        match source.prepare(sql).await {
            Ok(_) => {}
            Err(error) if pg::disposition(&error) == pg::Disposition::Connection => return Err(error),
            Err(error) => return Ok(Err(pg::describe(&error))),
        }
    }
    Ok(Ok(()))
}

/// Lets a backfill rest, or go on. `false`: it is over, or there is none.
pub async fn pause_backfill(client: &pg::Client, id: BackfillId, rests: bool) -> Result<bool, pg::Error> {
    let sql = include_str!("../../sql/backfill/pause.sql");
    Ok(client.query_opt(sql, &[&id.0, &rests]).await?.is_some())
}

/// Ends a backfill; what is in hand is finished. `false`: it is over, or there is none.
pub async fn cancel_backfill(client: &pg::Client, id: BackfillId) -> Result<bool, pg::Error> {
    let sql = include_str!("../../sql/backfill/cancel.sql");
    Ok(client.query_opt(sql, &[&id.0]).await?.is_some())
}
