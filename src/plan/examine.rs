//! Whether the tables carry what the plans need: old values in the WAL, and indexes for what is searched.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::path::{self, Entry, Heard};
use super::{Trunk, grow};
use crate::catalog::{Catalog, Fix, FixKind, Identity, Locks, Table, TableId, TableKind};
use crate::config::{Config, Place, Problem};
use crate::pg::identifier;

/// Below so many rows reading a table whole is no worse than using an index.
const SMALL_TABLE_ROWS: f64 = 1_000.0;

/// Errors for replica identities that would lose changes or make the application's own writes fail, warnings for
/// look-ups without an index. Syncs that cannot be planned are passed over.
pub fn examine(config: &Config, catalog: &Catalog) -> Vec<Problem> {
    let found = findings(config, catalog);
    let mut problems: Vec<Problem> = found.into_iter().map(|finding| finding.problem).collect();
    problems.dedup_by(|one, other| one.sql.is_some() && one.sql == other.sql);
    problems
}

/// What mends all that [`examine`] finds, each statement once, in an order in which they can be run. A table that several
/// syncs need something of has one replica identity that suits all of them.
pub fn fixes(config: &Config, catalog: &Catalog) -> Vec<Fix> {
    let mut fixes: Vec<Fix> = Vec::new();
    for fix in findings(config, catalog).into_iter().flat_map(|finding| finding.fixes) {
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    fixes
}

/// What is missing, and what would mend it.
struct Finding {
    problem: Problem,
    fixes: Vec<Fix>,
}

impl Finding {
    fn new(mut problem: Problem, fixes: Vec<Fix>) -> Self {
        problem.sql = Some(Fix::script(&fixes));
        Self { problem, fixes }
    }
}

/// Those about indexes first.
fn findings(config: &Config, catalog: &Catalog) -> Vec<Finding> {
    let mut needs: BTreeMap<TableId, Need<'_>> = BTreeMap::new();
    let mut found = Vec::new();
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
            found.extend(missing_index(&trunk.sync.place, &entry));
        }
    }
    found.extend(needs.values().filter_map(Need::finding));
    found
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

    fn finding(&self) -> Option<Finding> {
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
        let rejected = "postgres would reject updates and deletes once it is published";
        let summary = if carried.is_none() && table.identity == Identity::Full {
            format!(
                "the replica identity of `{}` has {}: {rejected}",
                table.name,
                self.virtual_ones()
            )
        } else if carried.is_none() {
            format!("`{}` has no replica identity: {rejected}", table.name)
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
        let fixes = self.fixes();
        if fixes.is_empty() {
            let help = format!(
                "old rows cannot be carried whole, as {} cannot be published: store what it generates, or make {} \
                 not null",
                self.virtual_ones(),
                missing.join(", ")
            );
            problem.help.push(help);
            return Some(Finding { problem, fixes });
        }
        Some(Finding::new(problem, fixes))
    }

    fn virtual_ones(&self) -> String {
        let columns: Vec<&str> = self.table.virtual_columns().collect();
        format!("the virtual generated column {}", columns.join(", "))
    }

    /// By an index that fits, by one that can be made, or else by carrying whole old rows. None where nothing can.
    fn fixes(&self) -> Vec<Fix> {
        let needed: Vec<String> = self.columns.iter().map(|(column, _)| column.clone()).collect();
        if let Some(index) = self.table.identity_index_for(&needed) {
            return vec![self.identity(&format!("using index {}", identifier(&index.name)))];
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
            let index = identifier(&self.free_name("replica_identity"));
            let identity = self.identity(&format!("using index {index}"));
            let purpose = format!("a replica identity for `{}`", self.table.name);
            return vec![new_index(self.table, &columns, Some(&index), purpose), identity];
        }
        if self.table.virtual_columns().next().is_some() {
            return Vec::new();
        }
        let mut fix = self.identity("full");
        // The rows of a partitioned table are in its partitions, each with an identity of its own.
        if !matches!(self.table.kind, TableKind::Partitioned) {
            let mut cost = "every update and delete writes the whole old row to the WAL".to_owned();
            if self.table.rows > 0.0 {
                let _ = write!(cost, "; the table has about {:.0} rows", self.table.rows);
            }
            fix.cost = Some(cost);
        }
        vec![fix]
    }

    fn identity(&self, how: &str) -> Fix {
        let columns: Vec<&str> = self.columns.iter().map(|(column, _)| column.as_str()).collect();
        let purpose = if columns.is_empty() {
            format!("lets `{}` be published", self.table.name)
        } else {
            format!("old rows of `{}` carry {}", self.table.name, columns.join(", "))
        };
        Fix {
            statement: format!("alter table {} replica identity {how}", self.table.sql_name()),
            purpose,
            locks: Locks::Instant,
            cost: None,
            kind: FixKind::ReplicaIdentity { table: self.table.id },
        }
    }

    /// A name for an index that no other index of the table has.
    fn free_name(&self, ending: &str) -> String {
        let name = &self.table.name;
        let stem = &name[..name.floor_char_boundary(IDENTIFIER_BYTES_MAX - ending.len() - 4)];
        let taken = |name: &String| self.table.indexes.iter().any(|index| index.name == *name);
        let first = format!("{stem}_{ending}");
        let more = (2..100).map(|number| format!("{stem}_{ending}_{number}"));
        let free = std::iter::once(first.clone()).chain(more).find(|name| !taken(name));
        free.unwrap_or(first)
    }
}

/// Postgres cuts longer names.
const IDENTIFIER_BYTES_MAX: usize = 63;

fn missing_index(place: &Place, entry: &Entry<'_>) -> Option<Finding> {
    let small = entry.table.rows > 0.0 && entry.table.rows < SMALL_TABLE_ROWS;
    if small || entry.table.has_index_on(&entry.columns) {
        return None;
    }
    let columns = entry.columns.join(", ");
    let summary = format!("no index finds rows of `{}` by {columns}", entry.table.name);
    let problem = Problem::at(place, summary).help("each look-up would read the whole table");
    let purpose = format!("finds rows of `{}` by {columns}", entry.table.name);
    let index = new_index(entry.table, &entry.columns, None, purpose);
    Some(Finding::new(problem.warning(), vec![index]))
}

/// With a name it is a unique one.
fn new_index(table: &Table, columns: &[String], name: Option<&str>, purpose: String) -> Fix {
    let quoted: Vec<String> = columns.iter().map(|column| identifier(column)).collect();
    let (concurrently, locks) = match table.kind {
        // Postgres cannot do it there.
        TableKind::Partitioned => ("", Locks::Writers),
        _ => ("concurrently ", Locks::Nobody),
    };
    let what = match name {
        Some(name) => format!("unique index {concurrently}{name}"),
        None => format!("index {}", concurrently.trim_end()).trim_end().to_owned(),
    };
    Fix {
        statement: format!("create {what} on {} ({})", table.sql_name(), quoted.join(", ")),
        purpose,
        locks,
        cost: None,
        kind: FixKind::Index {
            table: table.id,
            columns: columns
                .iter()
                .filter_map(|name| table.column(name))
                .map(|column| column.number)
                .collect(),
            unique: name.is_some(),
        },
    }
}
