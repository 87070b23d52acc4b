//! One engine after the other, each made for the tables as they are.
//!
//! ```text
//! assess ─▶ engine ─(the tables are others)─▶ assess ─▶ engine ─▶ …
//!              └── finishes what is in flight, beside the next one
//! ```
//!
//! A change of generation is a stop and a start within the process: the slot is let go of and taken again, jobs in flight
//! are finished under the lease that they are held by, and what the next engine has to visit is decided by the same code
//! as at a start ([`super::setup`]). Syncs that cannot work with the tables have no part in it: no lane, no visitor, no
//! mapping. The routes that the reader notes leave them out, so once they are back everything of theirs is visited.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::assess::{self, Assessment, Standing};
use super::beside::Beside;
use super::databases::Databases;
use super::engine::{self, Broken, Engine, Tasks};
use super::health::Health;
use super::prepare::{PrepareError, Prepared, Sinks};
use super::recent::Recent;
use super::schema::{self, Current};
use super::shared_sink::SharedSink;
use super::{drainer, setup, watch};
use crate::config::Config;
use crate::metrics as names;
use crate::publish::Sink;
use crate::queue::Route;

/// How long a stop may take in all: within ten seconds the process is gone.
const STOP_GRACE: Duration = Duration::from_millis(8_500);

/// What is left to do at the very end may take so long.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What stays as it is while the process lives.
#[derive(Debug)]
pub struct Ground {
    /// With all syncs.
    pub(super) config: Config,
    pub(super) shared_sinks: BTreeMap<String, Arc<SharedSink>>,
    pub(super) beside: Beside,
    pub(super) databases: Databases,
    pub(super) health: Arc<Health>,
    pub(super) recent: Arc<Recent>,
    stop: CancellationToken,
}

impl Ground {
    pub fn new(
        config: Config,
        sinks: BTreeMap<String, Sink>,
        databases: Databases,
        health: Arc<Health>,
        stop: CancellationToken,
    ) -> Self {
        let shared = |(name, sink): (String, Sink)| {
            let sink = Arc::new(SharedSink::new(&name, sink));
            (name, sink)
        };
        Self {
            config,
            shared_sinks: sinks.into_iter().map(shared).collect(),
            beside: Beside::default(),
            databases,
            health,
            recent: Arc::default(),
            stop,
        }
    }

    pub(super) fn sinks(&self) -> Sinks<'_> {
        let sinks = self.shared_sinks.iter();
        sinks.map(|(name, shared)| (name.as_str(), &shared.sink)).collect()
    }
}

/// What to begin with; `None` if the configuration is refused.
///
/// A configuration with errors never starts, but for one case: a sync that has worked before, configured just like now,
/// begins paused. Then it is the tables that have changed, and one of them must not keep nine other syncs from going on
/// where a container is started again at night.
pub async fn begin(
    config: &Config,
    prepared: &Prepared,
    databases: &Databases,
) -> Result<Option<Assessment>, PrepareError> {
    if prepared.has_errors() && !prepared.fits_elsewhere {
        return Ok(None);
    }
    let sinks = prepared.sinks();
    let assessment = assess::assess(config, &sinks, &databases.source, &databases.state).await?;
    if !prepared.has_errors() {
        return Ok(Some(assessment));
    }
    let stored = assess::stored_routes(&databases.state).await?;
    let worked =
        |standing: &Standing, at: usize| matches!(standing, Standing::AtWork(_)) || has_worked(config, at, &stored);
    let excused = (assessment.standings.iter().zip(0..)).all(|(standing, at)| worked(standing, at));
    // With an error in none of them by itself, it is in how they go together.
    Ok((excused && !assessment.reasons().is_empty()).then_some(assessment))
}

/// Whether the sync has worked before, into each of its sinks, configured as it is now.
fn has_worked(config: &Config, at: usize, stored: &[Route]) -> bool {
    let sync = &config.syncs[at];
    let configured = setup::configured(sync);
    sync.sinks.iter().all(|sink| {
        stored
            .iter()
            .any(|route| route.sync == sync.name && route.sink == *sink && route.configured == configured)
    })
}

/// Runs until a stop or the end of a drain; whatever fails is tried again for ever.
pub async fn run(ground: Ground, mut assessment: Assessment) -> Result<(), Broken> {
    let mut leaving = JoinSet::new();
    loop {
        let current = Current::of(&assessment);
        let engine = Arc::new(Engine::new(&ground, assessment, ground.stop.child_token()));
        announce(&engine);
        let Some(mut tasks) = engine::start(&engine).await else {
            finish(async { while leaving.join_next().await.is_some() {} }).await;
            return Ok(());
        };
        match one(&ground, &engine, &mut tasks, current).await {
            Ended::Outdated(next) => assessment = next,
            Ended::Stopped(result) => {
                engine.stop.cancel();
                finish(async {
                    tasks.ended().await;
                    while leaving.join_next().await.is_some() {}
                })
                .await;
                let _ = tokio::time::timeout(LAST_WORDS, watch::write_tally(&engine)).await;
                return result;
            }
        }
        engine.health.end();
        // Requests under way may take long; nobody waits for them.
        while leaving.try_join_next().is_some() {}
        leaving.spawn(async move {
            tasks.ended().await;
            watch::write_tally(&engine).await;
        });
        ground.databases.forget_statements();
        ground.databases.quick_source.forget_statements();
    }
}

async fn finish(tasks: impl Future<Output = ()>) {
    if tokio::time::timeout(STOP_GRACE, tasks).await.is_err() {
        tracing::warn!("some tasks did not finish in time; what they held is taken over as uncertain");
    }
}

enum Ended {
    Stopped(Result<(), Broken>),
    Outdated(Assessment),
}

async fn one(ground: &Ground, engine: &Engine, tasks: &mut Tasks, current: Current) -> Ended {
    let routes = tasks.routes.clone();
    let rebuilds = current.rebuilds.clone();
    let next = tokio::select! {
        biased;
        () = ground.stop.cancelled() => return Ended::Stopped(Ok(())),
        () = drainer::drained(engine, &routes) => {
            tracing::info!("drained: nothing is left to finish");
            return Ended::Stopped(Ok(()));
        }
        broken = tasks.failed() => return Ended::Stopped(Err(broken)),
        next = schema::watch(ground, engine, current) => next,
    };
    if next.rebuilds == rebuilds {
        tracing::info!("the tables are others than they were: going on with what fits them");
    } else {
        tracing::info!("a rebuild has begun or ended: going on with those that stand");
    }
    engine.stop.cancel();
    tokio::select! {
        biased;
        () = ground.stop.cancelled() => Ended::Stopped(Ok(())),
        () = tasks.reading_ended() => Ended::Outdated(next),
    }
}

/// Says which syncs are paused, and which are not.
fn announce(engine: &Engine) {
    for sync in &engine.config.syncs {
        gauge!(names::SYNC_PAUSED, "sync" => sync.name.clone()).set(0.0);
    }
    for paused in &engine.paused {
        gauge!(names::SYNC_PAUSED, "sync" => paused.sync.clone()).set(1.0);
        engine
            .health
            .ill(&format!("sync {}", paused.sync), format!("paused: {}", paused.reason));
        tracing::error!(
            sync = paused.sync,
            reason = paused.reason,
            "the sync is paused: it cannot work with the tables as they are; it goes on by itself once it can"
        );
    }
}
