//! Which syncs can work with the tables as they are, and why the others cannot.
//!
//! A sync is at work exactly while `check` finds no error in it, whether the process has just started or has run for a
//! month; otherwise it is *paused*. Each sync is judged by itself, so that one which no longer fits stops nobody else.

use std::collections::BTreeSet;

use super::fingerprint::{Fingerprint, Meaning};
use super::prepare::{self, PrepareError, Sinks, TRIES, digest};
use crate::catalog::{Table, TableId};
use crate::config::{Config, Problem, Sync};
use crate::pg::{self, Disposition, describe, disposition};
use crate::plan::{self, SyncPlan};
use crate::queue::{self, Rebuild, Route};

/// All that a generation of the engine is made from.
#[derive(Debug)]
pub struct Assessment {
    /// Of the catalogue, taken before anything else was asked of it.
    pub(super) digest: String,
    /// One for each sync, in the order of the configuration.
    pub(super) standings: Vec<Standing>,
    pub(super) rebuilds: Rebuilds,
}

/// The same only if none has begun or ended in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rebuilds {
    /// Those that stand, of syncs that are no longer configured too.
    pub standing: Vec<Rebuild>,
    last: i32,
}

#[derive(Debug)]
pub(super) enum Standing {
    AtWork(Box<Planned>),
    Paused {
        /// One line.
        reason: String,
        /// Those of its tables that are there.
        tables: Vec<Table>,
    },
}

#[derive(Debug)]
pub(super) struct Planned {
    pub plan: SyncPlan,
    pub fingerprint: Fingerprint,
    pub tables: Vec<Table>,
}

impl Assessment {
    /// Whatever makes a difference to the engine, one for each sync.
    pub(super) fn essence(&self) -> Vec<String> {
        let essence = |standing: &Standing| match standing {
            Standing::AtWork(planned) => {
                let plan = &planned.plan;
                format!("{} {:?} {:?}", planned.fingerprint.text(), plan.reads, plan.walk)
            }
            Standing::Paused { .. } => "paused".to_owned(),
        };
        self.standings.iter().map(essence).collect()
    }

    /// Why those that are paused are.
    pub(super) fn reasons(&self) -> Vec<String> {
        let reason = |standing: &Standing| match standing {
            Standing::AtWork(_) => None,
            Standing::Paused { reason, .. } => Some(reason.clone()),
        };
        self.standings.iter().filter_map(reason).collect()
    }
}

/// Judges every sync. An error means that nothing is known at present.
pub(super) async fn assess(
    config: &Config,
    sinks: &Sinks<'_>,
    source: &pg::Pool,
    state: &pg::Pool,
) -> Result<Assessment, PrepareError> {
    let mut client = source.get().await?;
    let stored = stored_routes(state).await?;
    let rebuilds = rebuilds(state).await?;
    for _ in 0..TRIES {
        let before = digest(&client, config).await?;
        let standings = judge_all(&mut client, config, sinks, &stored).await?;
        // Many questions are asked of the catalogue, one after the other: the answers go together if it stood still.
        if digest(&client, config).await? == before {
            return Ok(Assessment {
                digest: before,
                standings,
                rebuilds,
            });
        }
    }
    Err(PrepareError::Moving)
}

async fn judge_all(
    client: &mut pg::Client,
    config: &Config,
    sinks: &Sinks<'_>,
    stored: &[Route],
) -> Result<Vec<Standing>, PrepareError> {
    let mut standings = Vec::new();
    for sync in &config.syncs {
        let mut alone = config.clone();
        alone.syncs = vec![sync.clone()];
        let standing = judge(client, &alone, sinks).await?;
        let mut standing = with_its_key(sync, standing, stored);
        if let Standing::AtWork(planned) = &mut standing {
            look_into_partitions(client, sync, planned, stored).await?;
        }
        standings.push(standing);
    }
    Ok(standings)
}

/// The routes of earlier processes; none before the first.
pub(super) async fn stored_routes(state: &pg::Pool) -> Result<Vec<Route>, PrepareError> {
    let client = state.get().await.map_err(|error| unanswered(&error))?;
    stored(queue::routes(&**client).await)
}

/// What people have asked to be filled beside the sinks.
pub(super) async fn rebuilds(state: &pg::Pool) -> Result<Rebuilds, PrepareError> {
    let client = state.get().await.map_err(|error| unanswered(&error))?;
    Ok(Rebuilds {
        standing: stored(queue::rebuilds(&**client).await)?,
        last: stored(queue::last_rebuild(&**client).await)?,
    })
}

fn unanswered(error: &dyn std::error::Error) -> PrepareError {
    PrepareError::State(super::chain(error))
}

/// Nothing, where there is no such table yet.
fn stored<T: Default>(found: Result<T, pg::Error>) -> Result<T, PrepareError> {
    match found {
        Ok(found) => Ok(found),
        Err(error) if disposition(&error) == Disposition::Statement => Ok(T::default()),
        Err(error) => Err(PrepareError::State(describe(&error))),
    }
}

/// `config` has one sync.
async fn judge(client: &mut pg::Client, config: &Config, sinks: &Sinks<'_>) -> Result<Standing, PrepareError> {
    let fitting = match prepare::fit(client, config, sinks).await {
        Ok(fitting) => fitting,
        Err(error) if disposition(&error) == Disposition::Statement => {
            return Ok(Standing::Paused {
                reason: describe(&error),
                tables: Vec::new(),
            });
        }
        Err(error) => return Err(error.into()),
    };
    let tables: Vec<Table> = prepare::tables(config, &fitting.catalog).into_iter().cloned().collect();
    let error = fitting.problems.iter().find(|problem| !problem.warning);
    Ok(match (error, fitting.plans.into_iter().next()) {
        (None, Some(plan)) => Standing::AtWork(Box::new(Planned {
            fingerprint: Fingerprint::of(&plan, &config.syncs[0], &tables),
            plan,
            tables,
        })),
        (error, _) => Standing::Paused {
            reason: error.map_or_else(|| "it cannot be planned".to_owned(), reason),
            tables,
        },
    })
}

/// On one line, with the statement that mends it.
fn reason(problem: &Problem) -> String {
    let mut reason = problem.summary.clone();
    if let Some(sql) = &problem.sql {
        reason.push_str("; mended by: ");
        reason.push_str(sql);
    }
    let words: Vec<&str> = reason.split_whitespace().collect();
    words.join(" ")
}

/// A sync whose subjects have other names than those that its sinks know cannot go on.
fn with_its_key(sync: &Sync, standing: Standing, stored: &[Route]) -> Standing {
    let Standing::AtWork(planned) = standing else {
        return standing;
    };
    let mut own = stored
        .iter()
        .filter(|route| route.sync == sync.name && sync.sinks.contains(&route.sink));
    if own.any(|route| planned.fingerprint.compare(&route.fingerprint, true) == Meaning::OtherKey) {
        Standing::Paused {
            reason: Meaning::OtherKey.words(),
            tables: planned.tables,
        }
    } else {
        Standing::AtWork(planned)
    }
}

/// Most new partitions that are looked into; any more count as filled.
const PARTITIONS: usize = 100;

/// Finds out which partitions are new and empty.
async fn look_into_partitions(
    client: &mut pg::Client,
    sync: &Sync,
    planned: &mut Planned,
    stored: &[Route],
) -> Result<(), PrepareError> {
    let own = stored
        .iter()
        .filter(|route| route.sync == sync.name && !route.fingerprint.is_empty());
    let new: BTreeSet<TableId> = own
        .flat_map(|route| planned.fingerprint.new_partitions(&route.fingerprint))
        .take(PARTITIONS)
        .collect();
    for partition in new {
        match plan::is_empty(&***client, partition).await {
            Ok(true) => planned.fingerprint.note_empty(partition),
            Ok(false) => {}
            // It may not be read by itself, or takes too long to read.
            Err(error) if matches!(disposition(&error), Disposition::Statement | Disposition::Data) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
