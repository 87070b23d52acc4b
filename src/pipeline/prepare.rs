//! Before anything runs: the catalogue, the plans, and everything that would keep `run` from starting.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::publication;
use crate::catalog::{self, Catalog, Table};
use crate::config::{Config, Place, Problem};
use crate::pg;
use crate::plan::{self, SyncPlan};
use crate::publish::Sink;
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
}

#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("cannot reach the source")]
    Unreachable(#[from] pg::ConnectError),
    #[error("the source does not answer: {}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

impl Prepared {
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| !problem.warning)
    }

    /// The tables that the syncs read.
    pub fn tables(&self, config: &Config) -> Vec<&Table> {
        let mut tables: Vec<&Table> = plan::table_names(config)
            .iter()
            .filter_map(|name| self.catalog.find(name))
            .collect();
        let heirs = tables.iter().flat_map(|table| &table.heirs);
        let heirs: Vec<&Table> = heirs.filter_map(|&id| self.catalog.table(id)).collect();
        tables.extend(heirs);
        tables.sort_by_key(|table| table.id);
        tables.dedup_by_key(|table| table.id);
        tables
    }
}

/// Asks the database everything that can be asked without changing it.
pub async fn prepare(config: &Config, source: &pg::Pool) -> Result<Prepared, PrepareError> {
    let mut client = source.get().await?;
    let catalog = catalog::load(&**client, &plan::table_names(config)).await?;
    let mut problems = Vec::new();
    let mut plans = plan::plan(config, &catalog).unwrap_or_else(|found| {
        problems.extend(found);
        Vec::new()
    });
    problems.extend(plan::probe(&**client, config, &catalog).await?);
    if problems.is_empty() {
        problems.extend(plan::narrow(&mut client, config, &catalog, &mut plans).await?);
    }
    problems.extend(plan::examine(config, &catalog));
    let sinks = build_sinks(config, &mut problems);
    // Without plans for all of them nothing is known of the members.
    for (sync, plan) in config.syncs.iter().zip(&plans) {
        for sink in sync.sinks.iter().filter_map(|name| sinks.get_key_value(name)) {
            problems.extend(unreachable_subjects(&sync.place, plan, sink));
        }
    }
    let mut prepared = Prepared {
        catalog,
        plans: plans.into(),
        sinks,
        problems,
    };
    let tables = prepared.tables(config);
    let exposures = publication::exposures(&prepared.plans, tables);
    let found = wal::inspect(&**client, config, &exposures).await?;
    prepared.problems.extend(found);
    Ok(prepared)
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
fn unreachable_subjects(place: &Place, plan: &SyncPlan, (name, sink): (&String, &Sink)) -> Vec<Problem> {
    let is_key = |wanted: &str| plan.shape.columns.iter().any(|column| column.name == wanted);
    let mut problems = Vec::new();
    for wanted in sink.placeholders().into_iter().filter(|wanted| !is_key(wanted)) {
        if plan
            .members
            .as_ref()
            .is_none_or(|members| members.iter().any(|member| member == wanted))
        {
            let summary = format!("sink `{name}` needs `{{{wanted}}}`, which is not a column of the key");
            let help = "of a subject that is gone only the key is known: its delete would be refused";
            problems.push(Problem::at(place, summary).help(help).warning());
        } else {
            let summary = format!("sink `{name}` needs `{{{wanted}}}`, which is no column of the key and no member");
            let key: Vec<&str> = plan.shape.columns.iter().map(|column| column.name.as_str()).collect();
            problems.push(Problem::at(place, summary).help(format!("the key: {}", key.join(", "))));
        }
    }
    problems
}
