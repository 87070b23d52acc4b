//! What must stand before the stream is read: state schema and routes for every process; publication, slot and the
//! beginning for the one that reads.
//!
//! The order matters. The publication comes before the slot, so that the slot's stream shows the tables from its first
//! byte on. Visits are made by the process that holds the slot, and committed together with the note for which routes it
//! maps changes: whatever an earlier reader did not map is visited. A crash in between is a start that did not happen;
//! each step may be repeated.

use std::collections::HashSet;
use std::time::Duration;

use super::beginning::{self, Gap};
use super::engine::{Engine, Routes};
use super::fingerprint::{Meaning, Part};
use super::publication;
use crate::config::{Config, Deletes, Initial, Sync};
use crate::failpoint;
use crate::pg::{self, Session, Snapshot};
use crate::queue::{self, NewBackfill, Progress, Route, RouteId, Running, Walk};
use crate::record::{self, MigrateError};
use crate::wal::{self, StreamError};

/// Longest that a migration of the state schema may take.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(10);

#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error("{0}; with on_lost_slot = \"resync\" it would be made anew and every subject visited")]
    LostSlot(Gap),
    #[error("cannot ask the server what it is")]
    Stream(#[from] StreamError),
    #[error("statements reach another server than the stream; there may be a failover under way")]
    TwoServers,
    #[error("publication {0} does not exist")]
    Unpublished(String),
    #[error("the tables change faster than the publication can follow")]
    Unsettled,
    #[error("a rebuild has ended meanwhile")]
    Outdated,
    /// A process with another configuration was quicker.
    #[error("sync {0} has been given another key by another process")]
    OtherKey(String),
}

/// For every process: the state schema, and the routes of the configuration, those of paused syncs too; and those of rebuilds.
pub(super) async fn install(engine: &Engine) -> Result<Vec<Route>, SetupError> {
    // A session of its own: a migration may have to look at every row.
    let session = Session {
        search_path: Some(engine.config.state.schema.clone()),
        statement_timeout: MIGRATION_TIMEOUT,
    };
    let mut state = pg::connect(&engine.state_dsn, &session).await?;
    let tx = state.transaction().await?;
    record::migrate(&tx, &engine.config.state.schema).await?;
    let at_work = engine.config.syncs.iter().map(|sync| (&sync.name, &sync.sinks));
    let paused = engine.paused.iter().map(|paused| (&paused.sync, &paused.sinks));
    let pairs: Vec<(String, String)> = at_work
        .chain(paused)
        .flat_map(|(sync, sinks)| sinks.iter().map(|sink| (sync.clone(), sink.clone())))
        .collect();
    let mut routes = queue::ensure_routes(&tx, &pairs).await?;
    let is_beside = |route: &Route| {
        engine
            .rebuild_of(route.id)
            .is_some_and(|rebuild| rebuild.label() == route.sink)
    };
    routes.extend(queue::routes(&tx).await?.into_iter().filter(is_beside));
    tx.commit().await?;
    Ok(routes)
}

/// Stands for a sync as it is configured.
pub(super) fn configured(sync: &Sync) -> String {
    format!(
        "{:032x}",
        xxhash_rust::xxh3::xxh3_128(Config::print_sync(sync).as_bytes())
    )
}

/// For the process that is about to read: publication and slot, and where the stream goes on. `unpublished`: the slot was
/// found to stand where there was no publication.
pub(super) async fn find_start(
    engine: &Engine,
    routes: &Routes,
    session: &mut wal::Session,
    unpublished: bool,
) -> Result<Progress, SetupError> {
    let mut state = engine.state.get().await?;
    // The lock is held by a transaction that writes nothing until the slot is there: making a slot waits for every
    // transaction that has written, so one of our own would make it wait for ever.
    let tx = state.transaction().await?;
    tx.batch_execute("set local idle_in_transaction_session_timeout = 0")
        .await?;
    tx.query_one(
        include_str!("../../sql/record/migration_lock.sql"),
        &[&engine.config.state.schema],
    )
    .await?;
    let mut source = engine.source.get().await?;
    publication::keep(engine, routes, &mut source).await?;
    failpoint::die_at("setup-after-publication");
    let publication = &engine.config.source.publication;
    if unpublished && wal::read_publication(&**source, publication).await?.is_none() {
        return Err(SetupError::Unpublished(publication.clone()));
    }
    let progress = beginning::find(engine, session, &source, &tx, unpublished).await?;
    failpoint::die_at("setup-after-slot");
    tx.commit().await?;
    Ok(progress)
}

/// For the process that holds the slot: visits whatever no reader has mapped changes for, and takes over the mapping.
pub(super) async fn take_over(engine: &Engine, routes: &Routes) -> Result<(), SetupError> {
    let slot = &engine.config.source.slot;
    let stored = install(engine).await?;
    let source = engine.source.get().await?;
    // Transactions that run now may have written to a table before it was published, or before the slot began. A visit
    // sees what they did if it waits for them to end.
    let horizon = Snapshot::current(&**source).await?.xmax;
    let mut state = engine.state.get().await?;
    let tx = state.transaction().await?;
    let mut own: Vec<RouteId> = routes.iter().map(|route| route.id).collect();
    own.sort_unstable();
    // What is left of a route is taken away once no reader maps changes for it. Whoever began to after that would make jobs for ever.
    if !queue::hold_routes(&tx, &own).await? {
        return Err(SetupError::Outdated);
    }
    let mapped = queue::read_progress(&*tx, slot)
        .await?
        .map(|(_, mapped)| mapped)
        .unwrap_or_default();
    for route in routes.iter() {
        let Some(before) = stored.iter().find(|stored| stored.id == route.id) else {
            continue;
        };
        let meaning = engine.fingerprints[route.sync].compare(&before.fingerprint, mapped.contains(&route.id));
        if meaning == Meaning::OtherKey {
            return Err(SetupError::OtherKey(before.sync.clone()));
        }
        let due = match (&meaning, engine.rebuild_of(route.id)) {
            // Whatever was not sent at first was sent as it changed, to an index that is to be replaced.
            (Meaning::New, Some(_)) => Some(Due::FIRST),
            _ => due(&engine.config.syncs[route.sync], &meaning),
        };
        if meaning != Meaning::Nothing {
            let (sync, sink) = (&*route.sync_name, &*route.sink_name);
            let subjects = due.map_or("none", Due::words);
            tracing::info!(sync, sink, visited = subjects, "{}", meaning.words());
        }
        queue::adopt_visits(&tx, route.id).await?;
        if let Some(due) = due {
            if due.walk == Walk::Source {
                queue::delete_lookups(&tx, route.id).await?;
            }
            let backfill = NewBackfill {
                reconcile: due.reconcile,
                horizon: Some(horizon),
                ..NewBackfill::new(route.id, due.cause, due.walk)
            };
            if let Some(id) = queue::start_backfill(&tx, &backfill).await? {
                queue::supersede_backfills(&tx, id, &backfill).await?;
            }
        }
        let same = before.fingerprint == route.fingerprint && before.configured == route.configured;
        if !same || before.paused.is_some() {
            queue::set_at_work(&tx, route.id, &route.fingerprint, &route.configured).await?;
            let (plan, sync) = (&engine.plans[route.sync], &engine.config.syncs[route.sync]);
            queue::set_running(&tx, route.id, &Running::of(plan, sync)).await?;
        }
    }
    for paused in &engine.paused {
        for route in stored.iter().filter(|route| route.sync == paused.sync) {
            if route.paused.as_ref() != Some(&paused.reason) {
                queue::set_paused(&tx, route.id, &paused.reason).await?;
            }
        }
    }
    if mapped.iter().collect::<HashSet<_>>() != own.iter().collect() {
        queue::write_readers_routes(&tx, slot, &own).await?;
    }
    tx.commit().await?;
    failpoint::die_at("setup-after-commit");
    Ok(())
}

/// What is visited at a take-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// For people.
    pub cause: &'static str,
    pub walk: Walk,
    /// And what the sink may still hold, but the source no longer has.
    pub reconcile: bool,
}

impl Due {
    const FIRST: Due = Due {
        cause: "first",
        walk: Walk::Source,
        reconcile: false,
    };
    const KNOWN: Due = Due {
        cause: "resync",
        walk: Walk::Known,
        reconcile: false,
    };
    const ALL: Due = Due {
        cause: "resync",
        walk: Walk::Source,
        reconcile: true,
    };

    fn words(self) -> &'static str {
        match (self.walk, self.reconcile) {
            (Walk::Known, _) => "those that the sink may hold",
            (_, true) => "all, and those that the source has no more",
            (_, false) => "all",
        }
    }
}

pub(super) fn due(sync: &Sync, meaning: &Meaning) -> Option<Due> {
    match (meaning, sync.initial) {
        (Meaning::New, Initial::All) => Some(Due::FIRST),
        (Meaning::New, Initial::None) | (Meaning::Nothing | Meaning::OtherKey, _) => None,
        // Deletes were held back, or will be.
        (Meaning::ReBuild(parts), _) if parts == &[Part::Deletes] => match sync.deletes {
            Deletes::Publish => Some(Due::KNOWN),
            Deletes::Ignore => None,
        },
        (Meaning::ReBuild(parts), Initial::None) if parts.iter().all(|part| *part == Part::Document) => {
            Some(Due::KNOWN)
        }
        // `initial` does not count: any of them may have changed unseen.
        (Meaning::ReMap(_) | Meaning::ReBuild(_), _) => Some(Due::ALL),
    }
}
