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
}

impl Publication {
    /// Whether the stream shows all that happens to `tables`, partitions under the name of their root.
    pub fn covers(&self, tables: &[&Table]) -> bool {
        let all = tables.iter().all(|table| self.tables.binary_search(&table.id).is_ok());
        self.all_operations && self.via_root && (self.all_tables || all)
    }

    fn is_exactly(&self, tables: &[&Table]) -> bool {
        self.covers(tables) && !self.all_tables && self.tables.len() == tables.len()
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
    }))
}

/// Makes the publication show just `tables`. Returns whether anything had to be done.
///
/// Every table must have a replica identity, or Postgres would from then on reject the application's updates and deletes.
pub async fn keep_publication(client: &impl GenericClient, name: &str, tables: &[&Table]) -> Result<bool, pg::Error> {
    let list: Vec<String> = tables.iter().map(|table| table.sql_name()).collect();
    let (list, name_sql) = (list.join(", "), identifier(name));
    let options = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true";
    let statement = match read_publication(client, name).await? {
        Some(publication) if publication.is_exactly(tables) => return Ok(false),
        Some(publication) if publication.all_tables => format!("alter publication {name_sql} set ({options})"),
        Some(_) => {
            format!("alter publication {name_sql} set table {list}; alter publication {name_sql} set ({options})")
        }
        None => format!("create publication {name_sql} for table {list} with ({options})"),
    };
    // Several statements in one message are one transaction.
    client.batch_execute(&statement).await?;
    tracing::info!(publication = name, tables = list, "publication amended");
    Ok(true)
}
