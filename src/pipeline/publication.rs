//! Keeps the publication in step with the syncs and the tables.
//!
//! A column list that does not cover a table's replica identity makes Postgres reject the application's own updates and
//! deletes of it. The identity may change at any time, and nothing tells: whoever reads the slot looks, every two seconds.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::engine::{Engine, Routes, chain};
use super::setup::SetupError;
use crate::catalog::{Table, TableId};
use crate::pg;
use crate::plan::{Read, ReadColumns, SyncPlan};
use crate::queue::{self, RouteId};
use crate::wal::{self, Exposure};

const PERIOD: Duration = Duration::from_secs(2);

/// A table may get another identity between the look and the amendment, but not for ever.
const TRIES: usize = 5;

/// What the stream has to show of the tables.
pub(super) fn exposures<'a>(plans: &'a [SyncPlan], tables: impl IntoIterator<Item = &'a Table>) -> Vec<Exposure<'a>> {
    tables.into_iter().map(|table| exposure(plans, table)).collect()
}

fn exposure<'a>(plans: &'a [SyncPlan], table: &'a Table) -> Exposure<'a> {
    let mut needed = BTreeSet::new();
    // Without plans nothing is known.
    let mut counted = (!plans.is_empty()).then(BTreeSet::new);
    for plan in plans {
        let mut listens = false;
        for listener in &plan.listeners {
            if listener.schema == table.schema && listener.table == table.name {
                listens = true;
                needed.extend(listener.columns.iter().map(String::as_str));
            }
        }
        let is_it = |read: &&Read| read.schema == table.schema && read.table == table.name;
        match plan.reads.iter().find(is_it).map(|read| &read.columns) {
            Some(ReadColumns::Only(columns)) => {
                if let Some(counted) = &mut counted {
                    counted.extend(columns.iter().map(String::as_str));
                }
            }
            Some(ReadColumns::All) => counted = None,
            None if listens => counted = None,
            None => {}
        }
    }
    if let Some(counted) = &mut counted {
        counted.extend(&needed);
    }
    Exposure { table, needed, counted }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Whatever is read now was shown before.
    InStep,
    /// It did not show everything. Noted is for whom that means missed changes; the next to take over the slot visits them.
    WasBlind,
}

/// Makes or amends the publication, if it is ours to do.
pub(super) async fn keep(engine: &Engine, routes: &Routes, source: &mut pg::Client) -> Result<Kept, SetupError> {
    let config = &engine.config.source;
    if !config.manage {
        return Ok(Kept::InStep);
    }
    let exposures = exposures(&engine.plans, &engine.tables);
    let mut kept = Kept::InStep;
    for _ in 0..TRIES {
        let amendment = wal::amendment(&***source, &config.publication, &exposures, config.column_lists).await?;
        let Some(amendment) = amendment else { break };
        if !amendment.missing.is_empty() {
            // Noted before it is amended: what was not shown until now was mapped for nobody.
            note_blindness(engine, routes, &amendment.missing).await?;
            kept = Kept::WasBlind;
        }
        if amendment.apply(source, &exposures).await? {
            break;
        }
    }
    Ok(kept)
}

async fn note_blindness(engine: &Engine, routes: &Routes, missing: &[TableId]) -> Result<(), SetupError> {
    let slot = &engine.config.source.slot;
    let mut state = engine.state.get().await?;
    let tx = state.transaction().await?;
    if let Some((_, mapped)) = queue::read_progress(&*tx, slot).await? {
        let blind: HashSet<(&str, &str)> = engine
            .tables
            .iter()
            .filter(|table| missing.contains(&table.id))
            .map(|table| (table.schema.as_str(), table.name.as_str()))
            .collect();
        let reads_blind = |id: &RouteId| {
            let route = routes.iter().find(|route| route.id == *id);
            let mut listeners = route.into_iter().flat_map(|route| &engine.plans[route.sync].listeners);
            listeners.any(|listener| blind.contains(&(listener.schema.as_str(), listener.table.as_str())))
        };
        let still: Vec<RouteId> = mapped.into_iter().filter(|id| !reads_blind(id)).collect();
        queue::write_readers_routes(&tx, slot, &still).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// For the process that reads the slot: looks again and again. Ends once the publication turned out not to have shown
/// everything: then the slot has to be taken over anew.
pub(super) async fn watch(engine: &Engine, routes: &Routes) {
    if !engine.config.source.manage {
        return std::future::pending().await;
    }
    let component = "publication";
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // It has just been looked at.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let kept = async {
            let mut source = engine.source.get().await?;
            keep(engine, routes, &mut source).await
        };
        match kept.await {
            Ok(Kept::InStep) => {
                engine.health.well(component);
            }
            Ok(Kept::WasBlind) => return,
            Err(error) => {
                if engine.health.ill(component, chain(&error)) {
                    tracing::error!(
                        error = chain(&error),
                        "the publication cannot be kept in step; trying again"
                    );
                }
            }
        }
    }
}
