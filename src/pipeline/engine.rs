//! A running Walsift: what its tasks share, and their lives from start to stop.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::counter;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::breaker::Breaker;
use super::databases::Databases;
use super::gate::Gate;
use super::health::Health;
use super::prepare::Prepared;
use super::{delivery, intake, pruner, refresher, rescuer, setup, visitor, watch};
use crate::catalog::Table;
use crate::config::Config;
use crate::diff::Reason;
use crate::metrics as names;
use crate::pg;
use crate::plan::SyncPlan;
use crate::publish::Sink;
use crate::queue::{Priority, Route, RouteId};
use crate::record::{Pace, Tally};

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
    /// Sessions on the source for what the stream waits for.
    pub quick_source: pg::Pool,
    /// Sessions on the state database.
    pub state: pg::Pool,
    pub health: Arc<Health>,
    pub stop: CancellationToken,
    pub(super) tally: Mutex<Tally>,
    /// Builds that may run at the same time.
    pub(super) builders: Arc<Gate>,
    /// What documents that are built and not delivered yet may take in memory.
    pub(super) documents_bytes: usize,
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
    /// Stands for the shape of the documents that this process builds.
    pub fingerprint: String,
    /// Of live changes.
    pub priority: Priority,
    pub pace: Pace,
    /// Woken when jobs are made; the same for all routes of a sync.
    pub jobs: Arc<Notify>,
    /// Woken when visits are made.
    pub visits: Notify,
}

/// A sink, and the places for requests that all its routes share.
#[derive(Debug)]
pub(super) struct SharedSink {
    pub sink: Sink,
    pub places: Arc<Gate>,
    pub breaker: Breaker,
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
            quick_source,
            state,
        } = databases;
        let tables = prepared.tables(&config).into_iter().cloned().collect();
        let shared = |(name, sink): (String, Sink)| {
            let places = Gate::new(sink.concurrency());
            (
                name,
                Arc::new(SharedSink {
                    sink,
                    places,
                    breaker: Breaker::default(),
                }),
            )
        };
        Self {
            plans: prepared.plans,
            tables,
            sinks: prepared.sinks.into_iter().map(shared).collect(),
            source_dsn,
            source,
            quick_source,
            state,
            health,
            stop,
            tally: Mutex::default(),
            builders: Gate::new(config.engine.workers),
            documents_bytes: config.engine.memory_bytes / 4,
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

    /// Counts what was not sent.
    pub(super) fn suppressed(&self, route: &RouteAtWork, reason: Reason, more: u64) {
        let reason = reason.as_str();
        counter!(names::SUPPRESSED, "sync" => route.sync_name.to_string(), "reason" => reason).increment(more);
        self.count(route.id, reason, more);
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
const STOP_GRACE: Duration = Duration::from_millis(8_500);

/// What is left to do at the very end may take so long.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A task has ended that should not have.
#[derive(Debug, thiserror::Error)]
#[error("a part of the engine has failed: {0}")]
pub struct Broken(String);

/// Runs until `engine.stop`; whatever fails is tried again for ever.
pub async fn run(engine: Arc<Engine>) -> Result<(), Broken> {
    let Some(routes) = first_setup(&engine).await else {
        return Ok(());
    };
    let routes: Routes = routes_at_work(&engine, &routes).into();

    let mut tasks = JoinSet::new();
    tasks.spawn(intake::run(engine.clone(), routes.clone()));
    for index in 0..routes.len() {
        tasks.spawn(visitor::run(engine.clone(), routes.clone(), index));
    }
    tasks.spawn(delivery::run(engine.clone(), routes.clone()));
    tasks.spawn(refresher::run(engine.clone(), routes.clone()));
    tasks.spawn(rescuer::run(engine.clone(), routes));
    tasks.spawn(pruner::run(engine.clone()));
    tasks.spawn(watch::run(engine.clone()));

    let broken = tokio::select! {
        () = engine.stop.cancelled() => None,
        // They go on for ever by themselves: whoever started the process is to start it anew.
        Some(ended) = tasks.join_next() => ended.err().map(|error| Broken(error.to_string())),
    };
    engine.stop.cancel();
    let finished = tokio::time::timeout(STOP_GRACE, async { while tasks.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        tracing::warn!("some tasks did not finish in time; what they held is taken over as uncertain");
    }
    let _ = tokio::time::timeout(LAST_WORDS, watch::write_tally(&engine)).await;
    broken.map_or(Ok(()), Err)
}

/// Tries until everything stands; `None` if stopped before.
async fn first_setup(engine: &Engine) -> Option<Vec<Route>> {
    let mut backoff = Backoff::new();
    loop {
        let installed = tokio::select! {
            () = engine.stop.cancelled() => return None,
            installed = setup::install(engine) => installed,
        };
        match installed {
            Ok(routes) => {
                engine.health.well("setup");
                return Some(routes);
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
    let mut at_work: Vec<RouteAtWork> = Vec::new();
    for route in routes {
        let sync = engine
            .config
            .syncs
            .iter()
            .position(|sync| sync.name == route.sync)
            .expect("routes are of syncs");
        let of_sync = at_work.iter().find(|other| other.sync == sync);
        let jobs = of_sync.map(|other| other.jobs.clone()).unwrap_or_default();
        at_work.push(RouteAtWork {
            id: route.id,
            sync,
            sync_name: route.sync.as_str().into(),
            sink_name: route.sink.as_str().into(),
            sink: engine.sinks[&route.sink].clone(),
            priority: engine.config.syncs[sync].priority.into(),
            pace: Pace {
                debounce: engine.config.syncs[sync].debounce,
                min_interval: engine.config.syncs[sync].min_interval,
            },
            fingerprint: setup::fingerprint(&engine.plans[sync], &engine.config.syncs[sync]),
            jobs,
            visits: Notify::new(),
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
