//! Whether the server and the role are able to stream.

use tokio_postgres::GenericClient;

use crate::catalog::Table;
use crate::config::{Config, Problem};
use crate::pg::{self, identifier};

/// The oldest major version supported.
const VERSION_MIN: i32 = 140_000;

/// What stands in the way of reading the stream and the tables.
pub async fn inspect(
    client: &impl GenericClient,
    config: &Config,
    tables: &[&Table],
) -> Result<Vec<Problem>, pg::Error> {
    let source = &config.source;
    let row = client
        .query_one(include_str!("../../sql/source/server.sql"), &[&source.slot])
        .await?;
    let mut problems = Vec::new();
    let mut add = |summary: String, help: &str, sql: Option<String>| {
        let mut problem = Problem::at(&source.url_place, summary);
        problem.help.extend((!help.is_empty()).then(|| help.to_owned()));
        problem.sql = sql;
        problems.push(problem);
    };
    let version: i32 = row.get("version");
    if version < VERSION_MIN {
        add(
            format!("the server is version {}", version / 10_000),
            "version 14 or later is wanted",
            None,
        );
    }
    if row.get("in_recovery") {
        add("the server is a standby".to_owned(), "connect to the primary", None);
    }
    let wal_level: &str = row.get("wal_level");
    if wal_level != "logical" {
        let sql = "alter system set wal_level = 'logical';  -- then restart the server".to_owned();
        add(
            format!("wal_level is {wal_level}"),
            "decoding needs wal_level = logical",
            Some(sql),
        );
    }
    let role: &str = row.get("role");
    if !row.get::<_, bool>("may_replicate") {
        let sql = format!("alter role {} replication;", identifier(role));
        add(format!("role {role} may not replicate"), "", Some(sql));
    }
    let room = |used: i64, max: i32| used < i64::from(max);
    if !row.get::<_, bool>("slot_exists") && !room(row.get("slots_used"), row.get("slots_max")) {
        let max: i32 = row.get("slots_max");
        let sql = format!(
            "alter system set max_replication_slots = {};  -- then restart the server",
            max + 4
        );
        add(
            format!("all {max} replication slots are taken"),
            "drop one that nobody uses, or allow more",
            Some(sql),
        );
    }
    if !row.get::<_, bool>("slot_exists") && !room(row.get("senders_used"), row.get("senders_max")) {
        let max: i32 = row.get("senders_max");
        let sql = format!(
            "alter system set max_wal_senders = {};  -- then restart the server",
            max + 4
        );
        add(format!("all {max} wal senders are busy"), "", Some(sql));
    }
    let publication = super::read_publication(client, &source.publication).await?;
    let ids: Vec<u32> = tables.iter().map(|table| table.id).collect();
    let privileges = client
        .query(include_str!("../../sql/source/table_privileges.sql"), &[&ids])
        .await?;
    let covered = publication
        .as_ref()
        .is_some_and(|publication| publication.covers(tables));
    if source.manage && publication.is_none() && !row.get::<_, bool>("may_create") {
        let database: &str = row.get("database");
        let sql = format!(
            "grant create on database {} to {};",
            identifier(database),
            identifier(role)
        );
        add(format!("role {role} may not create a publication"), "", Some(sql));
    }
    if !source.manage && !covered {
        let list: Vec<String> = tables.iter().map(|table| table.sql_name()).collect();
        let name = identifier(&source.publication);
        let verb = if publication.is_some() {
            "set table"
        } else {
            "for table"
        };
        let start = if publication.is_some() { "alter" } else { "create" };
        let sql = format!(
            "{start} publication {name} {verb} {};\nalter publication {name} set (publish_via_partition_root = true);",
            list.join(", ")
        );
        add(
            format!(
                "publication {} does not show every table that the syncs read",
                source.publication
            ),
            "with manage = true it would be kept in step",
            Some(sql),
        );
    }
    for privilege in privileges {
        let id: u32 = privilege.get("oid");
        let Some(table) = tables.iter().find(|table| table.id == id) else {
            continue;
        };
        if !privilege.get::<_, bool>("may_select") {
            let sql = format!("grant select on {} to {};", table.sql_name(), identifier(role));
            add(format!("role {role} may not read {}", table.sql_name()), "", Some(sql));
        }
        if source.manage && !covered && !privilege.get::<_, bool>("owned") {
            add(
                format!("role {role} may not publish {}, which is not its own", table.sql_name()),
                "let its owner make the publication and set manage = false, or grant the owner's role",
                None,
            );
        }
    }
    Ok(problems)
}
