//! Before anything runs: the catalogue, the plans, and everything that would keep `run` from starting.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::publication;
use crate::catalog::{self, Catalog, Table};
use crate::config::{Config, Place, Problem};
use crate::pg::{self, Disposition, describe, disposition};
use crate::plan::{self, SyncPlan};
use crate::publish::{Operation, Sink};
use crate::wal;

/// What the database says of a configuration.
#[derive(Debug)]
pub struct Prepared {
    pub catalog: Catalog,
    /// Empty where `problems` holds errors.
    pub plans: Arc<[SyncPlan]>,
    /// By name; those that cannot be used are missing.
    pub sinks: BTreeMap<String, Sink>,
    pub problems: Vec<Problem>,
    /// Whether all errors among the problems are about tables.
    pub fits_elsewhere: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("cannot reach the source")]
    Unreachable(#[from] pg::ConnectError),
    #[error("the source does not answer: {}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error("the state database does not answer: {0}")]
    State(String),
    #[error("the tables are being changed at this moment")]
    Moving,
}

impl Prepared {
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| !problem.warning)
    }

    pub(super) fn sinks(&self) -> Sinks<'_> {
        by_name(&self.sinks)
    }
}

/// Asks the database everything that can be asked without changing it.
pub async fn prepare(config: &Config, source: &pg::Pool) -> Result<Prepared, PrepareError> {
    let mut client = source.get().await?;
    let mut elsewhere = Vec::new();
    let sinks = build_sinks(config, &mut elsewhere);
    elsewhere.extend(wal::inspect(&**client, config).await?);
    let fits_elsewhere = elsewhere.iter().all(|problem| problem.warning);
    let hidden = wal::inspect_schemas(&**client, config, &plan::table_names(config)).await?;
    if !hidden.is_empty() {
        elsewhere.extend(hidden);
        return Ok(Prepared {
            catalog: Catalog::default(),
            plans: Arc::new([]),
            sinks,
            problems: elsewhere,
            fits_elsewhere,
        });
    }
    let Fitting {
        catalog,
        plans,
        problems,
    } = fit_at_rest(&mut client, config, &by_name(&sinks)).await?;
    elsewhere.extend(problems);
    Ok(Prepared {
        catalog,
        plans: plans.into(),
        sinks,
        problems: elsewhere,
        fits_elsewhere,
    })
}

/// Fits the tables as they are at one moment: a problem that is gone with the next look is none of the configuration.
async fn fit_at_rest(client: &mut pg::Client, config: &Config, sinks: &Sinks<'_>) -> Result<Fitting, PrepareError> {
    for _ in 0..TRIES {
        let before = digest(client, config).await?;
        let fitted = fit(client, config, sinks).await;
        // Many questions are asked of the catalogue, one after the other: the answers go together if it stood still.
        if digest(client, config).await? == before {
            return Ok(fitted?);
        }
    }
    Err(PrepareError::Moving)
}

/// How often it is tried to see a catalogue that keeps changing at one moment.
pub(super) const TRIES: usize = 3;

/// Stands for the catalogue of all tables that the syncs name.
pub(super) async fn digest(client: &pg::Client, config: &Config) -> Result<String, PrepareError> {
    let found = catalog::digest(&***client, &plan::table_names(config), &config.source.publication).await;
    match found {
        Ok(digest) => Ok(digest),
        // A schema that may no longer be used: that is a fact of the catalogue, too.
        Err(error) if disposition(&error) == Disposition::Statement => Ok(describe(&error)),
        Err(error) => Err(error.into()),
    }
}

/// The sinks, by their names.
pub(super) type Sinks<'a> = BTreeMap<&'a str, &'a Sink>;

fn by_name(sinks: &BTreeMap<String, Sink>) -> Sinks<'_> {
    sinks.iter().map(|(name, sink)| (name.as_str(), sink)).collect()
}

/// What the tables say of the syncs of a configuration.
pub(super) struct Fitting {
    pub catalog: Catalog,
    /// Of all of them or of none.
    pub plans: Vec<SyncPlan>,
    pub problems: Vec<Problem>,
}

/// Plans the syncs, and has Postgres judge of all they would have it do.
pub(super) async fn fit(client: &mut pg::Client, config: &Config, sinks: &Sinks<'_>) -> Result<Fitting, pg::Error> {
    let catalog = catalog::load(&***client, &plan::table_names(config)).await?;
    let mut problems = Vec::new();
    let mut plans = plan::plan(config, &catalog).unwrap_or_else(|found| {
        problems.extend(found);
        Vec::new()
    });
    problems.extend(plan::probe(&***client, config, &catalog).await?);
    if problems.is_empty() {
        problems.extend(plan::narrow(client, config, &catalog, &mut plans).await?);
    }
    problems.extend(plan::examine(config, &catalog));
    for (sync, plan) in config.syncs.iter().zip(&plans) {
        problems.extend(plan::probe_after_publish(&***client, sync, plan.shape.columns.len()).await?);
    }
    // Without plans for all of them nothing is known of the members.
    for (sync, plan) in config.syncs.iter().zip(&plans) {
        for sink in sync.sinks.iter().filter_map(|name| sinks.get_key_value(name.as_str())) {
            problems.extend(unreachable_subjects(&sync.place, plan, sink));
        }
    }
    let exposures = publication::exposures(&plans, tables(config, &catalog));
    problems.extend(wal::inspect_tables(&***client, config, &exposures).await?);
    Ok(Fitting {
        catalog,
        plans,
        problems,
    })
}

/// The tables that the syncs of a configuration read, as far as they are there.
pub(super) fn tables<'a>(config: &Config, catalog: &'a Catalog) -> Vec<&'a Table> {
    let mut tables: Vec<&Table> = plan::table_names(config)
        .iter()
        .filter_map(|name| catalog.find(name))
        .collect();
    let heirs = tables.iter().flat_map(|table| &table.heirs);
    let heirs: Vec<&Table> = heirs.filter_map(|&id| catalog.table(id)).collect();
    tables.extend(heirs);
    tables.sort_by_key(|table| table.id);
    tables.dedup_by_key(|table| table.id);
    tables
}

fn build_sinks(config: &Config, problems: &mut Vec<Problem>) -> BTreeMap<String, Sink> {
    let mut sinks = BTreeMap::new();
    for sink in &config.sinks {
        match Sink::build(sink) {
            Ok(built) => {
                sinks.insert(sink.name.clone(), built);
            }
            Err(unusable) => problems.push(Problem::at(&sink.place, unusable.to_string())),
        }
    }
    sinks
}

/// What a sink must know of a subject and the document does not have, or a delete does not.
fn unreachable_subjects(place: &Place, plan: &SyncPlan, (name, sink): (&&str, &&Sink)) -> Vec<Problem> {
    let is_key = |wanted: &&str| plan.shape.columns.iter().any(|column| column.name == *wanted);
    let is_member = |wanted: &&str| {
        let members = plan.members.as_ref();
        members.is_none_or(|members| members.iter().any(|member| member == wanted))
    };
    let to_delete = sink.placeholders(Operation::Delete);
    let mut wanted = [sink.placeholders(Operation::Upsert), to_delete.clone()].concat();
    wanted.sort_unstable();
    wanted.dedup();
    let mut problems = Vec::new();
    for wanted in wanted.into_iter().filter(|wanted| !is_key(wanted)) {
        if !is_member(&wanted) {
            let summary = format!("sink `{name}` needs `{{{wanted}}}`, which is no column of the key and no member");
            let key: Vec<&str> = plan.shape.columns.iter().map(|column| column.name.as_str()).collect();
            problems.push(Problem::at(place, summary).help(format!("the key: {}", key.join(", "))));
        } else if to_delete.contains(&wanted) {
            let summary = format!("sink `{name}` needs `{{{wanted}}}`, which is not a column of the key");
            let help = "of a subject that is gone only the key is known: its delete would be refused";
            problems.push(Problem::at(place, summary).help(help).warning());
        }
    }
    problems
}
