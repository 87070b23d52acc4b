//! Visits made into jobs, a step at a time: a page is found, its subjects are enqueued, and how far it got is noted, all
//! in one commit. A crash costs one step. Each route has a visitor of its own, so that a visit which cannot go on, or a sink
//! that is down, holds up nobody else.

mod cursors;

use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use super::engine::{Engine, RouteAtWork, Routes, chain};
use super::lookup::{LookupError, Question};
use super::subjects;
use crate::failpoint;
use crate::mapping::SubjectKey;
use crate::pg::{self, Snapshot};
use crate::plan::Finder;
use crate::queue::{self, Entry, Kind, Priority, Visit, VisitId};

use cursors::Cursors;

/// Subjects in one step.
const STEP_SUBJECTS: usize = 2_000;

/// Jobs of the lowest priority that may wait before no more are made: a visit of millions fills no table.
const BACKLOG_JOBS: i64 = 10_000;

/// Most visits looked at in one round.
const ROUND_VISITS: i64 = 100;

/// How often it is looked whether a transaction has become visible, or jobs have become few; nothing tells.
const HELD_PERIOD: Duration = Duration::from_millis(50);

/// Whatever wakes the visitor, it also looks by itself: another process may have made a visit or died in one.
const PERIOD: Duration = Duration::from_secs(1);

/// When a visit that cannot go on is tried again.
const DEFERRED: Duration = Duration::from_secs(5);

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

pub(super) async fn run(engine: Arc<Engine>, routes: Routes, index: usize) {
    let route = &routes[index];
    let component = format!("visits of {} for {}", route.sync_name, route.sink_name);
    let mut visitor = Visitor {
        engine: &engine,
        route,
        cursors: Cursors::new(&engine.source_dsn),
    };
    let mut backoff = Backoff::new();
    while !engine.stop.is_cancelled() {
        let wait = match visitor.round().await {
            Ok(round) => {
                engine.health.well(&component);
                backoff.reset();
                match round {
                    Round::Progress => continue,
                    Round::Held => HELD_PERIOD,
                    Round::Idle => PERIOD,
                }
            }
            Err(error) => {
                if engine.health.ill(&component, chain(&error)) {
                    tracing::error!(error = chain(&error), component, "visits have stopped; trying again");
                }
                backoff.next()
            }
        };
        tokio::select! {
            () = engine.stop.cancelled() => return,
            () = route.visits.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

struct Visitor<'a> {
    engine: &'a Engine,
    route: &'a RouteAtWork,
    cursors: Cursors<'a>,
}

impl Visitor<'_> {
    /// One step of every visit whose time has come.
    async fn round(&mut self) -> Result<Round, VisitError> {
        let state = self.engine.state.get().await?;
        if !queue::has_visits(&state, self.route.id, &self.route.fingerprint).await? {
            self.cursors.clear();
            return Ok(Round::Idle);
        }
        // Another process may have taken the last step of some.
        for id in self.cursors.full() {
            if queue::read_visit(&state, id).await?.is_none() {
                self.cursors.forget(id).await;
            }
        }
        let source = self.engine.source.get().await?;
        let snapshot = Snapshot::current(&**source).await?;
        let ready =
            queue::ready_visits(&state, self.route.id, &self.route.fingerprint, &snapshot, ROUND_VISITS).await?;
        let backlog = queue::backlog(&state, self.route.id, Priority::Bulk, BACKLOG_JOBS).await?;
        drop(state);
        let mut round = Round::Held;
        for visit in ready {
            let has_room = visit.priority < Priority::Bulk || backlog < BACKLOG_JOBS;
            if has_room && !self.engine.stop.is_cancelled() && self.step(&source, visit.id).await? {
                round = Round::Progress;
            }
        }
        Ok(round)
    }

    /// Returns whether the visit got on.
    async fn step(&mut self, source: &pg::Client, id: VisitId) -> Result<bool, VisitError> {
        let mut state = self.engine.state.get().await?;
        let Some(visit) = queue::read_visit(&state, id).await? else {
            return Ok(false);
        };
        let is_lookup = matches!(visit.kind, Kind::Lookup { .. });
        if is_lookup && visit.priority == Priority::Bulk && !self.cursors.have_room(id) {
            return Ok(false);
        }
        if !visit.begun && !matches!(visit.kind, Kind::Subjects(_)) {
            queue::begin_visit(&state, id).await?;
        }
        let component = format!("a visit of {}", self.route.sync_name);
        let found = match self.find(source, &visit).await {
            Ok(found) => found,
            Err(LookupError::Connection(error)) => return Err(error.into()),
            Err(LookupError::Unreachable(error)) => return Err(error.into()),
            Err(LookupError::Statement(error)) => {
                self.engine.hints.look();
                if self.engine.health.ill(&component, error.clone()) {
                    tracing::error!(sync = %self.route.sync_name, error, "a visit cannot go on; it waits until it can");
                }
                queue::defer_visit(&state, id, DEFERRED).await?;
                return Ok(false);
            }
        };
        self.engine.health.well(&component);

        let tx = state.transaction().await?;
        if !queue::lock_visit(&tx, &visit).await? {
            return Ok(false);
        }
        let entry = |key: SubjectKey| Entry {
            route: self.route.id,
            key,
            changed_at: visit.changed_at,
        };
        // Nothing has changed that a visit of all subjects should wait for.
        let is_change = visit.priority < Priority::Bulk || visit.changed_at.is_some();
        let debounce = if is_change {
            self.route.pace.debounce
        } else {
            Duration::ZERO
        };
        let entries = found.keys.into_iter().map(entry).collect();
        queue::enqueue(&tx, entries, visit.priority, debounce).await?;
        match &found.more_after {
            Some(last_key) => queue::advance_visit(&tx, id, last_key).await?,
            None => queue::delete_visit(&tx, id).await?,
        }
        failpoint::die_at("visit-before-commit");
        tx.commit().await?;
        failpoint::die_at("visit-after-commit");
        self.route.jobs.notify_one();
        Ok(true)
    }

    /// The subjects of the next step.
    async fn find(&mut self, source: &pg::Client, visit: &Visit) -> Result<Found, LookupError> {
        let plan = &self.engine.plans[self.route.sync];
        let last_key = visit.last_key.as_ref();
        let keys = match &visit.kind {
            Kind::Subjects(keys) => return Ok(Found::all(keys.clone())),
            Kind::Lookup { node, values } => {
                let listener = plan.listeners.iter().find(|listener| listener.node == *node);
                match listener.map(|listener| (&listener.finder, listener.columns.len())) {
                    Some((Finder::Lookup(lookup), arity)) => {
                        let question = Question {
                            lookup,
                            shape: &plan.shape,
                            arity,
                            values,
                        };
                        self.cursors.page(visit, &question, STEP_SUBJECTS).await?
                    }
                    Some((Finder::Key, _)) => return Ok(Found::all(values.clone())),
                    Some((Finder::All, _)) => subjects::page(source, plan, last_key, STEP_SUBJECTS).await?,
                    // The configuration no longer has the node, so no document depends on the change.
                    None => return Ok(Found::all(Vec::new())),
                }
            }
        };
        Ok(Found::page(keys))
    }
}

struct Found {
    keys: Vec<SubjectKey>,
    /// Where the next step begins, if there is one.
    more_after: Option<SubjectKey>,
}

impl Found {
    fn all(keys: Vec<SubjectKey>) -> Self {
        Self { keys, more_after: None }
    }

    fn page(keys: Vec<SubjectKey>) -> Self {
        let more_after = if keys.len() == STEP_SUBJECTS {
            keys.last().cloned()
        } else {
            None
        };
        Self { keys, more_after }
    }
}
