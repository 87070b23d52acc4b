//! What a sync was when it worked last, and what it means that it is another one now.
//!
//! A fingerprint has six parts, `key/document/deletes/ways/tables/partitions`, most of them hashes. The last two are about
//! what no row of the WAL tells: the tables and columns behind the names. A column that was retyped with `using`, two that have exchanged
//! their names, a table that was dropped and made again under the same name, a partition that was attached: none of these
//! writes a row that the stream would show, and each may change every document.

use std::fmt::Write as _;

use crate::catalog::{Table, TableId};
use crate::config::{Deletes, Sync};
use crate::plan::{Finder, KeyColumn, ReadColumns, SyncPlan};

/// Stands for a sync as it is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    key: String,
    document: String,
    deletes: String,
    ways: String,
    tables: String,
    /// Of all tables, ascending.
    partitions: Vec<TableId>,
    /// Those among them that are known to hold nothing.
    empty: Vec<TableId>,
}

/// What has changed of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The statement that builds its documents.
    Document,
    /// What becomes of deletes.
    Deletes,
    /// The ways from changed rows to its subjects.
    Ways,
    /// The tables and columns behind the names.
    Tables,
    /// Nothing, but changes were not mapped for a time.
    Unmapped,
}

/// What it takes to go on from where the last process was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// It never worked before.
    New,
    Nothing,
    /// Changes may have passed unseen: every subject is visited, and sent where it differs.
    ReMap(Vec<Part>),
    /// The documents are others: every subject is built again, and sent where it differs.
    ReBuild(Vec<Part>),
    /// Its subjects have other names. It cannot go on.
    OtherKey,
}

impl Fingerprint {
    /// `tables` are those that the sync reads, among others.
    pub fn of<'a>(plan: &SyncPlan, sync: &Sync, tables: impl IntoIterator<Item = &'a Table>) -> Self {
        let key: Vec<String> = plan.shape.columns.iter().map(key_column).collect();
        // Others have partitions of their own.
        let is_read = |table: &&Table| {
            let mut reads = plan.reads.iter();
            reads.any(|read| read.schema == table.schema && read.table == table.name)
        };
        let tables: Vec<&Table> = tables.into_iter().filter(is_read).collect();
        let mut partitions: Vec<TableId> = tables.iter().flat_map(|table| table.partitions.clone()).collect();
        partitions.sort_unstable();
        partitions.dedup();
        Self {
            key: hash(&key.join(",")),
            document: hash(&document(plan, sync)),
            deletes: match sync.deletes {
                Deletes::Publish => "publish",
                Deletes::Ignore => "ignore",
            }
            .to_owned(),
            ways: hash(&ways(plan)),
            tables: hash(&behind_the_names(plan, &tables)),
            partitions,
            empty: Vec::new(),
        }
    }

    /// As it is stored.
    pub fn text(&self) -> String {
        let partitions: Vec<String> = self.partitions.iter().map(TableId::to_string).collect();
        [
            &*self.key,
            &*self.document,
            &*self.deletes,
            &*self.ways,
            &*self.tables,
            &partitions.join(","),
        ]
        .join("/")
    }

    /// The partitions that whoever worked last did not know, as far as they may hold rows.
    pub(super) fn new_partitions(&self, stored: &str) -> Vec<TableId> {
        self.partitions_since(stored.split('/').nth(5).unwrap_or_default()).new
    }

    /// Takes note that a partition holds nothing: one that is made ahead of its rows changes no document.
    pub(super) fn note_empty(&mut self, partition: TableId) {
        self.empty.push(partition);
    }

    fn partitions_since(&self, stored: &str) -> Partitions {
        let stored: Vec<TableId> = stored.split(',').filter_map(|id| id.parse().ok()).collect();
        let known = self.partitions.iter().filter(|id| !stored.contains(id));
        Partitions {
            new: known.filter(|id| !self.empty.contains(id)).copied().collect(),
            gone: stored.iter().any(|id| self.partitions.binary_search(id).is_err()),
        }
    }

    /// `stored`: the fingerprint of whoever worked last; `mapped`: whether all changes since then were mapped for it.
    pub fn compare(&self, stored: &str, mapped: bool) -> Meaning {
        let mut parts = stored.split('/');
        let mut next = || parts.next().unwrap_or_default();
        let (key, document, deletes, ways, tables) = (next(), next(), next(), next(), next());
        let partitions = self.partitions_since(next());
        if stored.is_empty() {
            return Meaning::New;
        }
        if key != self.key {
            return Meaning::OtherKey;
        }
        let changed: Vec<Part> = [
            (document != self.document, Part::Document),
            (deletes != self.deletes, Part::Deletes),
            (ways != self.ways, Part::Ways),
            (
                tables != self.tables || partitions.gone || !partitions.new.is_empty(),
                Part::Tables,
            ),
            (!mapped, Part::Unmapped),
        ]
        .into_iter()
        .filter_map(|(differs, part)| differs.then_some(part))
        .collect();
        match changed.first() {
            None => Meaning::Nothing,
            Some(Part::Document | Part::Deletes) => Meaning::ReBuild(changed),
            Some(_) => Meaning::ReMap(changed),
        }
    }
}

/// What has become of partitions.
struct Partitions {
    new: Vec<TableId>,
    gone: bool,
}

impl Part {
    /// For people, `the document is another one`.
    pub fn words(self) -> &'static str {
        match self {
            Part::Document => "its document is another one",
            Part::Deletes => "what becomes of its deletes is another thing",
            Part::Ways => "the ways from changed rows to its subjects are others",
            Part::Tables => "tables or columns that it reads are not those that they were",
            Part::Unmapped => "changes were not mapped for it for a time",
        }
    }
}

impl Meaning {
    /// What has changed, and what that causes, for people.
    pub fn words(&self) -> String {
        let changed = |parts: &[Part]| parts.iter().map(|part| part.words()).collect::<Vec<_>>().join("; ");
        match self {
            Meaning::New => "the sync is new".to_owned(),
            Meaning::Nothing => "nothing has changed".to_owned(),
            Meaning::ReMap(parts) => format!(
                "{}: every subject is visited, and sent where it differs",
                changed(parts)
            ),
            Meaning::ReBuild(parts) => format!(
                "{}: every subject is built again, and sent where it differs",
                changed(parts)
            ),
            Meaning::OtherKey => OTHER_KEY.to_owned(),
        }
    }
}

const OTHER_KEY: &str = "its key is another one than before, so its subjects have other names: give the sync another name, \
                         or remove what is stored of it";

/// The document as it is compared.
fn document(plan: &SyncPlan, sync: &Sync) -> String {
    let mut text = plan.build_sql.clone();
    for pointer in &sync.ignore {
        // No statement goes on like this.
        let _ = write!(text, "\0ignore {}", pointer.written());
    }
    text
}

fn hash(text: &str) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
}

/// Its name, and the form of its values as text: a number stays the same when it gets a wider type.
fn key_column(column: &KeyColumn) -> String {
    let form = match column.sql_type.as_str() {
        _ if column.bare_in_json => "integer",
        text if text == "text" || text.starts_with("character varying") => "text",
        other => other,
    };
    format!("{:?} {form}", column.name)
}

fn ways(plan: &SyncPlan) -> String {
    let mut text = String::new();
    for listener in &plan.listeners {
        let finder = match &listener.finder {
            Finder::Key => "",
            Finder::Lookup(lookup) => &lookup.first,
            Finder::All => "all",
        };
        let _ = writeln!(
            text,
            "{:?} {:?} {:?} {:?} {finder}",
            listener.node, listener.schema, listener.table, listener.columns
        );
    }
    text
}

fn behind_the_names(plan: &SyncPlan, tables: &[&Table]) -> String {
    let mut text = String::new();
    for read in &plan.reads {
        let found = tables
            .iter()
            .find(|table| table.schema == read.schema && table.name == read.table);
        let Some(table) = found else { continue };
        let _ = writeln!(text, "{:?} {:?} {}", read.schema, read.table, table.id);
        for column in &table.columns {
            let counts = match &read.columns {
                ReadColumns::All => true,
                ReadColumns::Only(names) => names.contains(&column.name),
            };
            if counts {
                let _ = writeln!(text, "{:?} {} {}", column.name, column.number, column.version);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_says_what_it_takes_to_go_on() {
        let [key, document, deletes, ways, tables] = ["k", "d", "publish", "w", "t"].map(str::to_owned);
        let own = Fingerprint {
            key,
            document,
            deletes,
            ways,
            tables,
            partitions: vec![5, 7],
            empty: vec![7],
        };
        for (stored, mapped, meaning) in [
            ("", false, Meaning::New),
            ("k/d/publish/w/t/5,7", true, Meaning::Nothing),
            ("k/d/publish/w/t/5,7", false, Meaning::ReMap(vec![Part::Unmapped])),
            ("k/d/publish/w/x/5,7", true, Meaning::ReMap(vec![Part::Tables])),
            ("k/d/publish/x/t/5,7", true, Meaning::ReMap(vec![Part::Ways])),
            ("k/x/publish/w/t/5,7", true, Meaning::ReBuild(vec![Part::Document])),
            ("k/d/ignore/w/t/5,7", true, Meaning::ReBuild(vec![Part::Deletes])),
            // A partition is new and empty, is new and holds rows, is gone.
            ("k/d/publish/w/t/5", true, Meaning::Nothing),
            ("k/d/publish/w/t/7", true, Meaning::ReMap(vec![Part::Tables])),
            ("k/d/publish/w/t/3,5,7", true, Meaning::ReMap(vec![Part::Tables])),
            (
                "k/x/publish/x/x/",
                false,
                Meaning::ReBuild(vec![Part::Document, Part::Ways, Part::Tables, Part::Unmapped]),
            ),
            ("x/x/x/x/x/", true, Meaning::OtherKey),
        ] {
            assert_eq!(own.compare(stored, mapped), meaning, "{stored} {mapped}");
        }
        assert_eq!(own.compare(&own.text(), true), Meaning::Nothing);
    }

    #[test]
    fn a_key_keeps_its_form_in_a_wider_type() {
        let column = |sql_type: &str, bare_in_json| {
            key_column(&KeyColumn {
                name: "id".to_owned(),
                sql_type: sql_type.to_owned(),
                bare_in_json,
            })
        };
        assert_eq!(column("integer", true), column("bigint", true));
        assert_eq!(column("character varying(20)", false), column("text", false));
        assert_ne!(column("integer", true), column("text", false));
        assert_ne!(column("numeric", false), column("numeric(12,2)", false));
    }
}
