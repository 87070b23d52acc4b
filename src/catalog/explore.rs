//! Following foreign keys from one table, level by level.

use tokio_postgres::GenericClient;

use super::load::load;
use super::{Catalog, TableId};
use crate::config::TableName;
use crate::pg;

/// Most tables that are looked at, however many are linked.
pub const RELATED_MAX: usize = 300;

/// A table and what surrounds it.
#[derive(Debug)]
pub struct Surroundings {
    pub catalog: Catalog,
    /// Whether there are more tables within the distance than [`RELATED_MAX`].
    pub cut: bool,
}

/// Reads what the catalogue says of a table and of those that foreign keys link with it, either way, in `distance` steps.
/// A table that seems to stand between two others takes no step. Names are without a schema where the search path
/// finds them.
pub async fn explore(
    client: &impl GenericClient,
    root: &TableName,
    distance: usize,
) -> Result<Surroundings, pg::Error> {
    let first = load(client, std::slice::from_ref(root)).await?;
    let mut names = vec![root.clone()];
    let mut known: Vec<TableId> = first.find(root).map(|table| table.id).into_iter().collect();
    let mut frontier = known.clone();
    let mut cut = false;
    for _ in 0..distance {
        let mut next = Vec::new();
        // A table between is stepped over at once: what lies behind it counts as near as itself.
        while !frontier.is_empty() {
            let places_left = RELATED_MAX.saturating_sub(known.len());
            let limit = i64::try_from(places_left + 1).unwrap_or(i64::MAX);
            let rows = client
                .query(
                    include_str!("../../sql/catalog/related.sql"),
                    &[&frontier, &known, &limit],
                )
                .await?;
            cut |= rows.len() > places_left;
            frontier.clear();
            for row in rows.iter().take(places_left) {
                let (id, schema): (TableId, String) = (row.get("oid"), row.get("schema"));
                let visible: bool = row.get("visible");
                names.push(TableName {
                    schema: (!visible).then_some(schema),
                    name: row.get("name"),
                });
                known.push(id);
                next.push(id);
                if row.get("refers_to_two") {
                    frontier.push(id);
                }
            }
        }
        frontier = next;
    }
    let catalog = load(client, &names).await?;
    Ok(Surroundings { catalog, cut })
}

/// Identifiers as SQL writes them, quoted only where they must be, in the order of `names`.
pub async fn quoted(client: &impl GenericClient, names: &[&str]) -> Result<Vec<String>, pg::Error> {
    let rows = client
        .query(include_str!("../../sql/catalog/quoted.sql"), &[&names])
        .await?;
    Ok(rows.iter().map(|row| row.get("quoted")).collect())
}
