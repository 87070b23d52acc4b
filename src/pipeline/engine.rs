//! A running Walsift: what its tasks share, and their lives from start to stop.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::databases::Databases;
use super::health::Health;
use super::prepare::Prepared;
use super::setup::{Setup, set_up};
use super::{delivery, intake, pruner, visitor, watch};
use crate::catalog::Table;
use crate::config::Config;
use crate::pg;
use crate::plan::SyncPlan;
use crate::publish::Sink;
use crate::queue::{Route, RouteId};
use crate::record::Tally;

/// What all tasks share.
#[derive(Debug)]
pub struct Engine {
    pub config: Config,
    pub plans: Arc<[SyncPlan]>,
    pub tables: Vec<Table>,
    pub(super) sinks: BTreeMap<String, Arc<SharedSink>>,
    pub source_dsn: pg::Dsn,
    /// Sessions on the source: catalogue, look-ups, builds.
    pub source: pg::Pool,
    /// Sessions on the state database.
    pub state: pg::Pool,
    pub health: Arc<Health>,
    pub stop: CancellationToken,
    pub(super) tally: Mutex<Tally>,
    /// Woken when a visit is made.
    pub(super) visits: Notify,
    /// Builds that may run at the same time.
    pub(super) builders: Semaphore,
}

/// A route at work.
#[derive(Debug)]
pub(super) struct RouteAtWork {
    pub id: RouteId,
    /// Position of the sync in the plans.
    pub sync: usize,
    pub sync_name: Arc<str>,
    pub sink_name: Arc<str>,
    pub sink: Arc<SharedSink>,
    /// Woken when jobs are made.
    pub jobs: Notify,
}

/// A sink, and the places for requests that all its routes share.
#[derive(Debug)]
pub(super) struct SharedSink {
    pub sink: Sink,
    pub places: Semaphore,
}

pub(super) type Routes = Arc<[RouteAtWork]>;

impl Engine {
    pub fn new(
        config: Config,
        prepared: Prepared,
        databases: Databases,
        health: Arc<Health>,
        stop: CancellationToken,
    ) -> Self {
        let Databases {
            source_dsn,
            source,
            state,
        } = databases;
        let tables = prepared.tables(&config).into_iter().cloned().collect();
        let shared = |(name, sink): (String, Sink)| {
            let places = Semaphore::new(sink.concurrency());
            (name, Arc::new(SharedSink { sink, places }))
        };
        Self {
            plans: prepared.plans,
            tables,
            sinks: prepared.sinks.into_iter().map(shared).collect(),
            source_dsn,
            source,
            state,
            health,
            stop,
            tally: Mutex::default(),
            visits: Notify::new(),
            builders: Semaphore::new(config.engine.workers),
            config,
        }
    }

    /// Counts for `status`.
    pub(super) fn count(&self, route: RouteId, name: &'static str, more: u64) {
        if more > 0 {
            *self
                .tally
                .lock()
                .expect("no holder panics")
                .entry((route, name))
                .or_default() += more;
        }
    }

    pub(super) async fn set_up(&self) -> Result<Setup, super::setup::SetupError> {
        let tables: Vec<&Table> = self.tables.iter().collect();
        set_up(&self.config, &self.plans, &tables, &self.source, &self.state).await
    }

    /// The time to wait, cut short by a stop. Returns whether to go on.
    pub(super) async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(time) => true,
        }
    }
}

/// How long a stop may take in all: within ten seconds the process is gone.
const STOP_GRACE: Duration = Duration::from_secs(9);

/// Runs until `engine.stop`; whatever fails is tried again for ever.
pub async fn run(engine: Arc<Engine>) {
    let Some(routes) = first_setup(&engine).await else {
        return;
    };
    let routes: Routes = routes_at_work(&engine, &routes).into();

    let mut tasks = JoinSet::new();
    tasks.spawn(intake::run(engine.clone(), routes.clone()));
    tasks.spawn(visitor::run(engine.clone(), routes.clone()));
    tasks.spawn(delivery::run(engine.clone(), routes.clone()));
    tasks.spawn(pruner::run(engine.clone()));
    tasks.spawn(watch::run(engine.clone()));

    engine.stop.cancelled().await;
    let finished = tokio::time::timeout(STOP_GRACE, async { while tasks.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        tracing::warn!("some tasks did not finish in time; what they held is taken over as uncertain");
    }
    watch::write_tally(&engine).await;
}

/// Tries until everything stands; `None` if stopped before.
async fn first_setup(engine: &Engine) -> Option<Vec<Route>> {
    let mut backoff = Backoff::new();
    loop {
        let set_up = tokio::select! {
            () = engine.stop.cancelled() => return None,
            set_up = engine.set_up() => set_up,
        };
        match set_up {
            Ok(setup) => {
                engine.health.well("setup");
                return Some(setup.routes);
            }
            Err(error) => {
                if engine.health.ill("setup", error.to_string()) {
                    tracing::error!(error = chain(&error), "cannot set up; trying again");
                }
            }
        }
        if !engine.pause(backoff.next()).await {
            return None;
        }
    }
}

fn routes_at_work(engine: &Engine, routes: &[Route]) -> Vec<RouteAtWork> {
    let mut at_work = Vec::new();
    for route in routes {
        let sync = engine
            .config
            .syncs
            .iter()
            .position(|sync| sync.name == route.sync)
            .expect("routes are of syncs");
        at_work.push(RouteAtWork {
            id: route.id,
            sync,
            sync_name: route.sync.as_str().into(),
            sink_name: route.sink.as_str().into(),
            sink: engine.sinks[&route.sink].clone(),
            jobs: Notify::new(),
        });
    }
    at_work
}

/// An error with all its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}
