//! Takes away what is left of routes that others have taken the place of, a little at a time.

use crate::pg;
use crate::queue::RouteId;

/// Rows taken away in one commit.
const BATCH: i64 = 1_000;

/// A route that is retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    pub id: RouteId,
    /// A reader still makes jobs for it.
    pub mapped: bool,
}

pub async fn retired(client: &pg::Client) -> Result<Vec<Retired>, pg::Error> {
    let rows = client.query(include_str!("../../sql/rebuild/retired.sql"), &[]).await?;
    let retired = |row: &tokio_postgres::Row| Retired {
        id: RouteId(row.get("id")),
        mapped: row.get("mapped"),
    };
    Ok(rows.iter().map(retired).collect())
}

/// Goes on from `after`, the last key of the state that was taken away. Returns whether there may be more; the route itself goes
/// once nobody makes jobs for it.
pub async fn sweep(client: &pg::Client, route: Retired, after: &mut Option<String>) -> Result<bool, pg::Error> {
    let mut most = 0;
    for sql in [
        include_str!("../../sql/rebuild/sweep_visits.sql"),
        include_str!("../../sql/rebuild/sweep_backfills.sql"),
        include_str!("../../sql/rebuild/sweep_jobs.sql"),
        include_str!("../../sql/rebuild/sweep_finished.sql"),
    ] {
        most = most.max(client.execute(sql, &[&route.id.0, &BATCH]).await?);
    }
    let sql = include_str!("../../sql/rebuild/sweep_state.sql");
    let state = client.query_one(sql, &[&route.id.0, after, &BATCH]).await?;
    most = most.max(state.get::<_, i64>("forgotten").unsigned_abs());
    *after = state.get::<_, Option<String>>("last").or(after.take());
    if most >= BATCH.unsigned_abs() {
        return Ok(true);
    }
    if !route.mapped {
        for sql in [
            include_str!("../../sql/rebuild/sweep_tally.sql"),
            include_str!("../../sql/rebuild/sweep_route.sql"),
        ] {
            client.execute(sql, &[&route.id.0]).await?;
        }
    }
    Ok(false)
}
