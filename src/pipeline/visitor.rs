//! Visits made into jobs, a step at a time: a page is found, its subjects are enqueued, and how far it got is noted, all
//! in one commit. A crash costs one step.

use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use super::engine::{Engine, RouteAtWork, Routes, chain};
use super::lookup::{self, LookupError};
use crate::failpoint;
use crate::mapping::SubjectKey;
use crate::pg::{self, Snapshot};
use crate::plan::Finder;
use crate::queue::{self, Entry, Kind, Priority, RouteId, Step, Waiting};

/// Subjects in one step.
const STEP_SUBJECTS: usize = 2_000;

/// Jobs of low priority that may wait before no more are made: a visit of millions fills no table.
const BACKLOG_JOBS: i64 = 10_000;

/// Most visits looked at in one round.
const ROUND_VISITS: i64 = 200;

/// How often it is looked whether a transaction has become visible, or jobs have become few; nothing tells.
const HELD_PERIOD: Duration = Duration::from_millis(50);

/// Whatever wakes the visitor, it also looks by itself: another process may have made a visit or died in one.
const PERIOD: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
enum VisitError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Some visit got on.
    Progress,
    /// Some visit waits for a transaction, or for room among the jobs.
    Held,
    Idle,
}

pub(super) async fn run(engine: Arc<Engine>, routes: Routes) {
    let mut backoff = Backoff::new();
    while !engine.stop.is_cancelled() {
        let wait = match round(&engine, &routes).await {
            Ok(round) => {
                engine.health.well("visits");
                backoff.reset();
                match round {
                    Round::Progress => continue,
                    Round::Held => HELD_PERIOD,
                    Round::Idle => PERIOD,
                }
            }
            Err(error) => {
                if engine.health.ill("visits", chain(&error)) {
                    tracing::error!(error = chain(&error), "visits have stopped; trying again");
                }
                backoff.next()
            }
        };
        tokio::select! {
            () = engine.stop.cancelled() => return,
            () = engine.visits.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// One step of every visit whose time has come.
async fn round(engine: &Engine, routes: &Routes) -> Result<Round, VisitError> {
    let state = engine.state.get().await?;
    let ids: Vec<RouteId> = routes.iter().map(|route| route.id).collect();
    let waiting = queue::waiting_visits(&state, &ids, ROUND_VISITS).await?;
    drop(state);
    let Some(_) = waiting.first() else {
        return Ok(Round::Idle);
    };
    let source = engine.source.get().await?;
    let snapshot = Snapshot::current(&**source).await?;
    let mut round = Round::Idle;
    for visit in &waiting {
        if engine.stop.is_cancelled() {
            break;
        }
        if may_begin(visit, &snapshot) && has_room(engine, visit).await? {
            if step(engine, routes, &source, visit).await? {
                round = Round::Progress;
            }
        } else if round == Round::Idle {
            round = Round::Held;
        }
    }
    Ok(round)
}

fn may_begin(visit: &Waiting, snapshot: &Snapshot) -> bool {
    let seen = visit.xid.is_none_or(|xid| snapshot.sees(xid));
    seen && visit.horizon.is_none_or(|horizon| snapshot.xmin >= horizon)
}

async fn has_room(engine: &Engine, visit: &Waiting) -> Result<bool, VisitError> {
    if visit.priority < Priority::Low {
        return Ok(true);
    }
    let state = engine.state.get().await?;
    Ok(queue::backlog(&state, &visit.routes, Priority::Low, BACKLOG_JOBS).await? < BACKLOG_JOBS)
}

/// Returns whether the visit got on.
async fn step(engine: &Engine, routes: &Routes, source: &pg::Client, visit: &Waiting) -> Result<bool, VisitError> {
    let mut state = engine.state.get().await?;
    let tx = state.transaction().await?;
    let Some(step) = queue::lock_visit(&tx, visit.id).await? else {
        return Ok(false);
    };
    let visited: Vec<&RouteAtWork> = routes.iter().filter(|route| step.routes.contains(&route.id)).collect();
    let Some(&any) = visited.first() else { return Ok(false) };
    let found = match find(engine, any, source, &tx, &step).await? {
        Ok(found) => found,
        Err(error) => {
            let component = format!("visit of sync {}", any.sync_name);
            if engine.health.ill(&component, error.clone()) {
                tracing::error!(sync = %any.sync_name, error, "a visit cannot go on; it waits until it can");
            }
            return Ok(false);
        }
    };
    engine.health.well(&format!("visit of sync {}", any.sync_name));
    let mut entries = Vec::with_capacity(found.keys.len() * visited.len());
    for route in &visited {
        let entry = |key: &SubjectKey| Entry {
            route: route.id,
            key: key.clone(),
            changed_at: step.changed_at,
        };
        entries.extend(found.keys.iter().map(entry));
    }
    queue::enqueue(&tx, entries, step.priority).await?;
    match &found.more_after {
        Some(last_key) => queue::advance_visit(&tx, step.id, last_key).await?,
        None => queue::delete_visit(&tx, step.id).await?,
    }
    failpoint::die_at("visit-before-commit");
    tx.commit().await?;
    failpoint::die_at("visit-after-commit");
    for route in visited {
        route.jobs.notify_one();
    }
    Ok(true)
}

struct Found {
    keys: Vec<SubjectKey>,
    /// Where the next step begins, if there is one.
    more_after: Option<SubjectKey>,
}

impl Found {
    fn page(keys: Vec<SubjectKey>) -> Self {
        let more_after = if keys.len() == STEP_SUBJECTS {
            keys.last().cloned()
        } else {
            None
        };
        Self { keys, more_after }
    }
}

/// The subjects of the next step. The inner error says why the source cannot tell.
async fn find(
    engine: &Engine,
    route: &RouteAtWork,
    source: &pg::Client,
    tx: &deadpool_postgres::Transaction<'_>,
    step: &Step,
) -> Result<Result<Found, String>, VisitError> {
    let plan = &engine.plans[route.sync];
    let last_key = step.last_key.as_ref();
    let (lookup, arity, values) = match &step.kind {
        Kind::Subjects(keys) => {
            return Ok(Ok(Found {
                keys: keys.clone(),
                more_after: None,
            }));
        }
        Kind::Known => {
            let most = i64::try_from(STEP_SUBJECTS).unwrap_or(i64::MAX);
            return Ok(Ok(Found::page(queue::known_page(tx, route.id, last_key, most).await?)));
        }
        Kind::All => (&plan.page, 0, [].as_slice()),
        Kind::Lookup { node, values } => {
            let listener = plan.listeners.iter().find(|listener| listener.node == *node);
            match listener.map(|listener| (&listener.finder, listener.columns.len())) {
                Some((Finder::Lookup(lookup), arity)) => (lookup, arity, values.as_slice()),
                Some((Finder::Key, _)) => {
                    return Ok(Ok(Found {
                        keys: values.clone(),
                        more_after: None,
                    }));
                }
                // The configuration no longer has the node, so no document depends on the change.
                None => {
                    return Ok(Ok(Found {
                        keys: Vec::new(),
                        more_after: None,
                    }));
                }
            }
        }
    };
    match lookup::page(source, lookup, &plan.shape, arity, values, last_key, STEP_SUBJECTS).await {
        Ok(keys) => Ok(Ok(Found::page(keys))),
        Err(LookupError::Statement(error)) => Ok(Err(error)),
        Err(LookupError::Connection(error)) => Err(error.into()),
    }
}
