//! What the planner knows of the values in columns, see
//! <https://www.postgresql.org/docs/current/view-pg-stats.html>. Estimates, as old as the last `analyze`.

use std::collections::HashMap;

use tokio_postgres::GenericClient;

use super::{Catalog, Table, TableId};
use crate::pg;

/// Of some columns; none of those that were never analysed, or that the role may not read.
#[derive(Debug, Default)]
pub struct Statistics {
    columns: HashMap<(TableId, String), ColumnStatistics>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ColumnStatistics {
    /// From 0 to 1.
    pub null_fraction: f64,
    /// Distinct values but null; below 0 a fraction of the rows.
    pub distinct_values: f64,
    /// The value that occurs most often, and in which fraction of the rows.
    pub commonest: Option<(String, f64)>,
}

/// The statistics of columns by their names, whichever of the tables they are in.
pub async fn statistics(
    client: &impl GenericClient,
    tables: &[TableId],
    columns: &[String],
) -> Result<Statistics, pg::Error> {
    let rows = client
        .query(include_str!("../../sql/catalog/statistics.sql"), &[&tables, &columns])
        .await?;
    let columns = rows.iter().map(|row| {
        let commonest: Option<String> = row.get("commonest");
        let found = ColumnStatistics {
            null_fraction: row.get("null_fraction"),
            distinct_values: row.get("distinct_values"),
            commonest: commonest.zip(row.get("commonest_fraction")),
        };
        ((row.get("table_oid"), row.get("name")), found)
    });
    Ok(Statistics {
        columns: columns.collect(),
    })
}

impl Statistics {
    pub fn column(&self, table: &Table, column: &str) -> Option<&ColumnStatistics> {
        self.columns.get(&(table.id, column.to_owned()))
    }

    /// How many rows of a table of `rows` rows have given values in these columns, on average over the values that there
    /// are. `None` where nothing is known.
    pub fn rows_per_value(&self, table: &Table, rows: f64, columns: &[String]) -> Option<f64> {
        if table.is_unique(columns) {
            return Some(1.0);
        }
        let mut held: f64 = 1.0;
        let mut distinct: f64 = 1.0;
        for column in columns {
            let known = self.column(table, column)?;
            held = held.min(1.0 - known.null_fraction);
            distinct *= if known.distinct_values < 0.0 {
                -known.distinct_values * rows
            } else {
                known.distinct_values
            };
        }
        (rows > 0.0).then(|| (rows * held / distinct.max(1.0)).max(1.0))
    }
}

impl Catalog {
    /// The planner's estimate of a table's rows, those of its partitions included; 0 where it was never analysed.
    pub fn rows(&self, table: &Table) -> f64 {
        if table.rows > 0.0 {
            return table.rows;
        }
        let partitions = table.partitions.iter().filter_map(|&id| self.table(id));
        partitions.map(|partition| partition.rows).sum()
    }
}
