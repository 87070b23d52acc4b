//! A running Walsift: what its tasks share, and their lives from start to stop.
//!
//! An engine is one *generation*: it knows the tables as they were when it was made, and the syncs that can work with them.
//! When the tables change it ends like at a stop, and another one takes its place; see [`super::generation`].

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::counter;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::assess::{Assessment, Standing};
use super::backoff::Backoff;
use super::drainer::Drain;
use super::fingerprint::Fingerprint;
use super::gate::Gate;
use super::generation::Ground;
use super::health::Health;
use super::reading::Reading;
use super::recent::Recent;
use super::schema::Hints;
use super::shared_sink::SharedSink;
use super::{compactor, delivery, intake, pruner, rebuilder, refresher, rescuer, setup, visitor, watch};
use crate::catalog::Table;
use crate::config::Config;
use crate::diff::Reason;
use crate::metrics as names;
use crate::pg;
use crate::plan::SyncPlan;
use crate::queue::{Priority, Rebuild, Route, RouteId};
use crate::record::{Pace, Tally};
use crate::wal::Relation;

/// What all tasks share.
#[derive(Debug)]
pub struct Engine {
    /// With the syncs that are at work only; `plans` are theirs, in the same order.
    pub config: Config,
    pub plans: Arc<[SyncPlan]>,
    /// The tables that they read.
    pub tables: Vec<Table>,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) paused: Vec<Paused>,
    pub(super) hints: Hints,
    /// Those that are filled beside others too, by the names of their routes.
    pub(super) sinks: BTreeMap<String, Arc<SharedSink>>,
    /// Of the syncs that are at work.
    pub(super) rebuilds: Vec<Rebuild>,
    pub source_dsn: pg::Dsn,
    pub state_dsn: pg::Dsn,
    /// Sessions on the source: catalogue and look-ups.
    pub source: pg::Pool,
    /// Sessions for building documents.
    pub(super) reading: Arc<Reading>,
    /// Sessions on the source for what the stream waits for.
    pub quick_source: pg::Pool,
    /// Sessions on the state database.
    pub state: pg::Pool,
    pub health: Arc<Health>,
    pub stop: CancellationToken,
    pub(super) drain: Drain,
    pub(super) recent: Arc<Recent>,
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
    /// Stands for the sync as it is configured.
    pub configured: String,
    /// Of live changes.
    pub priority: Priority,
    pub pace: Pace,
    /// Woken when jobs are made; the same for all routes of a sync.
    pub jobs: Arc<Notify>,
    /// Woken when visits are made.
    pub visits: Notify,
    /// Woken when backfills are made, and when something of one has come to its end.
    pub backfills: Notify,
    /// Somebody has paused the sync or the sink: what is not under way is let go of.
    pub rests: AtomicBool,
}

pub(super) type Routes = Arc<[RouteAtWork]>;

/// A sync that cannot work with the tables as they are.
#[derive(Debug)]
pub(super) struct Paused {
    pub sync: String,
    pub sinks: Vec<String>,
    /// One line.
    pub reason: String,
    /// Those of its tables that are there.
    pub tables: Vec<Table>,
}

impl Engine {
    pub(super) fn new(ground: &Ground, assessment: Assessment, stop: CancellationToken) -> Self {
        let beside = ground
            .beside
            .of(assessment.rebuilds.standing, &ground.config, &ground.shared_sinks);
        let mut config = ground.config.clone();
        let syncs = std::mem::take(&mut config.syncs);
        let (mut plans, mut fingerprints, mut tables, mut paused) = (vec![], vec![], vec![], vec![]);
        for (sync, standing) in syncs.into_iter().zip(assessment.standings) {
            match standing {
                Standing::AtWork(planned) => {
                    config.syncs.push(sync);
                    plans.push(planned.plan);
                    fingerprints.push(planned.fingerprint);
                    tables.extend(planned.tables);
                }
                Standing::Paused { reason, tables } => paused.push(Paused {
                    sync: sync.name,
                    sinks: sync.sinks,
                    reason,
                    tables,
                }),
            }
        }
        tables.sort_by_key(|table: &Table| table.id);
        tables.dedup_by_key(|table| table.id);
        let databases = &ground.databases;
        let mut sinks = ground.shared_sinks.clone();
        let mut rebuilds = Vec::new();
        for (rebuild, sink) in beside {
            if config.syncs.iter().any(|sync| sync.name == rebuild.sync) {
                sinks.insert(rebuild.label(), sink);
                rebuilds.push(rebuild);
            }
        }
        Self {
            plans: plans.into(),
            tables,
            fingerprints,
            paused,
            hints: Hints::default(),
            sinks,
            rebuilds,
            source_dsn: databases.source_dsn.clone(),
            state_dsn: databases.state_dsn.clone(),
            source: databases.source.clone(),
            reading: databases.reading.clone(),
            quick_source: databases.quick_source.clone(),
            state: databases.state.clone(),
            health: Arc::new(ground.health.shared()),
            recent: ground.recent.clone(),
            stop,
            drain: Drain::default(),
            tally: Mutex::default(),
            builders: Gate::new(config.engine.workers),
            documents_bytes: config.engine.memory_bytes / 4,
            config,
        }
    }

    /// Closes what is open to servers, which may not be the right ones any more.
    pub(super) fn hang_up(&self) {
        for pool in [&self.source, &self.quick_source, &self.state] {
            pool.hang_up();
        }
        self.reading.hang_up();
    }

    /// A relation of the stream, under the name that its table has in the plans: it may have had another one when its rows
    /// were written, or have another one now.
    pub(super) fn as_planned(&self, mut relation: Relation) -> Relation {
        if let Some(table) = self.tables.iter().find(|table| table.id == relation.oid) {
            relation.schema.clone_from(&table.schema);
            relation.name.clone_from(&table.name);
        }
        relation
    }

    /// The rebuild that a route belongs to, if it does.
    pub(super) fn rebuild_of(&self, route: RouteId) -> Option<&Rebuild> {
        self.rebuilds.iter().find(|rebuild| rebuild.route == route)
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

/// A task has ended that should not have.
#[derive(Debug, thiserror::Error)]
#[error("a part of the engine has failed: {0}")]
pub struct Broken(String);

/// The tasks of an engine that runs.
pub(super) struct Tasks {
    pub routes: Routes,
    /// Holds the slot.
    reading: JoinSet<()>,
    others: JoinSet<()>,
}

/// Starts the tasks; `None` if stopped before everything stood.
pub(super) async fn start(engine: &Arc<Engine>) -> Option<Tasks> {
    let routes = first_setup(engine).await?;
    let routes: Routes = routes_at_work(engine, &routes).into();
    let (mut reading, mut others) = (JoinSet::new(), JoinSet::new());
    reading.spawn(intake::run(engine.clone(), routes.clone()));
    for index in 0..routes.len() {
        others.spawn(visitor::run(engine.clone(), routes.clone(), index));
    }
    others.spawn(delivery::run(engine.clone(), routes.clone()));
    others.spawn(refresher::run(engine.clone(), routes.clone()));
    others.spawn(rescuer::run(engine.clone(), routes.clone()));
    others.spawn(rebuilder::run(engine.clone(), routes.clone()));
    others.spawn(pruner::run(engine.clone()));
    others.spawn(compactor::run(engine.clone()));
    others.spawn(watch::run(engine.clone()));
    Some(Tasks {
        routes,
        reading,
        others,
    })
}

impl Tasks {
    /// Returns if a task fails: they go on for ever by themselves, so whoever started the process is to start it anew.
    pub async fn failed(&mut self) -> Broken {
        loop {
            let ended = tokio::select! {
                Some(ended) = self.reading.join_next() => ended,
                Some(ended) = self.others.join_next() => ended,
                else => std::future::pending().await,
            };
            if let Err(error) = ended {
                return Broken(error.to_string());
            }
        }
    }

    /// After a stop: until the slot is free.
    pub async fn reading_ended(&mut self) {
        while self.reading.join_next().await.is_some() {}
    }

    /// After a stop: until all that was in flight is finished and written down.
    pub async fn ended(&mut self) {
        self.reading_ended().await;
        while self.others.join_next().await.is_some() {}
    }
}

/// Tries until everything stands; `None` if stopped before.
async fn first_setup(engine: &Arc<Engine>) -> Option<Vec<Route>> {
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
        let Some(sync) = engine.config.syncs.iter().position(|sync| sync.name == route.sync) else {
            continue;
        };
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
            fingerprint: engine.fingerprints[sync].text(),
            configured: setup::configured(&engine.config.syncs[sync]),
            jobs,
            visits: Notify::new(),
            backfills: Notify::new(),
            rests: AtomicBool::new(false),
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
