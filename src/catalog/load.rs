//! Reading the catalogue.

use std::collections::HashMap;

use tokio_postgres::{GenericClient, Row};

use super::table::{Catalog, Column, ForeignKey, Identity, Index, Persistence, Table, TableId, TableKind};
use crate::config::TableName;
use crate::pg::{self, identifier, qualified};

/// Reads what the catalogue says of `names`; a name that stands for no table is left out.
pub async fn load(client: &impl GenericClient, names: &[TableName]) -> Result<Catalog, pg::Error> {
    let mut catalog = Catalog::default();
    let quoted: Vec<String> = names.iter().map(quoted).collect();
    for row in client
        .query(include_str!("../../sql/catalog/tables.sql"), &[&quoted])
        .await?
    {
        let ord: i64 = row.get("ord");
        let Some(id) = row.get::<_, Option<TableId>>("oid") else {
            continue;
        };
        let name = usize::try_from(ord - 1)
            .ok()
            .and_then(|at| names.get(at))
            .expect("ord counts the names");
        catalog.names.insert(name.clone(), id);
        let kind = kind(client, &row).await?;
        catalog.tables.entry(id).or_insert_with(|| table(id, kind, &row));
    }
    let ids: Vec<TableId> = catalog.tables.keys().copied().collect();
    for row in client
        .query(include_str!("../../sql/catalog/descendants.sql"), &[&ids])
        .await?
    {
        let id: TableId = row.get("oid");
        let above = of(&mut catalog.tables, &row);
        if row.get("is_partition") {
            above.partitions.push(id);
        } else {
            above.heirs.push(id);
        }
        let kind = kind(client, &row).await?;
        catalog.tables.entry(id).or_insert_with(|| table(id, kind, &row));
    }
    let ids: Vec<TableId> = catalog.tables.keys().copied().collect();
    for row in client
        .query(include_str!("../../sql/catalog/columns.sql"), &[&ids])
        .await?
    {
        of(&mut catalog.tables, &row).columns.push(Column {
            number: row.get("number"),
            name: row.get("name"),
            sql_type: row.get("sql_type"),
            type_oid: row.get("type_oid"),
            is_enum: row.get::<_, String>("type_kind") == "e",
            deterministic: row.get("deterministic"),
            not_null: row.get("not_null"),
            generated: row.get("generated"),
            is_virtual: row.get("is_virtual"),
            version: row.get("version"),
        });
    }
    for row in client
        .query(include_str!("../../sql/catalog/indexes.sql"), &[&ids])
        .await?
    {
        of(&mut catalog.tables, &row).indexes.push(Index {
            name: row.get("name"),
            is_primary: row.get("is_primary"),
            is_unique: row.get("is_unique"),
            is_identity: row.get("is_identity"),
            columns: row.get("columns"),
        });
    }
    for row in client
        .query(include_str!("../../sql/catalog/foreign_keys.sql"), &[&ids])
        .await?
    {
        let keys = if row.get("by_period") {
            &mut catalog.period_keys
        } else {
            &mut catalog.foreign_keys
        };
        keys.push(ForeignKey {
            name: row.get("name"),
            table: row.get("table_oid"),
            columns: row.get("columns"),
            referenced: row.get("referenced_oid"),
            referenced_columns: row.get("referenced_columns"),
        });
    }
    Ok(catalog)
}

pub(super) fn quoted(name: &TableName) -> String {
    match &name.schema {
        Some(schema) => qualified(schema, &name.name),
        None => identifier(&name.name),
    }
}

fn of<'a>(tables: &'a mut HashMap<TableId, Table>, row: &Row) -> &'a mut Table {
    tables
        .get_mut(&row.get::<_, TableId>("table_oid"))
        .expect("asked for these tables only")
}

async fn kind(client: &impl GenericClient, row: &Row) -> Result<TableKind, pg::Error> {
    Ok(match row.get::<_, String>("kind").as_str() {
        "r" => TableKind::Table,
        "p" => TableKind::Partitioned,
        "f" => TableKind::Foreign,
        "v" | "m" => {
            let view: TableId = row.get("oid");
            let tables = client
                .query(include_str!("../../sql/catalog/view_tables.sql"), &[&view])
                .await?;
            TableKind::View(tables.iter().map(|row| row.get("name")).collect())
        }
        _ => TableKind::Other,
    })
}

fn table(id: TableId, kind: TableKind, row: &Row) -> Table {
    Table {
        id,
        schema: row.get("schema"),
        name: row.get("name"),
        kind,
        persistence: match row.get::<_, String>("persistence").as_str() {
            "u" => Persistence::Unlogged,
            "t" => Persistence::Temporary,
            _ => Persistence::Permanent,
        },
        identity: match row.get::<_, String>("identity").as_str() {
            "f" => Identity::Full,
            "n" => Identity::Nothing,
            "i" => Identity::Index,
            _ => Identity::Default,
        },
        rows: row.get("rows"),
        columns: Vec::new(),
        indexes: Vec::new(),
        partitions: Vec::new(),
        heirs: Vec::new(),
    }
}
