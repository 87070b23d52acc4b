//! What it would mean to go on with a configuration, before anything is started.

use super::fingerprint::{Fingerprint, Meaning};
use super::prepare::{self, PrepareError, Prepared};
use crate::config::Config;
use crate::pg::{self, Disposition, describe, disposition};
use crate::queue::{self, RouteId};

#[derive(Debug)]
pub struct RouteMeaning {
    pub sync: String,
    pub sink: String,
    pub meaning: Meaning,
}

/// Compares the plans of a configuration without errors with what worked last, one route after the other, in the order of
/// the configuration.
pub async fn meanings(
    config: &Config,
    prepared: &Prepared,
    state: &pg::Pool,
) -> Result<Vec<RouteMeaning>, PrepareError> {
    let stored = super::assess::stored_routes(state).await?;
    let mapped = mapped_routes(config, state).await?;
    let tables = prepare::tables(config, &prepared.catalog);
    let mut meanings = Vec::new();
    for (sync, plan) in config.syncs.iter().zip(prepared.plans.iter()) {
        let fingerprint = Fingerprint::of(plan, sync, tables.iter().copied());
        for sink in &sync.sinks {
            let before = (stored.iter()).find(|route| route.sync == sync.name && route.sink == *sink);
            let meaning = before.map_or(Meaning::New, |route| {
                fingerprint.compare(&route.fingerprint, mapped.contains(&route.id))
            });
            meanings.push(RouteMeaning {
                sync: sync.name.clone(),
                sink: sink.clone(),
                meaning,
            });
        }
    }
    Ok(meanings)
}

/// The routes for which the reader maps changes; none before the first.
async fn mapped_routes(config: &Config, state: &pg::Pool) -> Result<Vec<RouteId>, PrepareError> {
    let state = state
        .get()
        .await
        .map_err(|error| PrepareError::State(super::chain(&error)))?;
    match queue::read_progress(&**state, &config.source.slot).await {
        Ok(progress) => Ok(progress.map(|(_, mapped)| mapped).unwrap_or_default()),
        Err(error) if disposition(&error) == Disposition::Statement => Ok(Vec::new()),
        Err(error) => Err(PrepareError::State(describe(&error))),
    }
}
