//! The right loop: one lane for each sync, under one lease.
//!
//! A session lasts as long as the lease. When the lease is lost, because the state database could not be reached in time or
//! this process was stopped for too long, everything in flight is dropped, and a new session begins under a new lease; what
//! the old one held is taken over as uncertain, by this process or another.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::engine::{Engine, Routes, chain};
use super::{fleet, lane};
use crate::pg;
use crate::queue::{self, ClaimError, Heeded, Owner, Worker};

/// How often it is looked whether the server with the state is still the same, and what people have said.
const HOME_PERIOD: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error("jobs may be held that are not known")]
    Claim(#[from] ClaimError),
    #[error("the lease on jobs is lost")]
    LeaseLost,
    #[error("another server has taken the place of the one with the state")]
    OtherServer,
}

/// Delivers until the engine stops.
pub(super) async fn run(engine: Arc<Engine>, routes: Routes) {
    let owner = Owner::current();
    let mut previous = None;
    let mut backoff = Backoff::new();
    while !engine.stop.is_cancelled() {
        match session(&engine, &routes, &owner, &mut previous, &mut backoff).await {
            Ok(()) => return,
            Err(error) => {
                if engine.health.ill("delivery", chain(&error)) {
                    tracing::error!(error = chain(&error), "delivery has stopped; trying again");
                }
                engine.pause(backoff.next()).await;
            }
        }
    }
}

async fn session(
    engine: &Arc<Engine>,
    routes: &Routes,
    owner: &Owner,
    previous: &mut Option<Arc<Worker>>,
    backoff: &mut Backoff,
) -> Result<(), SessionError> {
    let mut state = engine.state.get().await?;
    let worker = Worker::register(
        &state,
        owner,
        engine.config.engine.lease,
        previous.as_ref().map(|it| it.id),
    )
    .await?;
    if previous.is_none() {
        // The process before may have given versions that this server has never heard of, and what was to be sent then is
        // sent before the stream is looked at.
        let tx = state.transaction().await?;
        queue::skip_versions(&tx).await?;
        tx.commit().await?;
    }
    if previous
        .as_ref()
        .is_some_and(|previous| previous.server != worker.server)
    {
        let subjects = engine.recent.doubt(&mut state, routes).await?;
        tracing::warn!(
            subjects,
            "the server with the state is another: what was sent lately may have been forgotten, and is sent again"
        );
    }
    fleet::share(engine, &state, true).await?;
    drop(state);
    let worker = Arc::new(worker);
    *previous = Some(worker.clone());
    engine.health.well("delivery");
    backoff.reset();

    // Dropped with the session, whatever way it ends: nothing of it goes on under a lost lease.
    let mut lanes = JoinSet::new();
    let abandon = CancellationToken::new();
    for sync in 0..engine.plans.len() {
        lanes.spawn(lane::run(
            engine.clone(),
            routes.clone(),
            sync,
            worker.clone(),
            abandon.clone(),
        ));
    }
    let mut renewal = Box::pin(keep_lease(engine, routes, &worker));
    loop {
        tokio::select! {
            biased;
            lost = &mut renewal => {
                abandon.cancel();
                lanes.shutdown().await;
                return Err(lost);
            }
            lane = lanes.join_next() => match lane {
                // Lanes end on a stop only, when all that was in flight is written down.
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    abandon.cancel();
                    lanes.shutdown().await;
                    return Err(error.into());
                }
                Some(Err(error)) => {
                    tracing::error!(error = %error, "a lane has failed");
                    return Err(SessionError::LeaseLost);
                }
                None => break,
            },
        }
    }
    let state = engine.state.get().await?;
    worker.resign(&state).await?;
    Ok(())
}

/// Returns when the lease is lost, or good for nothing.
async fn keep_lease(engine: &Engine, routes: &Routes, worker: &Worker) -> SessionError {
    // Side by side: neither starts anew whenever the other has done something.
    tokio::select! {
        lost = leave_home(engine, routes, worker) => lost,
        lost = renew_lease(engine, worker) => lost,
    }
}

/// Renews the lease in time, and returns when it is lost.
async fn renew_lease(engine: &Engine, worker: &Worker) -> SessionError {
    let mut wait = worker.lease.renewal();
    loop {
        tokio::time::sleep(wait).await;
        let renewed = async {
            let state = engine.state.get().await?;
            Ok::<bool, SessionError>(worker.renew(&state).await?)
        };
        let left = worker.lease.expires().saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, renewed).await {
            Ok(Ok(true)) => wait = worker.lease.renewal(),
            Ok(Ok(false)) | Err(_) => return SessionError::LeaseLost,
            Ok(Err(error)) => {
                if worker.lease.expires() <= Instant::now() {
                    return error;
                }
                tracing::warn!(error = chain(&error), "cannot renew the lease on jobs; trying again");
                wait = worker.lease.renewal() / 4;
            }
        }
    }
}

/// Returns once the server with the state is another; until then heeds what people say there.
async fn leave_home(engine: &Engine, routes: &Routes, worker: &Worker) -> SessionError {
    loop {
        let looked = async {
            let state = engine.state.get().await?;
            let is_at_home = worker.is_at_home(&state).await?;
            if is_at_home {
                heed(engine, routes, &queue::heed(&state, worker.id).await?);
            }
            Ok::<bool, SessionError>(is_at_home)
        };
        // One that cannot be reached is no other one.
        if let Ok(false) = looked.await {
            return SessionError::OtherServer;
        }
        tokio::time::sleep(HOME_PERIOD).await;
    }
}

fn heed(engine: &Engine, routes: &Routes, said: &Heeded) {
    engine.drain.ask(said.draining);
    for route in routes.iter() {
        if said.backfilled.contains(&route.id) {
            route.backfills.notify_one();
        }
        let is_closed = said.closed.contains(&route.id);
        let rests = is_closed || said.resting.contains(&route.id);
        if route.rests.swap(rests, Ordering::Relaxed) != rests {
            let what = match (rests, is_closed) {
                (true, true) => "is handed over to a rebuild",
                (true, false) => "is paused by hand",
                (false, _) => "goes on",
            };
            tracing::info!(sync = %route.sync_name, sink = %route.sink_name, "the sync {what}");
        }
    }
}
