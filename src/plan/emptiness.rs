//! Whether a table holds anything.

use tokio_postgres::GenericClient;

use crate::catalog::TableId;
use crate::pg::{self, qualified};

/// Whether a table holds no rows of its own. One that is gone holds none.
pub async fn is_empty(client: &impl GenericClient, table: TableId) -> Result<bool, pg::Error> {
    let name = include_str!("../../sql/catalog/table_name.sql");
    let Some(row) = client.query_opt(name, &[&table]).await? else {
        return Ok(true);
    };
    let name = qualified(row.get("schema"), row.get("name"));
    let row = client
        .query_one(&format!("select not exists (select from only {name}) as empty"), &[])
        .await?;
    Ok(row.get("empty"))
}
