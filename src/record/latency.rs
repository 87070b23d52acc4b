//! How long deliveries take, by what is on record.

use std::time::Duration;

use tokio_postgres::GenericClient;

use crate::pg;
use crate::queue::RouteId;

/// So many deliveries are looked at.
const DELIVERIES_MAX: i64 = 500;

/// How long a delivery of a route typically takes. `None` where none is on record: by default those that never failed are
/// not kept.
pub async fn latency(client: &impl GenericClient, route: RouteId) -> Result<Option<Duration>, pg::Error> {
    let row = client
        .query_one(
            include_str!("../../sql/record/latency.sql"),
            &[&route.0, &DELIVERIES_MAX],
        )
        .await?;
    let seconds: Option<f64> = row.get("seconds");
    Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
}
