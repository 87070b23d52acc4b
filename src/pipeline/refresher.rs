//! Visits every subject of a sync on a period, for what changes without a row being written, and as a safety net. The clock is
//! the state database's, one for each route, whatever the processes do.

use std::sync::Arc;
use std::time::Duration;

use super::engine::{Engine, RouteAtWork, Routes, chain};
use crate::pg;
use crate::queue;

/// Periods are minutes at least; nothing tells when one is over.
const LOOK_PERIOD: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

pub(super) async fn run(engine: Arc<Engine>, routes: Routes) {
    let refreshed = |route: &RouteAtWork| engine.config.syncs[route.sync].refresh_every;
    let refreshed: Vec<(&RouteAtWork, Duration)> = routes
        .iter()
        .filter_map(|route| Some((route, refreshed(route)?)))
        .collect();
    loop {
        for (route, period) in &refreshed {
            if engine.drain.is_asked() {
                break;
            }
            if let Err(error) = look(&engine, route, *period).await {
                tracing::debug!(
                    error = chain(&error),
                    "cannot look whether subjects are to be visited again"
                );
            }
        }
        let go_on = if refreshed.is_empty() {
            engine.stop.cancelled().await;
            false
        } else {
            engine.pause(LOOK_PERIOD).await
        };
        if !go_on {
            return;
        }
    }
}

async fn look(engine: &Engine, route: &RouteAtWork, period: Duration) -> Result<(), RefreshError> {
    let mut state = engine.state.get().await?;
    if queue::refresh(&mut state, route.id, period).await? {
        tracing::info!(sync = %route.sync_name, sink = %route.sink_name, "the period is over: every subject will be visited");
        route.visits.notify_one();
    }
    Ok(())
}
