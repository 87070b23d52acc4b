//! What must stand before the stream is opened: state schema, publication, slot, routes, and the visits that a new or
//! lost beginning asks for.
//!
//! The order matters. The publication comes before the slot, so that the slot's stream shows the tables from its first
//! byte on. The slot comes before the visits, so that what changes during a visit is in the stream. Visits and progress are
//! committed together: a crash in between is a start that did not happen. Each step may be repeated.

use crate::catalog::Table;
use crate::config::{Config, Initial, OnLostSlot};
use crate::failpoint;
use crate::pg::{self, Snapshot};
use crate::plan::SyncPlan;
use crate::queue::{self, Kind, NewVisit, Past, Priority, Progress, Route, Wanted};
use crate::record::{self, MigrateError};
use crate::wal::{self, Lsn, Slot};

/// Where the stream goes on, and for whom.
#[derive(Debug)]
pub(super) struct Setup {
    pub progress: Progress,
    pub routes: Vec<Route>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error("{0}; with on_lost_slot = \"resync\" it would be made anew and every subject visited")]
    LostSlot(String),
}

/// Sets up, or finds everything in place. One process at a time.
pub(super) async fn set_up(
    config: &Config,
    plans: &[SyncPlan],
    tables: &[&Table],
    source: &pg::Pool,
    state: &pg::Pool,
) -> Result<Setup, SetupError> {
    let mut state = state.get().await?;
    let migration = state.transaction().await?;
    record::migrate(&migration, &config.state.schema).await?;
    migration.commit().await?;

    // The lock is held by a transaction that writes nothing until the slot is there: making a slot waits for every
    // transaction that has written, so one of our own would make it wait for ever.
    let tx = state.transaction().await?;
    tx.batch_execute("set local idle_in_transaction_session_timeout = 0")
        .await?;
    tx.query_one(
        include_str!("../../sql/record/migration_lock.sql"),
        &[&config.state.schema],
    )
    .await?;
    let source = source.get().await?;
    if config.source.manage {
        wal::keep_publication(&**source, &config.source.publication, tables).await?;
    }
    failpoint::die_at("setup-after-publication");
    // Transactions that run now may have written to a table before it was published. A visit sees what they did if
    // it waits for them to end.
    let horizon = Snapshot::current(&**source).await?.xmax;
    let (progress, beginning) = find_beginning(config, &source, &tx).await?;
    failpoint::die_at("setup-after-slot");

    let routes = queue::ensure_routes(&tx, &wanted(config, plans)).await?;
    for route in &routes {
        let initial = config
            .syncs
            .iter()
            .find(|sync| sync.name == route.sync)
            .map(|sync| sync.initial);
        for kind in visits(route.past, initial.unwrap_or(Initial::All), &beginning) {
            tracing::info!(sync = route.sync, sink = route.sink, visit = ?kind, "every subject will be visited");
            let visit = NewVisit {
                routes: vec![route.id],
                kind,
                xid: None,
                horizon: Some(horizon),
                last_key: None,
                priority: Priority::Low,
                changed_at: None,
            };
            queue::insert_visit(&tx, &visit).await?;
        }
    }
    if beginning != Beginning::GoOn {
        queue::replace_progress(&tx, &config.source.slot, progress).await?;
    }
    tx.commit().await?;
    failpoint::die_at("setup-after-commit");
    Ok(Setup { progress, routes })
}

fn wanted(config: &Config, plans: &[SyncPlan]) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for (sync, plan) in config.syncs.iter().zip(plans) {
        let fingerprint = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(plan.build_sql.as_bytes()));
        wanted.extend(sync.sinks.iter().map(|sink| Wanted {
            sync: sync.name.clone(),
            sink: sink.clone(),
            fingerprint: fingerprint.clone(),
        }));
    }
    wanted
}

/// How this start relates to what was read before.
#[derive(Debug, PartialEq, Eq)]
enum Beginning {
    /// Where the last one stopped.
    GoOn,
    /// Nothing was ever read.
    First,
    /// Changes may have been missed.
    Gap,
}

async fn find_beginning(
    config: &Config,
    source: &pg::Client,
    tx: &deadpool_postgres::Transaction<'_>,
) -> Result<(Progress, Beginning), SetupError> {
    let name = &config.source.slot;
    let system_identifier = wal::system_identifier(&***source).await?;
    let at = |lsn| Progress { system_identifier, lsn };
    // In this order: progress is committed before it is confirmed, so what is read after the slot is never behind it,
    // even while another process reads the stream.
    let slot = wal::read_slot(&***source, name).await?;
    let before = queue::read_progress(&**tx, name).await?;
    let gap = match (&before, &slot) {
        (Some(before), Some(slot)) => match gap(*before, slot, system_identifier) {
            None => return Ok((*before, Beginning::GoOn)),
            Some(gap) => gap,
        },
        (Some(_), None) => format!("slot {name} is gone"),
        (None, slot) => {
            // A slot without progress is one that was made just before a crash, or by hand: nothing was read from it.
            let lsn = match slot {
                Some(slot) if !slot.lost => slot.confirmed,
                Some(_) => remake(source, name).await?,
                None => make(source, name).await?,
            };
            return Ok((at(lsn), Beginning::First));
        }
    };
    if config.source.on_lost_slot == OnLostSlot::Stop {
        return Err(SetupError::LostSlot(gap));
    }
    tracing::warn!(
        reason = gap,
        "changes may have been missed: every subject will be visited"
    );
    let lsn = match slot {
        Some(slot) if slot.lost => remake(source, name).await?,
        Some(slot) => slot.confirmed,
        None => make(source, name).await?,
    };
    Ok((at(lsn), Beginning::Gap))
}

/// Why changes may be missing between what was read before and what the slot has now.
fn gap(before: Progress, slot: &Slot, system_identifier: i64) -> Option<String> {
    if before.system_identifier != system_identifier {
        Some("the source is another server than the one that was read before".to_owned())
    } else if slot.lost {
        Some("the server has removed WAL that the slot had not been read to".to_owned())
    } else if slot.confirmed > before.lsn {
        Some(format!(
            "the slot stands at {}, but was read to {} only",
            slot.confirmed, before.lsn
        ))
    } else {
        None
    }
}

async fn make(source: &pg::Client, name: &str) -> Result<Lsn, SetupError> {
    tracing::info!(
        slot = name,
        "making the slot; this waits for running transactions to end"
    );
    source.batch_execute("set statement_timeout = 0").await?;
    let made = wal::create_slot(&***source, name).await;
    source.batch_execute("reset statement_timeout").await?;
    let lsn = made?;
    tracing::info!(slot = name, lsn = %lsn, "slot made");
    Ok(lsn)
}

async fn remake(source: &pg::Client, name: &str) -> Result<Lsn, SetupError> {
    wal::drop_slot(&***source, name).await?;
    make(source, name).await
}

/// Which subjects a start visits.
fn visits(past: Past, initial: Initial, beginning: &Beginning) -> Vec<Kind> {
    match (past, beginning) {
        // What the source holds, and what the sink may still hold but the source no longer has. `initial` does not
        // count: any of them may have changed unseen.
        (Past::Same | Past::Reshaped, Beginning::Gap | Beginning::First) => vec![Kind::All, Kind::Known],
        (Past::Reshaped, Beginning::GoOn) => match initial {
            Initial::All => vec![Kind::All, Kind::Known],
            Initial::None => vec![Kind::Known],
        },
        (Past::New, _) => match initial {
            Initial::All => vec![Kind::All],
            Initial::None => Vec::new(),
        },
        (Past::Same, Beginning::GoOn) => Vec::new(),
    }
}
