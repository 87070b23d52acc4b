//! Sees to it that what is filled beside a sink takes that one's place, once it holds all that the other does; and takes away what is
//! left of routes that have lost theirs.
//!
//! ```text
//! filling ─▶ loaded: all visited ─▶ caught up, and nothing given up ─▶ the old route is closed ─▶ nothing of it is in flight
//!                                                                                              ─▶ the name is moved ─▶ the routes change places
//! ```
//!
//! Every step is committed before the next one is taken, and each may be taken twice, so whoever comes after a crash goes on.
//! One process takes them at a time, whichever holds the lock on the rebuild. Live changes become jobs of both routes until the end, and
//! the old one is closed before the name is moved: what it still had in flight would come to what the name leads to by then, with
//! versions that the new route knows nothing of. While it is closed nothing new comes to the old index, but to the new one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio_postgres::GenericClient;

use super::engine::{Engine, RouteAtWork, Routes, chain};
use crate::failpoint;
use crate::pg;
use crate::publish::{Failure, Named, Sink};
use crate::queue::{self, Phase, Readiness, Rebuild, RouteId};
use crate::record;

/// How often it is looked how far a rebuild is; nothing tells.
const PERIOD: Duration = Duration::from_millis(500);

/// The longest that the other side may take to answer: a transaction waits for it.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);

/// When a swap is tried again that was refused.
const AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum RebuildError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

pub(super) async fn run(engine: Arc<Engine>, routes: Routes) {
    let mut swept = BTreeMap::new();
    loop {
        for rebuild in &engine.rebuilds {
            let route = routes.iter().find(|route| route.id == rebuild.route);
            let Some(route) = route else { continue };
            if let Err(error) = step(&engine, rebuild, route).await {
                tracing::debug!(error = chain(&error), "cannot look after a rebuild at present");
            }
        }
        let is_left = match sweep(&engine, &mut swept).await {
            Ok(is_left) => is_left,
            Err(error) => {
                tracing::debug!(
                    error = chain(&error),
                    "cannot take away what is left of a route at present"
                );
                true
            }
        };
        if engine.rebuilds.is_empty() && !is_left {
            engine.stop.cancelled().await;
            return;
        }
        if !engine.pause(PERIOD).await {
            return;
        }
    }
}

async fn step(engine: &Engine, rebuild: &Rebuild, route: &RouteAtWork) -> Result<(), RebuildError> {
    let mut state = engine.state.get().await?;
    let Some(phase) = queue::peek_rebuild(&**state, rebuild.id).await? else {
        return Ok(());
    };
    let (sync, target) = (&rebuild.sync, &rebuild.target);
    let slot = &engine.config.source.slot;
    if queue::note_loaded(&**state, rebuild.id, &route.fingerprint, slot).await? == Some(true) {
        tracing::info!(sync, target, "every subject of a rebuild has been visited");
    }
    let is_ready = match phase {
        Phase::Fill => false,
        Phase::Swap => is_ready(&state, rebuild).await?,
        Phase::Swapping { .. } => true,
    };
    if !is_ready {
        return Ok(());
    }
    let tx = state.transaction().await?;
    let done = match queue::lock_rebuild(&tx, rebuild.id).await? {
        Some(Phase::Swap) => close(engine, &tx, rebuild).await?.then_some("rebuild-after-close"),
        Some(Phase::Swapping { doubt }) if !queue::replaced_is_held(&tx, rebuild.id).await? => {
            swap(engine, &tx, rebuild, doubt).await?.then_some("rebuild-after-swap")
        }
        _ => None,
    };
    tx.commit().await?;
    if let Some(point) = done {
        failpoint::die_at(point);
    }
    Ok(())
}

/// Whether it holds what the other does.
async fn is_ready(state: &pg::Client, rebuild: &Rebuild) -> Result<bool, RebuildError> {
    let label = rebuild.label();
    let problem = match queue::readiness(&***state, rebuild.id).await? {
        Readiness::Ready => return Ok(true),
        Readiness::NotYet => {
            queue::note_problem(&***state, rebuild.id, None, 0.0).await?;
            return Ok(false);
        }
        Readiness::Canceled => {
            "its first load was canceled: cancel the rebuild as well, and begin another one".to_owned()
        }
        Readiness::GivenUp(count) => {
            let subjects = match count {
                1 => "a subject has been".to_owned(),
                count => format!("{count} subjects have been"),
            };
            format!(
                "{subjects} given up: `walsift jobs list --sink '{label}'` shows why; retry them, or purge those that may be missing"
            )
        }
    };
    note(&***state, rebuild, &problem).await?;
    Ok(false)
}

/// Closes the route that is replaced, unless something is wrong on the other side.
async fn close(engine: &Engine, tx: &Transaction<'_>, rebuild: &Rebuild) -> Result<bool, RebuildError> {
    match look(engine, rebuild).await {
        Ok(mut leads_to) => {
            leads_to.retain(|name| *name != rebuild.target);
            queue::close_replaced(tx, rebuild.id, &leads_to).await?;
            let (sync, target) = (&rebuild.sync, &rebuild.target);
            tracing::info!(
                sync,
                target,
                "a rebuild is complete: it takes the place of what was there"
            );
            Ok(true)
        }
        Err(problem) => {
            note(&**tx, rebuild, &problem).await?;
            Ok(false)
        }
    }
}

/// What the name leads to now; or why it cannot be moved.
async fn look(engine: &Engine, rebuild: &Rebuild) -> Result<Vec<String>, String> {
    let neighbours = neighbours(engine, rebuild);
    if !neighbours.is_empty() {
        return Err(format!("documents of {} are in the same index", neighbours.join(", ")));
    }
    let told = |failure: Failure| failure.message;
    let (sink, beside) = (&engine.sinks[&rebuild.sink].sink, &engine.sinks[&rebuild.label()].sink);
    let time = answer_time(sink);
    match beside.look_up(time).await.map_err(told)? {
        Named::Itself { id } if id == rebuild.target_id => {}
        Named::Nothing => {
            return Err(format!(
                "`{}` is gone: cancel the rebuild, and begin another one",
                rebuild.target
            ));
        }
        _ => {
            return Err(format!(
                "`{}` is not what it was at the beginning, and may lack documents: cancel the rebuild, and begin another one",
                rebuild.target
            ));
        }
    }
    match sink.look_up(time).await.map_err(told)? {
        Named::Alias { to } => Ok(to),
        Named::Nothing => Ok(Vec::new()),
        Named::Itself { .. } => Err("the `index` of the sink is an index, and no alias".to_owned()),
    }
}

/// Those that are paused too.
fn neighbours<'a>(engine: &'a Engine, rebuild: &Rebuild) -> Vec<&'a str> {
    let written = engine.config.sinks.iter().find(|sink| sink.name == rebuild.sink);
    let into = written.map(|sink| engine.config.sinks_into(sink)).unwrap_or_default();
    let at_work = engine.config.syncs.iter().map(|sync| (&sync.name, &sync.sinks));
    let paused = engine.paused.iter().map(|paused| (&paused.sync, &paused.sinks));
    let others = at_work.chain(paused).filter(|(sync, _)| **sync != rebuild.sync);
    let meet = others.filter(|(_, sinks)| sinks.iter().any(|sink| into.contains(&sink.as_str())));
    meet.map(|(sync, _)| sync.as_str()).collect()
}

fn answer_time(sink: &Sink) -> Duration {
    sink.terms.timeout.min(ANSWER_TIME_MAX)
}

/// Has the name lead to what was filled, and gives the route the place of the other.
async fn swap(engine: &Engine, tx: &Transaction<'_>, rebuild: &Rebuild, doubt: bool) -> Result<bool, RebuildError> {
    let (sync, sink, target) = (&rebuild.sync, &rebuild.sink, &rebuild.target);
    let written = &engine.sinks[sink].sink;
    let moved = written.lead_to(target, answer_time(written)).await;
    let Err(failure) = moved else {
        failpoint::die_at("rebuild-after-alias");
        let replaced = queue::promote(tx, rebuild).await?.join(", ");
        failpoint::die_at("rebuild-before-commit");
        tracing::info!(
            sync,
            sink,
            target,
            replaced,
            "a rebuild has taken its place; what it replaced is left as it is, and is not written to any more"
        );
        return Ok(true);
    };
    // It still leads where it did. After an earlier try that was not answered it may be moved yet.
    if failure.certain && !doubt {
        queue::open_replaced(tx, rebuild.id).await?;
    }
    note(&**tx, rebuild, &failure.message).await?;
    Ok(false)
}

async fn note(client: &impl GenericClient, rebuild: &Rebuild, problem: &str) -> Result<(), pg::Error> {
    if queue::note_problem(client, rebuild.id, Some(problem), AGAIN.as_secs_f64()).await? {
        let (sync, target) = (&rebuild.sync, &rebuild.target);
        tracing::warn!(sync, target, reason = problem, "a rebuild cannot take its place yet");
    }
    Ok(())
}

/// Returns whether there is a route left to be taken away.
async fn sweep(engine: &Engine, swept: &mut BTreeMap<RouteId, Option<String>>) -> Result<bool, RebuildError> {
    let state = engine.state.get().await?;
    let retired = record::retired(&state).await?;
    for route in &retired {
        // Jobs may be made behind our back: from the beginning each time, but where there is much.
        let after = swept.entry(route.id).or_default();
        while record::sweep(&state, *route, after).await? {
            failpoint::die_at("rebuild-after-sweep");
            if engine.stop.is_cancelled() {
                return Ok(true);
            }
        }
        *after = None;
    }
    Ok(!retired.is_empty())
}
