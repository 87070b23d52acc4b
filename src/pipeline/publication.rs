//! Keeps the publication in step with the syncs and the tables.
//!
//! A column list that does not cover a table's replica identity makes Postgres reject the application's own updates and
//! deletes of it. The identity may change at any time, and nothing tells: whoever reads the slot looks, every two seconds.

use std::collections::{BTreeSet, HashSet};
use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::engine::{Engine, Routes, chain};
use super::setup::SetupError;
use crate::catalog::{Table, TableId};
use crate::pg;
use crate::plan::{Read, ReadColumns, SyncPlan};
use crate::queue::{self, RouteId};
use crate::wal::{self, Amendment, Exposure};

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

/// Makes or amends the publication, if it is ours to do.
pub(super) async fn keep(engine: &Engine, routes: &Routes, source: &mut pg::Client) -> Result<(), SetupError> {
    let config = &engine.config.source;
    if !config.manage {
        return Ok(());
    }
    wal::withdraw_unidentified(&***source, &config.publication).await?;
    for _ in 0..TRIES {
        let kept = kept_tables(engine, source).await?;
        let Some(amendment) = needed_amendment(engine, &kept, source).await? else {
            return Ok(());
        };
        // Noted before it is amended: what was not shown until now was mapped for nobody.
        note_blindness(engine, routes, &amendment.missing).await?;
        if amendment.apply(source, &wanted(engine, &kept)).await? {
            return Ok(());
        }
    }
    Err(SetupError::Unsettled)
}

/// The tables to be published: those that are read, and those that paused syncs will read again.
fn wanted<'a>(engine: &'a Engine, kept: &'a [Table]) -> Vec<Exposure<'a>> {
    let mut wanted = exposures(&engine.plans, &engine.tables);
    // Nobody knows now which columns will count.
    wanted.extend(exposures(&[], kept));
    wanted
}

async fn needed_amendment(
    engine: &Engine,
    kept: &[Table],
    source: &pg::Client,
) -> Result<Option<Amendment>, SetupError> {
    let config = &engine.config.source;
    let wanted = wanted(engine, kept);
    if wanted.is_empty() {
        return Ok(None);
    }
    let amendment = wal::amendment(&***source, &config.publication, &wanted, config.column_lists).await?;
    // To leave out what a paused sync reads would be one more change, and one more when it goes on.
    Ok(amendment.filter(|amendment| engine.paused.is_empty() || amendment.does_harm || !amendment.missing.is_empty()))
}

/// The tables of paused syncs that are published and may stay so.
async fn kept_tables(engine: &Engine, source: &pg::Client) -> Result<Vec<Table>, SetupError> {
    if engine.paused.is_empty() {
        return Ok(Vec::new());
    }
    let publication = wal::read_publication(&***source, &engine.config.source.publication).await?;
    let published = publication.map(|publication| publication.tables).unwrap_or_default();
    let mut kept: Vec<Table> = Vec::new();
    for table in engine.paused.iter().flat_map(|paused| &paused.tables) {
        let known = engine.tables.iter().chain(&kept).any(|known| known.id == table.id);
        if published.contains_key(&table.id) && !known {
            kept.push(table.clone());
        }
    }
    Ok(kept)
}

async fn note_blindness(engine: &Engine, routes: &Routes, missing: &[TableId]) -> Result<(), SetupError> {
    if missing.is_empty() {
        return Ok(());
    }
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

/// For the process that reads the slot: looks again and again whether the column lists still fit the tables. Whatever else
/// has changed makes another generation of the engine; see [`super::schema`].
pub(super) async fn watch(engine: &Engine) -> Infallible {
    let config = &engine.config.source;
    if !(config.manage && config.column_lists) {
        return std::future::pending().await;
    }
    let component = "publication";
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match fit_lists(engine).await {
            Ok(()) => {
                engine.health.well(component);
            }
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

async fn fit_lists(engine: &Engine) -> Result<(), SetupError> {
    let mut source = engine.source.get().await?;
    let kept = kept_tables(engine, &source).await?;
    if let Some(amendment) = needed_amendment(engine, &kept, &source).await?
        && amendment.missing.is_empty()
    {
        amendment.apply(&mut source, &wanted(engine, &kept)).await?;
    }
    Ok(())
}
