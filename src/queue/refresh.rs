//! Visiting every subject of a route on a period.

use std::time::Duration;

use super::{Kind, NewVisit, Priority, RouteId, insert_visit};
use crate::pg;

/// Makes the visits of a route if `period` is over since the last time; the first begins with the first call. What still
/// stands from the last time is not made again: a period that is too short for its visits is passed over. One process makes
/// them, whoever comes first. Returns whether the period was over.
pub async fn refresh(client: &mut pg::Client, route: RouteId, period: Duration) -> Result<bool, pg::Error> {
    let tx = client.transaction().await?;
    let moving = tx
        .prepare_cached(include_str!("../../sql/queue/refresh_route.sql"))
        .await?;
    let moved = tx.query_opt(&moving, &[&route.0, &period.as_secs_f64()]).await?;
    let is_over = moved.is_some_and(|row| row.get("is_over"));
    if is_over {
        let standing = tx
            .prepare_cached(include_str!("../../sql/queue/visit_stands.sql"))
            .await?;
        // Those that the source has, and those of which it may have lost a delete.
        for kind in [Kind::All, Kind::Known] {
            if tx.query_one(&standing, &[&route.0, &kind.name()]).await?.get("stands") {
                continue;
            }
            let visit = NewVisit {
                route,
                kind,
                xid: None,
                horizon: None,
                last_key: None,
                priority: Priority::Bulk,
                changed_at: None,
            };
            insert_visit(&tx, &visit).await?;
        }
    }
    tx.commit().await?;
    Ok(is_over)
}
