//! Whether the tables carry what the plans need: old values in the WAL, and indexes for what is searched.

use std::collections::BTreeMap;

use super::path::{self, Entry, Heard};
use super::{Trunk, grow};
use crate::catalog::{Catalog, Table, TableId, TableKind};
use crate::config::{Config, Place, Problem};
use crate::pg::identifier;

/// Below so many rows reading a table whole is no worse than using an index.
const SMALL_TABLE_ROWS: f64 = 1_000.0;

/// Errors for replica identities that would lose changes or make the application's own writes fail, warnings for
/// look-ups without an index. Syncs that cannot be planned are passed over.
pub fn examine(config: &Config, catalog: &Catalog) -> Vec<Problem> {
    let mut needs: BTreeMap<TableId, Need<'_>> = BTreeMap::new();
    let mut problems = Vec::new();
    let trunks: Vec<Trunk<'_>> = config
        .syncs
        .iter()
        .filter_map(|sync| grow(sync, catalog).ok())
        .collect();
    for trunk in &trunks {
        for Heard {
            listener, table, place, ..
        } in trunk.listeners()
        {
            // What an old row carries is up to the partition that it was in; what the stream says of it, up to the root.
            let partitions = table.partitions.iter().filter_map(|&id| catalog.table(id));
            for table in std::iter::once(table).chain(partitions) {
                let need = needs.entry(table.id).or_insert_with(|| Need {
                    table,
                    place,
                    columns: Vec::new(),
                });
                need.add(place, &listener.columns);
            }
        }
        for entry in path::entries(&trunk.root, &trunk.shape) {
            problems.extend(missing_index(&trunk.sync.place, &entry));
        }
    }
    problems.extend(needs.values().filter_map(Need::problem));
    problems.dedup_by(|one, other| one.sql.is_some() && one.sql == other.sql);
    problems
}

/// The columns of one table whose old values some sync needs, each with where it is needed first.
struct Need<'a> {
    table: &'a Table,
    /// Where it is listened to first.
    place: &'a Place,
    columns: Vec<(String, &'a Place)>,
}

impl<'a> Need<'a> {
    fn add(&mut self, place: &'a Place, columns: &[String]) {
        for column in columns {
            if !self.columns.iter().any(|(known, _)| known == column) {
                self.columns.push((column.clone(), place));
            }
        }
    }

    fn problem(&self) -> Option<Problem> {
        let table = self.table;
        let carried = table.identity_columns();
        let lacks = |column: &String| carried.as_ref().is_none_or(|carried| !carried.contains(column));
        let place = match self.columns.iter().find(|(column, _)| lacks(column)) {
            Some((_, place)) => place,
            None if carried.is_none() => self.place,
            None => return None,
        };
        let missing: Vec<&str> = self
            .columns
            .iter()
            .filter(|(column, _)| lacks(column))
            .map(|(column, _)| column.as_str())
            .collect();
        let summary = if carried.is_none() {
            format!(
                "`{}` has no replica identity: postgres would reject updates and deletes once it is published",
                table.name
            )
        } else {
            format!(
                "the replica identity of `{}` does not carry {}",
                table.name,
                missing.join(", ")
            )
        };
        let mut problem = Problem::at(place, summary);
        if carried.is_some() {
            problem
                .help
                .push("without the old value a row that moves or goes would leave its old subject stale".to_owned());
        }
        problem.sql = Some(self.remedy());
        Some(problem)
    }

    /// By an index that fits, by one that can be made, or else by carrying whole old rows.
    fn remedy(&self) -> String {
        let table = self.table.sql_name();
        let needed: Vec<String> = self.columns.iter().map(|(column, _)| column.clone()).collect();
        if let Some(index) = self.table.identity_index_for(&needed) {
            return format!(
                "alter table {table} replica identity using index {};",
                identifier(&index.name)
            );
        }
        let mut columns = self.table.primary_key().unwrap_or_default();
        let unique = !columns.is_empty();
        for column in needed {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let never_null = columns
            .iter()
            .all(|name| self.table.column(name).is_some_and(|column| column.not_null));
        // Postgres makes no index on a partitioned table concurrently.
        if unique && never_null && !matches!(self.table.kind, TableKind::Partitioned) {
            let index = identifier(&format!("{}_replica_identity", self.table.name));
            let columns: Vec<String> = columns.iter().map(|name| identifier(name)).collect();
            return format!(
                "create unique index concurrently {index} on {table} ({});\n\
                 alter table {table} replica identity using index {index};",
                columns.join(", ")
            );
        }
        format!("alter table {table} replica identity full;")
    }
}

fn missing_index(place: &Place, entry: &Entry<'_>) -> Option<Problem> {
    let small = entry.table.rows > 0.0 && entry.table.rows < SMALL_TABLE_ROWS;
    if small || entry.table.has_index_on(&entry.columns) {
        return None;
    }
    let columns: Vec<String> = entry.columns.iter().map(|column| identifier(column)).collect();
    let mut problem = Problem::at(
        place,
        format!(
            "no index finds rows of `{}` by {}",
            entry.table.name,
            entry.columns.join(", ")
        ),
    );
    problem.help.push("each look-up would read the whole table".to_owned());
    let concurrently = match entry.table.kind {
        // Postgres cannot do it there.
        TableKind::Partitioned => "",
        _ => "concurrently ",
    };
    problem.sql = Some(format!(
        "create index {concurrently}on {} ({});",
        entry.table.sql_name(),
        columns.join(", ")
    ));
    problem.warning = true;
    Some(problem)
}
