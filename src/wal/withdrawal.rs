//! Taking tables out of the publication before it does harm.

use tokio_postgres::GenericClient;

use crate::pg::{self, identifier, qualified};

/// Stops publishing the tables that have lost their replica identity, so that Postgres takes the application's updates and
/// deletes again. Whoever reads them has been paused by then, and visits everything before it goes on.
pub async fn withdraw_unidentified(client: &impl GenericClient, publication: &str) -> Result<(), pg::Error> {
    let tables = unidentified(client, publication).await?;
    if tables.is_empty() {
        return Ok(());
    }
    let (name, tables) = (identifier(publication), tables.join(", "));
    client
        .batch_execute(&format!("alter publication {name} drop table {tables}"))
        .await?;
    tracing::warn!(
        tables,
        "tables have lost their replica identity and are no longer published: postgres would reject updates and deletes"
    );
    Ok(())
}

/// The published tables without a replica identity, quoted.
pub(super) async fn unidentified(client: &impl GenericClient, publication: &str) -> Result<Vec<String>, pg::Error> {
    let sql = include_str!("../../sql/source/unidentified.sql");
    let rows = client.query(sql, &[&publication]).await?;
    let name = |row: &tokio_postgres::Row| qualified(row.get("schema"), row.get("name"));
    Ok(rows.iter().map(name).collect())
}
