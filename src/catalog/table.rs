//! Tables as the planner sees them.

use std::collections::HashMap;

use crate::config::TableName;

/// The OID of a table.
pub type TableId = u32;

/// The tables that a configuration names, and the foreign keys between them.
#[derive(Debug, Default)]
pub struct Catalog {
    pub(super) names: HashMap<TableName, TableId>,
    pub(super) tables: HashMap<TableId, Table>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// Those whose last columns are periods: one covers the other, equal they seldom are.
    pub(super) period_keys: Vec<ForeignKey>,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub id: TableId,
    pub schema: String,
    pub name: String,
    pub kind: TableKind,
    pub persistence: Persistence,
    pub identity: Identity,
    /// The planner's estimate; 0 where the table was never analysed.
    pub rows: f64,
    /// In the order of the table, without dropped ones.
    pub columns: Vec<Column>,
    /// Valid ones without a predicate, the primary key first.
    pub indexes: Vec<Index>,
    /// Those that hold rows, where the table is partitioned.
    pub partitions: Vec<TableId>,
    /// Those that inherit from it, at whatever depth, partitions aside.
    pub heirs: Vec<TableId>,
}

#[derive(Debug, Clone)]
pub enum TableKind {
    Table,
    Partitioned,
    /// With the tables underneath.
    View(Vec<String>),
    Foreign,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    Permanent,
    Unlogged,
    Temporary,
}

/// Which columns of an old row the WAL carries, see
/// <https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Those of the primary key, if there is one.
    Default,
    Nothing,
    Full,
    Index,
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the catalogue by itself")]
pub struct Column {
    pub number: i16,
    pub name: String,
    /// As SQL writes it: `bigint`, `character varying(20)`, `shop."Size"`.
    pub sql_type: String,
    /// The base type's, for a domain.
    pub type_oid: u32,
    pub is_enum: bool,
    /// Only equal texts are equal.
    pub deterministic: bool,
    pub not_null: bool,
    pub generated: bool,
    /// Generated when it is read.
    pub is_virtual: bool,
    /// Another one whenever the column was changed: given another name or type, or its values by `using`, none of which
    /// is in the WAL as changes of rows.
    pub version: i64,
}

#[derive(Debug, Clone)]
pub struct Index {
    pub name: String,
    pub is_primary: bool,
    /// Unique, and not deferrable.
    pub is_unique: bool,
    pub is_identity: bool,
    /// Column numbers in order; 0 for an expression.
    pub columns: Vec<i16>,
}

#[derive(Debug, Clone)]
pub struct ForeignKey {
    pub name: String,
    pub table: TableId,
    pub columns: Vec<i16>,
    pub referenced: TableId,
    pub referenced_columns: Vec<i16>,
}

impl Catalog {
    pub fn find(&self, name: &TableName) -> Option<&Table> {
        self.tables.get(self.names.get(name)?)
    }

    pub fn table(&self, id: TableId) -> Option<&Table> {
        self.tables.get(&id)
    }

    /// What a table is called here: as the configuration names it.
    pub fn name_of(&self, id: TableId) -> Option<&TableName> {
        let names = self.names.iter().filter(|(_, named)| **named == id);
        // The shortest, if it has several.
        names
            .map(|(name, _)| name)
            .min_by_key(|name| (name.schema.is_some(), &name.name))
    }

    /// Every foreign key between its tables, by table and name.
    pub fn all_foreign_keys(&self) -> &[ForeignKey] {
        &self.foreign_keys
    }

    /// The foreign keys of `table` that refer to `referenced`.
    pub fn foreign_keys(&self, table: TableId, referenced: TableId) -> impl Iterator<Item = &ForeignKey> {
        self.foreign_keys
            .iter()
            .filter(move |key| key.table == table && key.referenced == referenced)
    }

    /// The name of a foreign key between two tables that compares periods, whichever of them refers to the other.
    pub fn period_key(&self, one: TableId, other: TableId) -> Option<&str> {
        let ends = [(one, other), (other, one)];
        let mut keys = self.period_keys.iter();
        let key = keys.find(|key| ends.contains(&(key.table, key.referenced)))?;
        Some(&key.name)
    }
}

impl Table {
    /// `schema.name`, quoted for SQL.
    pub fn sql_name(&self) -> String {
        crate::pg::qualified(&self.schema, &self.name)
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub fn column_names(&self, numbers: &[i16]) -> Vec<String> {
        let name = |number| {
            self.columns
                .iter()
                .find(|column| column.number == number)
                .map(|column| column.name.clone())
        };
        numbers.iter().filter_map(|&number| name(number)).collect()
    }

    fn column_numbers(&self, names: &[String]) -> Option<Vec<i16>> {
        names
            .iter()
            .map(|name| self.column(name).map(|column| column.number))
            .collect()
    }

    pub fn primary_key(&self) -> Option<Vec<String>> {
        let index = self.indexes.iter().find(|index| index.is_primary)?;
        Some(self.column_names(&index.columns))
    }

    /// Whether at most one row can have given values in these columns.
    pub fn is_unique(&self, columns: &[String]) -> bool {
        let Some(numbers) = self.column_numbers(columns) else {
            return false;
        };
        self.indexes.iter().any(|index| {
            index.is_unique
                && index
                    .columns
                    .iter()
                    .all(|column| *column != 0 && numbers.contains(column))
        })
    }

    /// Whether an index finds the rows with given values in these columns.
    pub fn has_index_on(&self, columns: &[String]) -> bool {
        self.index_on(columns).is_some()
    }

    /// The index that narrows most a search for given values in these columns.
    pub fn index_on(&self, columns: &[String]) -> Option<&Index> {
        let numbers = self.column_numbers(columns)?;
        // The key columns that lead narrow the search; the other conditions are checked on what it finds.
        let leading = |index: &&Index| {
            index
                .columns
                .iter()
                .take_while(|column| numbers.contains(column))
                .count()
        };
        let narrowing = self.indexes.iter().filter(|index| leading(index) > 0);
        // Of those that narrow it alike the first one.
        narrowing.rev().max_by_key(leading)
    }

    /// The generated columns that are made when they are read. None of them can be published, so Postgres rejects updates
    /// and deletes of a published table where they are in the replica identity, as with [`Identity::Full`].
    pub fn virtual_columns(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter();
        columns
            .filter(|column| column.is_virtual)
            .map(|column| column.name.as_str())
    }

    /// The columns of an old row that the WAL carries; `None` if Postgres would reject updates and deletes of a
    /// published table.
    pub fn identity_columns(&self) -> Option<Vec<String>> {
        let of = |index: &Index| self.column_names(&index.columns);
        match self.identity {
            Identity::Full if self.virtual_columns().next().is_some() => None,
            Identity::Full => Some(self.columns.iter().map(|column| column.name.clone()).collect()),
            // A primary key that is deferrable is none.
            Identity::Default => {
                let mut primary = self.indexes.iter().filter(|index| index.is_primary);
                primary.find(|index| index.is_unique).map(of)
            }
            Identity::Index => self.indexes.iter().find(|index| index.is_identity).map(of),
            Identity::Nothing => None,
        }
    }

    /// A unique index over columns that are never null and not generated, among them all of `needed`: fit to be the
    /// replica identity.
    pub fn identity_index_for(&self, needed: &[String]) -> Option<&Index> {
        let needed = self.column_numbers(needed)?;
        let fits = |number: &i16| {
            self.columns
                .iter()
                .any(|column| column.number == *number && column.not_null && !column.generated)
        };
        self.indexes
            .iter()
            .filter(|index| index.is_unique && index.columns.iter().all(fits))
            .find(|index| needed.iter().all(|number| index.columns.contains(number)))
    }
}
