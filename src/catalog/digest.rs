//! Whether the catalogue is still what it was.

use tokio_postgres::GenericClient;

use super::load::quoted;
use crate::config::TableName;
use crate::pg;

/// Stands for all that the catalogue says of some tables and of a publication. One light query, which waits for no lock on
/// the tables.
pub async fn digest(client: &impl GenericClient, names: &[TableName], publication: &str) -> Result<String, pg::Error> {
    let names: Vec<String> = names.iter().map(quoted).collect();
    let sql = include_str!("../../sql/catalog/digest.sql");
    Ok(client.query_one(sql, &[&names, &publication]).await?.get("digest"))
}
