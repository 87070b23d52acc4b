//! Visiting every subject of a route on a period.

use std::time::Duration;

use super::{NewBackfill, RouteId, Walk, start_backfill};
use crate::pg;

/// Makes a backfill of a route if `period` is over since the last time; the first begins with the first call. While one stands
/// from the last time no other is made: a period that is too short is passed over. One process makes it, whoever comes
/// first. Returns whether the period was over.
pub async fn refresh(client: &mut pg::Client, route: RouteId, period: Duration) -> Result<bool, pg::Error> {
    let tx = client.transaction().await?;
    let moving = tx
        .prepare_cached(include_str!("../../sql/queue/refresh_route.sql"))
        .await?;
    let moved = tx.query_opt(&moving, &[&route.0, &period.as_secs_f64()]).await?;
    let is_over = moved.is_some_and(|row| row.get("is_over"));
    if is_over {
        let standing = tx
            .prepare_cached(include_str!("../../sql/queue/refresh_stands.sql"))
            .await?;
        if !tx.query_one(&standing, &[&route.0]).await?.get::<_, bool>("stands") {
            // Those that the source has, and those of which it may have lost a delete.
            let refresh = NewBackfill {
                reconcile: true,
                spread: Some(period),
                ..NewBackfill::new(route, "refresh", Walk::Source)
            };
            start_backfill(&tx, &refresh).await?;
        }
    }
    tx.commit().await?;
    Ok(is_over)
}
