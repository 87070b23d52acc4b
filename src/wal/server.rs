//! Whether the server and the role are able to stream.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{GenericClient, Row};

use super::mend::publication_fixes;
use super::publication::{Bounds, column_list, read_bounds};
use super::{Exposure, Publication, Slot, read_publication, read_slot};
use crate::catalog::{Table, TableId};
use crate::config::{Config, Problem, TableName};
use crate::pg::{self, identifier};

/// The oldest major version supported.
const VERSION_MIN: i32 = 140_000;

/// What stands in the way of reading the stream, whatever the tables are.
pub async fn inspect(client: &impl GenericClient, config: &Config) -> Result<Vec<Problem>, pg::Error> {
    let server = read_server(client, config).await?;
    let publication = read_publication(client, &config.source.publication).await?;
    let mut inspection = Inspection::new(config, &[], &server);
    inspection.server(&server);
    if !server.get::<_, bool>("in_recovery")
        && let Some(slot) = read_slot(client, &config.source.slot).await?
    {
        inspection.slot(&slot, server.get("database"));
    }
    if config.source.manage && publication.is_none() && !server.get::<_, bool>("may_create") {
        inspection.no_publication(&server);
    }
    Ok(inspection.problems)
}

/// Which schemas of these tables the role may not use. Their tables cannot be found, whatever else may be amiss with them.
pub async fn inspect_schemas(
    client: &impl GenericClient,
    config: &Config,
    tables: &[TableName],
) -> Result<Vec<Problem>, pg::Error> {
    let schemas: Vec<Option<&str>> = tables.iter().map(|table| table.schema.as_deref()).collect();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let sql = include_str!("../../sql/source/hidden_schemas.sql");
    let hidden = client.query(sql, &[&schemas, &names]).await?;
    if hidden.is_empty() {
        return Ok(Vec::new());
    }
    let server = read_server(client, config).await?;
    let mut inspection = Inspection::new(config, &[], &server);
    for row in &hidden {
        let (schema, role) = (identifier(row.get("schema")), identifier(inspection.role));
        let problem = inspection.problem(format!("role {role} may not use schema {schema}"));
        problem.sql = Some(format!("grant usage on schema {schema} to {role};"));
    }
    Ok(inspection.problems)
}

/// What stands in the way of reading these tables, and their changes in the stream.
pub async fn inspect_tables(
    client: &impl GenericClient,
    config: &Config,
    exposures: &[Exposure<'_>],
) -> Result<Vec<Problem>, pg::Error> {
    let server = read_server(client, config).await?;
    let ids: Vec<u32> = exposures.iter().map(|exposure| exposure.table.id).collect();
    let privileges = client
        .query(include_str!("../../sql/source/table_privileges.sql"), &[&ids])
        .await?;
    let publication = read_publication(client, &config.source.publication).await?;
    let covered = publication
        .as_ref()
        .is_some_and(|publication| publication.covers(exposures));
    let mut inspection = Inspection::new(config, exposures, &server);
    // Where no table is to be found there is nothing to publish yet.
    if !config.source.manage && !exposures.is_empty() {
        if !publication
            .as_ref()
            .is_some_and(|publication| publication.covers(&inspection.whole_tables()))
        {
            inspection.uncovered(publication.as_ref(), server.get("version"));
        }
        if let Some(publication) = &publication {
            let bounds = read_bounds(client, exposures).await?;
            inspection.column_lists(publication, &bounds);
            inspection.generated_columns(publication);
        }
    }
    for row in &privileges {
        inspection.table(row, covered);
    }
    Ok(inspection.problems)
}

/// The version of the server, as 150004 for 15.4.
pub async fn read_version(client: &impl GenericClient) -> Result<i32, pg::Error> {
    let row = client
        .query_one(include_str!("../../sql/source/version.sql"), &[])
        .await?;
    Ok(row.get("version"))
}

async fn read_server(client: &impl GenericClient, config: &Config) -> Result<Row, pg::Error> {
    client
        .query_one(include_str!("../../sql/source/server.sql"), &[&config.source.slot])
        .await
}

struct Inspection<'a> {
    config: &'a Config,
    exposures: &'a [Exposure<'a>],
    role: &'a str,
    problems: Vec<Problem>,
}

impl<'a> Inspection<'a> {
    fn new(config: &'a Config, exposures: &'a [Exposure<'a>], server: &'a Row) -> Self {
        Self {
            config,
            exposures,
            role: server.get("role"),
            problems: Vec::new(),
        }
    }

    fn problem(&mut self, summary: String) -> &mut Problem {
        self.problems
            .push(Problem::at(&self.config.source.connection.place, summary));
        self.problems.last_mut().expect("one was just pushed")
    }

    fn server(&mut self, server: &Row) {
        let version: i32 = server.get("version");
        if version < VERSION_MIN {
            let problem = self.problem(format!("the server is version {}", version / 10_000));
            problem.help.push("version 14 or later is wanted".to_owned());
        }
        if server.get("in_recovery") {
            self.problem("the server is a standby".to_owned())
                .help
                .push("connect to the primary".to_owned());
        }
        let wal_level: &str = server.get("wal_level");
        if wal_level != "logical" {
            let problem = self.problem(format!("wal_level is {wal_level}, logical is wanted"));
            problem.sql = Some("alter system set wal_level = 'logical';  -- then restart the server".to_owned());
        }
        let role = identifier(self.role);
        if !server.get::<_, bool>("may_replicate") {
            let problem = self.problem(format!("role {role} may not replicate"));
            problem.sql = Some(format!("alter role {role} replication;"));
        }
        if !server.get::<_, bool>("slot_exists") {
            self.room(
                "max_replication_slots",
                server.get("slots_used"),
                server.get("slots_max"),
            );
            self.room("max_wal_senders", server.get("senders_used"), server.get("senders_max"));
        }
    }

    fn room(&mut self, setting: &str, used: i64, max: i32) {
        if used >= i64::from(max) {
            let problem = self.problem(format!("all that {setting} = {max} allows are in use"));
            let more = max.saturating_add(4);
            problem.sql = Some(format!(
                "alter system set {setting} = {more};  -- then restart the server"
            ));
        }
    }

    /// One that is there, and that nobody like us may have made.
    fn slot(&mut self, slot: &Slot, database: &str) {
        let name = &self.config.source.slot;
        let found = match (slot.plugin.as_str(), slot.database.as_str()) {
            ("", _) => "is a physical one".to_owned(),
            ("pgoutput", here) if here == database => return,
            ("pgoutput", elsewhere) => format!("belongs to database {}", identifier(elsewhere)),
            (plugin, _) => format!("was made for the plugin {plugin}"),
        };
        let problem = self.problem(format!("slot {name} {found}"));
        let help = "name another under `slot`; one that is not there is made";
        problem.help.push(help.to_owned());
    }

    fn no_publication(&mut self, server: &Row) {
        let role = identifier(self.role);
        let database: &str = server.get("database");
        let problem = self.problem(format!("role {role} may not create a publication"));
        problem.sql = Some(format!("grant create on database {} to {role};", identifier(database)));
    }

    fn uncovered(&mut self, publication: Option<&Publication>, version: i32) {
        let tables: Vec<&Table> = self.exposures.iter().map(|exposure| exposure.table).collect();
        let source = &self.config.source.publication;
        let name = identifier(source);
        let fixes = publication_fixes(publication, source, &tables, version);
        let sql = if fixes.is_empty() {
            // Rows or columns of a table are left out, so what it shows has to be said anew.
            let list: Vec<String> = tables.iter().map(|table| table.sql_name()).collect();
            format!("alter publication {name} set table {};", list.join(", "))
        } else {
            let statements: Vec<String> = fixes.iter().map(|fix| format!("{};", fix.statement)).collect();
            statements.join("\n")
        };
        let summary = format!("publication {name} does not show every table that the syncs read");
        let problem = self.problem(summary);
        problem
            .help
            .push("with manage = true it would be kept in step".to_owned());
        problem.sql = Some(sql);
    }

    /// What is to be shown, whatever the columns.
    fn whole_tables(&self) -> Vec<Exposure<'_>> {
        let tables = self.exposures.iter().map(|exposure| exposure.table);
        tables
            .map(|table| Exposure {
                table,
                needed: BTreeSet::new(),
                counted: None,
            })
            .collect()
    }

    /// What the column lists of a publication that is not ours leave out and must not.
    fn column_lists(&mut self, publication: &Publication, bounds: &BTreeMap<TableId, Bounds>) {
        for exposure in self.exposures {
            let id = exposure.table.id;
            let (Some(published), Some(bounds)) = (publication.tables.get(&id), bounds.get(&id)) else {
                continue;
            };
            let identity = exposure.table.identity_columns().unwrap_or_default();
            let identity: BTreeSet<&str> = identity.iter().map(String::as_str).collect();
            let (needed, rejected) = (published.lacks(&exposure.needed), published.lacks(&identity));
            let lacking: BTreeSet<&str> = needed.iter().chain(&rejected).copied().collect();
            if lacking.is_empty() {
                continue;
            }
            let (table, name) = (exposure.table.sql_name(), identifier(&self.config.source.publication));
            let lacking: Vec<&str> = lacking.into_iter().collect();
            let problem = self.problem(format!(
                "publication {name} leaves out {} of {table}",
                lacking.join(", ")
            ));
            problem.help.push(if rejected.is_empty() {
                "without them the stream does not tell which subjects a changed row belongs to".to_owned()
            } else {
                "they are in the replica identity: postgres rejects the application's own updates and deletes"
                    .to_owned()
            });
            let shown = published.columns.iter().flatten().map(String::as_str);
            let list: BTreeSet<String> = shown
                .chain(lacking)
                .chain(bounds.must.iter().map(String::as_str))
                .map(str::to_owned)
                .collect();
            problem.sql = Some(format!(
                "begin;\nalter publication {name} drop table {table};\nalter publication {name} add table {table} ({});\ncommit;",
                column_list(&list)
            ));
        }
    }

    /// Those in a replica identity that a publication that is not ours leaves out.
    fn generated_columns(&mut self, publication: &Publication) {
        if publication.generated {
            return;
        }
        for exposure in self.exposures {
            let table = exposure.table;
            let published = publication.tables.get(&table.id);
            // Lists are another matter.
            if published.map_or(!publication.all_tables, |published| published.columns.is_some()) {
                continue;
            }
            let is_generated = |name: &String| table.column(name).is_some_and(|column| column.generated);
            let mut identity = table.identity_columns().unwrap_or_default();
            identity.retain(is_generated);
            if identity.is_empty() {
                continue;
            }
            let (identity, name) = (identity.join(", "), identifier(&self.config.source.publication));
            let table = table.sql_name();
            let problem = self.problem(format!("publication {name} leaves out {identity} of {table}"));
            let help = "in the replica identity: postgres rejects the application's own updates and deletes";
            problem.help.push(help.to_owned());
            problem.sql = Some(format!(
                "alter publication {name} set (publish_generated_columns = stored);"
            ));
        }
    }

    fn table(&mut self, privileges: &Row, covered: bool) {
        let id: u32 = privileges.get("oid");
        let Some(table) = self
            .exposures
            .iter()
            .find(|exposure| exposure.table.id == id)
            .map(|exposure| exposure.table.sql_name())
        else {
            return;
        };
        let role = identifier(self.role);
        if !privileges.get::<_, bool>("may_select") {
            let problem = self.problem(format!("role {role} may not read {table}"));
            problem.sql = Some(format!("grant select on {table} to {role};"));
        }
        if privileges.get("sees_some") {
            let problem = self.problem(format!("row-level security hides rows of {table} from role {role}"));
            problem
                .help
                .push("what is hidden is published as gone; if that is not meant, let the role see all".to_owned());
            problem.sql = Some(format!("alter role {role} bypassrls;"));
            problem.warning = true;
        }
        if self.config.source.manage && !covered && !privileges.get::<_, bool>("owned") {
            let problem = self.problem(format!("role {role} may not publish {table}, which is not its own"));
            let help = "let its owner make the publication and set manage = false, or grant the owner's role";
            problem.help.push(help.to_owned());
        }
    }
}
