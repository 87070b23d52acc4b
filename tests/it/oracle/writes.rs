//! Writes by chance, of every sort, in transactions of several sessions.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use tokio_postgres::Client;

use super::kinds::{chance, pick};
use super::schema::{ForeignKey, Schema, Table};

/// Everything that was run, with what became of it, for a failed test to show.
pub type Script = Arc<Mutex<Vec<String>>>;

/// Rows of a table before the engine starts.
const ROWS: usize = 12;

/// Zones in which sessions write; the same moment has another text in each.
const ZONES: [&str; 4] = ["UTC", "Asia/Tokyo", "America/St_Johns", "Europe/Berlin"];

/// Classes and codes of errors that sessions get when they write by chance, alone or in each other's way.
const EXPECTED: [&str; 6] = ["23", "55006", "22003", "40P01", "40001", "27000"];

/// One session.
pub struct Writer {
    client: Client,
    rng: Rng,
    name: usize,
    script: Script,
}

impl Writer {
    pub async fn new(client: Client, mut rng: Rng, name: usize, script: Script) -> Writer {
        let zone = pick(&mut rng, &ZONES);
        let settings = format!("set timezone = '{zone}'; set deadlock_timeout = '20ms'");
        client.batch_execute(&settings).await.unwrap();
        Writer {
            client,
            rng,
            name,
            script,
        }
    }

    /// Fills the tables, parents first.
    pub async fn stock(&mut self, schema: &Schema) {
        for table in 0..schema.tables.len() {
            for _ in 0..ROWS {
                let insert = insert(schema, table, &mut self.rng);
                self.run(&insert).await;
            }
        }
    }

    /// How many were committed.
    pub async fn transactions(&mut self, schema: &Schema, count: usize) -> usize {
        let mut committed = 0;
        for _ in 0..count {
            let batch = self.transaction(schema);
            let done = self.run(&batch).await;
            committed += usize::from(done && batch.ends_with("commit"));
        }
        committed
    }

    async fn run(&self, batch: &str) -> bool {
        let answer = self.client.batch_execute(batch).await;
        let became = match &answer {
            Ok(()) => String::new(),
            Err(error) => format!(" -- {error:?}"),
        };
        self.script
            .lock()
            .unwrap()
            .push(format!("/* session {} */ {batch};{became}", self.name));
        if let Err(error) = answer {
            let code = error.code().map_or("", |code| code.code());
            let expected = EXPECTED.iter().any(|expected| code.starts_with(expected));
            assert!(expected, "{error:?} in: {batch}");
            self.client.batch_execute("rollback").await.unwrap();
            return false;
        }
        true
    }

    fn transaction(&mut self, schema: &Schema) -> String {
        let rng = &mut self.rng;
        if chance(rng, 70) {
            return statement(schema, rng);
        }
        let mut statements = vec!["begin".to_owned()];
        if chance(rng, 50) {
            statements.push("set constraints all deferred".to_owned());
        }
        for _ in 0..rng.usize(1..=3) {
            if chance(rng, 40) {
                statements.push("savepoint s".to_owned());
                statements.push(statement(schema, rng));
                statements.push(pick(rng, &["rollback to s", "rollback to s", "release s"]).to_owned());
            }
            statements.push(statement(schema, rng));
        }
        statements.push(if chance(rng, 25) { "rollback" } else { "commit" }.to_owned());
        statements.join(";\n  ")
    }
}

fn statement(schema: &Schema, rng: &mut Rng) -> String {
    let at = rng.usize(..schema.tables.len());
    let table = &schema.tables[at];
    let name = table.sql();
    let rows = rows(table, rng);
    let references: Vec<&ForeignKey> = schema.foreign_keys.iter().filter(|key| key.table == at).collect();
    let written = table.written();
    match rng.u8(0..32) {
        8..14 => {
            let column = pick(rng, &written);
            let value = value(table, column, rng);
            format!("update {name} set {} = {value} where {rows}", table.column_sql(column))
        }
        14..16 => {
            let (one, other) = (pick(rng, &written), pick(rng, &written));
            let mut set = format!("{} = {}", table.column_sql(one), value(table, one, rng));
            if one != other {
                write!(set, ", {} = {}", table.column_sql(other), value(table, other, rng))
                    .expect("writing to a string");
            }
            format!("update {name} set {set} where {rows}")
        }
        16..22 if !references.is_empty() => {
            let key = pick(rng, &references);
            let own = table.columns_sql(&key.columns);
            let parent = if key.optional && chance(rng, 70) {
                vec!["null"; key.columns.len()].join(", ")
            } else {
                format!("select {}", referenced(schema, key, rng))
            };
            // A row for one column alone, a list for several.
            let row = if parent.starts_with("select") || key.columns.len() == 1 {
                ""
            } else {
                "row"
            };
            format!("update {name} set ({own}) = {row}({parent}) where {rows}").replace("= (null)", "= row(null)")
        }
        22..24 if !table.key.is_empty() => {
            let column = pick(rng, &table.key);
            format!(
                "update {name} set {} = {} where {rows}",
                table.column_sql(column),
                value(table, column, rng)
            )
        }
        24 => format!("update {name} set {0} = {0} where {rows}", table.column_sql(written[0])),
        25 => {
            let column = pick(rng, &written);
            format!(
                "update {name} set {} = {}",
                table.column_sql(column),
                value(table, column, rng)
            )
        }
        26..29 => format!("delete from {name} where {rows}"),
        29 | 30 => {
            let columns = table.columns_sql(&written);
            format!(
                "with gone as (delete from {name} where {rows} returning *) insert into {name} ({columns}) select {columns} from gone"
            )
        }
        31 if chance(rng, 70) => format!("truncate {name} cascade"),
        // 0..8, and where there is nothing of the kind.
        _ => insert(schema, at, rng),
    }
}

/// A condition that holds for some rows, or none.
fn rows(table: &Table, rng: &mut Rng) -> String {
    let columns = if table.key.is_empty() {
        table.columns_sql(&table.written())
    } else {
        table.columns_sql(&table.key)
    };
    let (offset, limit) = (offset(table, rng), pick(rng, &[1, 1, 1, 2, 4]));
    format!(
        "ctid = any(array(select ctid from {} order by {columns} {offset} limit {limit}))",
        table.sql()
    )
}

/// To some row, if there is any.
fn offset(table: &Table, rng: &mut Rng) -> String {
    let (name, number) = (table.sql(), rng.u8(..));
    format!("offset (select {number} % greatest(count(*), 1) from {name})")
}

fn value(table: &Table, column: usize, rng: &mut Rng) -> String {
    let column = &table.columns[column];
    if column.nullable && chance(rng, 50) {
        return "null".to_owned();
    }
    column.kind.literal(rng)
}

/// The key of some row that a foreign key can refer to.
fn referenced(schema: &Schema, key: &ForeignKey, rng: &mut Rng) -> String {
    let table = &schema.tables[key.referenced];
    let columns = table.columns_sql(&key.referenced_columns);
    let offset = offset(table, rng);
    format!("{columns} from {} order by {columns} {offset} limit 1", table.sql())
}

fn insert(schema: &Schema, at: usize, rng: &mut Rng) -> String {
    let table = &schema.tables[at];
    let written = table.written();
    let mut values: Vec<String> = written.iter().map(|&column| value(table, column, rng)).collect();
    let mut from = "(select 1) as one".to_owned();
    for (number, key) in schema.foreign_keys.iter().filter(|key| key.table == at).enumerate() {
        let parent = format!("p{number}");
        let condition = !key.optional || chance(rng, 200);
        write!(
            from,
            " left join (select {}) as {parent} on {condition}",
            referenced(schema, key, rng)
        )
        .expect("writing to a string");
        let parent_table = &schema.tables[key.referenced];
        for (own, other) in key.columns.iter().zip(&key.referenced_columns) {
            if let Some(position) = written.iter().position(|column| column == own) {
                values[position] = format!("{parent}.{}", parent_table.column_sql(*other));
            }
        }
    }
    let conflict = if table.key.is_empty() || table.deferrable {
        ""
    } else {
        " on conflict do nothing"
    };
    format!(
        "insert into {} ({}) select {} from {from}{conflict}",
        table.sql(),
        table.columns_sql(&written),
        values.join(", ")
    )
}
