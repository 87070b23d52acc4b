//! Before anything runs: the catalogue, the plans, and everything that would keep `run` from starting.

use std::sync::Arc;

use crate::catalog::{self, Catalog, Table};
use crate::config::{Config, Problem};
use crate::pg;
use crate::plan::{self, SyncPlan};
use crate::wal;

/// What the database says of a configuration.
#[derive(Debug)]
pub struct Prepared {
    pub catalog: Catalog,
    /// Empty where `problems` holds errors.
    pub plans: Arc<[SyncPlan]>,
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
        tables.sort_by_key(|table| table.id);
        tables.dedup_by_key(|table| table.id);
        tables
    }
}

/// Asks the database everything that can be asked without changing it.
pub async fn prepare(config: &Config, source: &pg::Pool) -> Result<Prepared, PrepareError> {
    let client = source.get().await?;
    let catalog = catalog::load(&**client, &plan::table_names(config)).await?;
    let mut problems = Vec::new();
    let plans = plan::plan(config, &catalog).unwrap_or_else(|found| {
        problems.extend(found);
        Vec::new()
    });
    problems.extend(plan::probe(&**client, config, &catalog).await?);
    problems.extend(plan::examine(config, &catalog));
    let mut prepared = Prepared {
        catalog,
        plans: plans.into(),
        problems,
    };
    let tables = prepared.tables(config);
    let found = wal::inspect(&**client, config, &tables).await?;
    prepared.problems.extend(found);
    Ok(prepared)
}
