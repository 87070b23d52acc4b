//! The publication: which tables the stream shows.

use tokio_postgres::GenericClient;

use crate::catalog::{Table, TableId};
use crate::pg::{self, identifier};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub all_tables: bool,
    pub via_root: bool,
    pub all_operations: bool,
    /// Ascending.
    pub tables: Vec<TableId>,
    /// Those of which it leaves out rows or columns; ascending.
    pub limited_tables: Vec<TableId>,
}

impl Publication {
    /// Whether the stream shows all that happens to `tables`, partitions under the name of their root.
    pub fn covers(&self, tables: &[&Table]) -> bool {
        self.missing(tables).is_empty()
    }

    fn missing(&self, tables: &[&Table]) -> Vec<TableId> {
        let whole = self.all_operations && self.via_root;
        let shows = |id: &TableId| {
            let listed = self.all_tables || self.tables.binary_search(id).is_ok();
            whole && listed && self.limited_tables.binary_search(id).is_err()
        };
        tables.iter().map(|table| table.id).filter(|id| !shows(id)).collect()
    }
}

/// `None` if there is no publication of this name.
pub async fn read_publication(client: &impl GenericClient, name: &str) -> Result<Option<Publication>, pg::Error> {
    let row = client
        .query_opt(include_str!("../../sql/source/publication.sql"), &[&name])
        .await?;
    Ok(row.map(|row| Publication {
        all_tables: row.get("all_tables"),
        via_root: row.get("via_root"),
        all_operations: row.get("all_operations"),
        tables: row.get("tables"),
        limited_tables: row.get("limited_tables"),
    }))
}

/// What has to be done so that a publication shows just certain tables.
#[derive(Debug)]
pub struct Amendment {
    /// Those whose changes it did not show so far, or not all of them.
    pub missing: Vec<TableId>,
    statement: String,
}

/// `None` if the publication is as it should be.
pub async fn amendment(
    client: &impl GenericClient,
    name: &str,
    tables: &[&Table],
) -> Result<Option<Amendment>, pg::Error> {
    let publication = read_publication(client, name).await?;
    let list: Vec<String> = tables.iter().map(|table| table.sql_name()).collect();
    let (list, name) = (list.join(", "), identifier(name));
    let options = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true";
    let all: Vec<TableId> = tables.iter().map(|table| table.id).collect();
    Ok(match publication {
        None => {
            let statement = format!("create publication {name} for table {list} with ({options})");
            Some(Amendment {
                missing: all,
                statement,
            })
        }
        Some(publication) => {
            let missing = publication.missing(tables);
            let exact = publication.all_tables || publication.tables.len() == tables.len();
            let set_table = if publication.all_tables {
                String::new()
            } else {
                format!("alter publication {name} set table {list}; ")
            };
            let statement = format!("{set_table}alter publication {name} set ({options})");
            (!missing.is_empty() || !exact).then_some(Amendment { missing, statement })
        }
    })
}

impl Amendment {
    /// Every table must have a replica identity, or Postgres would from then on reject the application's updates and
    /// deletes.
    pub async fn apply(&self, client: &impl GenericClient) -> Result<(), pg::Error> {
        // Several statements in one message are one transaction.
        client.batch_execute(&self.statement).await?;
        tracing::info!(statement = self.statement, "publication amended");
        Ok(())
    }
}
