//! Schemas by chance: chains, diamonds, one-to-one, m:n, trees, composite keys of any types, awkward names.

use fastrand::Rng;
use walsift::pg::identifier;

use super::kinds::{Kind, TYPES, chance, pick};

#[derive(Debug)]
pub struct Schema {
    pub tables: Vec<Table>,
    pub foreign_keys: Vec<ForeignKey>,
    /// Makes it, statement by statement.
    pub statements: Vec<String>,
}

#[derive(Debug)]
pub struct Table {
    pub schema: &'static str,
    pub name: String,
    pub columns: Vec<Column>,
    /// Positions of the primary key's columns; a table between may have none.
    pub key: Vec<usize>,
    /// Another unique key of columns that are never null.
    pub other_key: Option<Vec<usize>>,
    pub partitioned: bool,
    /// Stands between two others.
    pub between: bool,
    /// The primary key is checked at commit only, and is no replica identity.
    pub deferrable: bool,
}

#[derive(Debug)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub nullable: bool,
    pub generated: bool,
}

#[derive(Debug)]
pub struct ForeignKey {
    pub table: usize,
    pub columns: Vec<usize>,
    pub referenced: usize,
    pub referenced_columns: Vec<usize>,
    /// Its columns are a unique key of its table.
    pub unique: bool,
    pub optional: bool,
}

const TABLE_NAMES: [&str; 12] = [
    "orders",
    "Mixed Case",
    "select",
    "a.b",
    "user",
    "naïve",
    "with\"quote",
    "k",
    "t0",
    "two words",
    "document",
    "v",
];

const COLUMN_NAMES: [&str; 14] = [
    "id",
    "Key",
    "order",
    "two words",
    "name",
    "w$document",
    "it's",
    "value",
    "group",
    "a.b",
    "key_1",
    "with\"quote",
    "document",
    "größe",
];

impl Table {
    pub fn sql(&self) -> String {
        format!("{}.{}", identifier(self.schema), identifier(&self.name))
    }

    pub fn column_sql(&self, column: usize) -> String {
        identifier(&self.columns[column].name)
    }

    pub fn columns_sql(&self, columns: &[usize]) -> String {
        let names: Vec<String> = columns.iter().map(|&column| self.column_sql(column)).collect();
        names.join(", ")
    }

    /// Those that can be written.
    pub fn written(&self) -> Vec<usize> {
        (0..self.columns.len())
            .filter(|&column| !self.columns[column].generated)
            .collect()
    }

    fn new(schema: &'static str, name: String) -> Table {
        Table {
            schema,
            name,
            columns: Vec::new(),
            key: Vec::new(),
            other_key: None,
            partitioned: false,
            between: false,
            deferrable: false,
        }
    }

    fn add(&mut self, rng: &mut Rng, kind: Kind, nullable: bool) -> usize {
        let mut name = pick(rng, &COLUMN_NAMES).to_owned();
        while self.columns.iter().any(|column| column.name == name) {
            name = format!("{name} {}", self.columns.len());
        }
        self.columns.push(Column {
            name,
            kind,
            nullable,
            generated: false,
        });
        self.columns.len() - 1
    }
}

/// The table under construction and what becomes of it.
struct Draft {
    table: Table,
    position: usize,
    constraints: Vec<String>,
    foreign_keys: Vec<ForeignKey>,
    indexes: Vec<String>,
}

impl Schema {
    pub fn generate(rng: &mut Rng) -> Schema {
        let mut schema = Schema {
            tables: Vec::new(),
            foreign_keys: Vec::new(),
            statements: TYPES.map(str::to_owned).to_vec(),
        };
        let mut names = TABLE_NAMES.to_vec();
        rng.shuffle(&mut names);
        let (entities, betweens) = (rng.usize(3..=5), rng.usize(0..=2));
        for name in names.into_iter().take(entities + betweens) {
            let between = schema.tables.len() >= entities;
            let draft = if between {
                schema.between(rng, name)
            } else {
                schema.entity(rng, name)
            };
            schema.keep(rng, draft);
        }
        schema
    }

    fn draft(&self, rng: &mut Rng, name: &str) -> Draft {
        let namespace = if chance(rng, 60) { "Other Schema" } else { "public" };
        Draft {
            table: Table::new(namespace, name.to_owned()),
            position: self.tables.len(),
            constraints: Vec::new(),
            foreign_keys: Vec::new(),
            indexes: Vec::new(),
        }
    }

    fn entity(&self, rng: &mut Rng, name: &str) -> Draft {
        let mut draft = self.draft(rng, name);
        draft.table.partitioned = chance(rng, 35);
        // A part of another row, whose key is part of its own.
        if draft.position > 0 && chance(rng, 50) {
            let columns = self.refer(rng, &mut draft, false);
            draft.table.key = columns;
            draft.table.key.dedup();
            if let Some(key) = draft.foreign_keys.last_mut() {
                key.unique = chance(rng, 60);
            }
        }
        let is_whole = draft.foreign_keys.last().is_some_and(|key| key.unique);
        if !is_whole {
            let lead = [
                Kind::Int,
                Kind::BigInt,
                Kind::Uuid,
                Kind::Text,
                Kind::Numeric,
                Kind::Timestamptz,
            ];
            let kind = if chance(rng, 90) {
                pick(rng, &lead)
            } else {
                pick_naming(rng)
            };
            let column = draft.table.add(rng, kind, false);
            draft.table.key.push(column);
            while chance(rng, 70) && draft.table.key.len() < 3 {
                let kind = pick(rng, &Kind::ALL);
                let column = draft.table.add(rng, kind, false);
                draft.table.key.push(column);
            }
            rng.shuffle(&mut draft.table.key);
        }
        for _ in 0..rng.usize(1..=3) {
            let (kind, nullable) = (pick(rng, &Kind::ALL), chance(rng, 140));
            draft.table.add(rng, kind, nullable);
        }
        if !draft.table.partitioned && chance(rng, 80) {
            let mut columns = vec![{
                let kind = pick_naming(rng);
                draft.table.add(rng, kind, false)
            }];
            if chance(rng, 100) {
                let kind = pick(rng, &Kind::ALL);
                columns.push(draft.table.add(rng, kind, false));
            }
            draft
                .constraints
                .push(format!("unique ({})", draft.table.columns_sql(&columns)));
            draft.table.other_key = Some(columns);
        }
        let links = if draft.position == 0 {
            usize::from(chance(rng, 100))
        } else {
            rng.usize(1..=2)
        };
        for _ in 0..links {
            let optional = chance(rng, 140) || draft.position == 0;
            let columns = self.refer(rng, &mut draft, optional);
            if !draft.table.partitioned && chance(rng, 60) {
                draft
                    .constraints
                    .push(format!("unique ({})", draft.table.columns_sql(&columns)));
                if let Some(key) = draft.foreign_keys.last_mut() {
                    key.unique = true;
                }
            }
        }
        draft
    }

    fn between(&self, rng: &mut Rng, name: &str) -> Draft {
        let mut draft = self.draft(rng, name);
        draft.table.between = true;
        let mut columns = self.refer(rng, &mut draft, false);
        columns.extend(self.refer(rng, &mut draft, false));
        match rng.u8(0..4) {
            // No key: pairs may stand there twice.
            0 => draft
                .indexes
                .push(format!("alter table {} replica identity full", draft.table.sql())),
            1 => {
                let own = draft.table.add(rng, Kind::Int, false);
                draft.table.key = vec![own];
            }
            _ => draft.table.key = columns,
        }
        draft.table.deferrable = !draft.table.key.is_empty() && chance(rng, 60);
        for _ in 0..rng.usize(0..=2) {
            let kind = pick(rng, &Kind::ALL);
            draft.table.add(rng, kind, true);
        }
        draft
    }

    /// Adds columns that refer to a table made before, or to the table itself.
    fn refer(&self, rng: &mut Rng, draft: &mut Draft, optional: bool) -> Vec<usize> {
        let itself = draft.position == 0 || (optional && !draft.table.key.is_empty() && chance(rng, 40));
        let referenced = if itself {
            draft.position
        } else {
            rng.usize(..self.entities(draft.position))
        };
        let target = if itself { &draft.table } else { &self.tables[referenced] };
        let referenced_columns = match &target.other_key {
            Some(columns) if chance(rng, 100) => columns.clone(),
            _ => target.key.clone(),
        };
        let target_sql = target.sql();
        let referenced_sql = target.columns_sql(&referenced_columns);
        let kinds: Vec<Kind> = referenced_columns
            .iter()
            .map(|&column| target.columns[column].kind)
            .collect();
        let columns: Vec<usize> = kinds
            .into_iter()
            .map(|kind| {
                let kind = kind.referring(rng);
                draft.table.add(rng, kind, optional)
            })
            .collect();
        let deletes: &[&str] = if optional {
            &[
                "on delete set null",
                "on delete cascade",
                "deferrable initially deferred",
                "",
            ]
        } else {
            &[
                "on delete cascade",
                "on delete cascade",
                "deferrable initially deferred",
            ]
        };
        let updates = if chance(rng, 180) { "on update cascade" } else { "" };
        let deletes = pick(rng, deletes);
        // Postgres wants what is deferrable last.
        let (actions, deferrable) = if deletes.starts_with("deferrable") {
            (updates.to_owned(), deletes)
        } else {
            (format!("{deletes} {updates}"), "")
        };
        let own = draft.table.columns_sql(&columns);
        draft.constraints.push(format!(
            "foreign key ({own}) references {target_sql} ({referenced_sql}) {actions} {deferrable}"
        ));
        if chance(rng, 120) {
            draft
                .indexes
                .push(format!("create index on {} ({own})", draft.table.sql()));
        }
        draft.foreign_keys.push(ForeignKey {
            table: draft.position,
            columns: columns.clone(),
            referenced,
            referenced_columns,
            unique: false,
            optional,
        });
        columns
    }

    /// How many of the tables before this one are no tables between.
    fn entities(&self, before: usize) -> usize {
        let tables = self.tables.iter().take(before);
        tables.filter(|table| !table.between).count().max(1)
    }

    fn keep(&mut self, rng: &mut Rng, draft: Draft) {
        let Draft {
            mut table,
            constraints,
            foreign_keys,
            indexes,
            ..
        } = draft;
        let mut lines: Vec<String> = Vec::new();
        for (position, column) in table.columns.iter().enumerate() {
            let identity = column.kind == Kind::Int && table.key == [position] && chance(rng, 80);
            let more = match (identity, column.nullable) {
                (true, _) => " generated by default as identity",
                (false, true) => "",
                (false, false) => " not null",
            };
            lines.push(format!("{} {}{more}", identifier(&column.name), column.kind.sql()));
        }
        // What the stream does not carry, made from what it does.
        let source = table
            .columns
            .iter()
            .position(|column| matches!(column.kind, Kind::Text | Kind::Int));
        if let Some(source) = source.filter(|_| chance(rng, 60)) {
            let (kind, sql) = match table.columns[source].kind {
                Kind::Int => (Kind::Int, format!("{} * 2", table.column_sql(source))),
                _ => (Kind::Text, format!("upper({})", table.column_sql(source))),
            };
            let column = table.add(rng, kind, true);
            table.columns[column].generated = true;
            lines.push(format!(
                "{} {} generated always as ({sql}) stored",
                table.column_sql(column),
                kind.sql()
            ));
        }
        if !table.key.is_empty() {
            let deferrable = if table.deferrable {
                " deferrable initially deferred"
            } else {
                ""
            };
            lines.push(format!("primary key ({}){deferrable}", table.columns_sql(&table.key)));
        }
        lines.extend(constraints);
        let name = table.sql();
        let partition = match table.key.first() {
            Some(&first) if table.partitioned => format!(" partition by hash ({})", table.column_sql(first)),
            _ => String::new(),
        };
        self.statements
            .push(format!("create table {name} (\n  {}){partition}", lines.join(",\n  ")));
        if table.partitioned {
            for rest in 0..2 {
                let part = format!(
                    "{}.{}",
                    identifier(table.schema),
                    identifier(&format!("{} part {rest}", table.name))
                );
                self.statements.push(format!(
                    "create table {part} partition of {name} for values with (modulus 2, remainder {rest})"
                ));
            }
        }
        self.statements.extend(indexes);
        self.foreign_keys.extend(foreign_keys);
        self.tables.push(table);
    }

    /// The foreign keys of `table` that refer to `referenced`.
    pub fn keys_to(&self, table: usize, referenced: usize) -> impl Iterator<Item = &ForeignKey> {
        let keys = self.foreign_keys.iter();
        keys.filter(move |key| key.table == table && key.referenced == referenced)
    }
}

fn pick_naming(rng: &mut Rng) -> Kind {
    loop {
        let kind = pick(rng, &Kind::ALL);
        if kind.names_rows() {
            return kind;
        }
    }
}
