//! Gives up workers that are gone: those whose lease has run out, and those known to have died on this machine, whose jobs
//! then need not wait for that. And counts those that are left.

use std::sync::Arc;
use std::time::Duration;

use super::engine::{Engine, Routes, chain};
use super::fleet;
use crate::pg;
use crate::queue::{Owner, Worker};

const PERIOD: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum RescueError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

pub(super) async fn run(engine: Arc<Engine>, routes: Routes) {
    let owner = Owner::current();
    while engine.pause(PERIOD).await {
        match rescue(&engine, &owner).await {
            Ok(0) => {}
            Ok(gone) => {
                tracing::info!(
                    workers = gone,
                    "workers are gone; their jobs are taken over as uncertain"
                );
                for route in routes.iter() {
                    route.jobs.notify_one();
                }
            }
            Err(error) => tracing::debug!(error = chain(&error), "cannot look after workers at present"),
        }
    }
}

async fn rescue(engine: &Engine, owner: &Owner) -> Result<usize, RescueError> {
    let state = engine.state.get().await?;
    let gone = Worker::give_up_gone(&state, owner, None).await?;
    fleet::share(engine, &state, false).await?;
    Ok(gone)
}
