//! What was derived from a configuration, with what the planner knows of its tables.

use super::prepare::tables;
use super::{PrepareError, Prepared};
use crate::catalog::{self, TableId};
use crate::config::Config;
use crate::pg;
use crate::plan::{self, Picture};

/// A picture of each sync that could be planned.
pub async fn paint(config: &Config, prepared: &Prepared, source: &pg::Pool) -> Result<Vec<Picture>, PrepareError> {
    let client = source.get().await?;
    let ids: Vec<TableId> = tables(config, &prepared.catalog).iter().map(|table| table.id).collect();
    let columns = plan::link_columns(config, &prepared.catalog);
    let statistics = catalog::statistics(&**client, &ids, &columns).await?;
    Ok(plan::pictures(config, &prepared.catalog, &prepared.plans, &statistics))
}
