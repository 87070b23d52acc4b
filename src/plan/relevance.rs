//! Which columns of which tables the documents of a sync depend on, as Postgres itself says.
//!
//! Each expression becomes a temporary view over empty copies of the tables of its node, in a transaction that is rolled
//! back. What Postgres notes of the view in `pg_depend` tells both: the columns that the expression reads of its own row,
//! which are those of the copies, and what it reads besides, in a sub-select, which are other tables. A statement by hand
//! becomes a temporary function, since it has parameters.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deadpool_postgres::Transaction;
use tokio_postgres::error::SqlState;

use super::document::build_statement;
use super::question::{Question, questions};
use super::slim::SlimTables;
use super::tree::Branch;
use super::{Read, ReadColumns, SyncPlan, Trunk, grow};
use crate::catalog::{Catalog, Table, TableId};
use crate::config::{Cardinality, Config, Place, Problem};
use crate::pg::{self, Disposition, describe, disposition, identifier};

/// Settles [`SyncPlan::reads`]. Says which tables are read whose changes nobody listens to, and where Postgres cannot tell.
///
/// `plans` are those of `config`'s syncs that could be planned, found by their names. Syncs that Postgres rejects are passed
/// over: [`super::probe()`] says why.
pub async fn narrow(
    client: &mut pg::Client,
    config: &Config,
    catalog: &Catalog,
    plans: &mut [SyncPlan],
) -> Result<Vec<Problem>, pg::Error> {
    let mut problems = Vec::new();
    for sync in &config.syncs {
        let (Ok(trunk), Some(plan)) = (
            grow(sync, catalog),
            plans.iter_mut().find(|plan| *plan.name == sync.name),
        ) else {
            continue;
        };
        let tx = client.transaction().await?;
        match Survey::of(&tx, &trunk).await {
            Ok(survey) => {
                problems.extend(survey.problems(&trunk));
                plan.reads = survey.reads(&trunk, plan);
                if trunk.sync.sql.is_none() {
                    slim(&tx, &trunk, plan).await;
                }
            }
            Err(error) => match disposition(&error) {
                // Given up because it took too long: that says nothing of what is read.
                _ if error.code() == Some(&SqlState::QUERY_CANCELED) => return Err(error),
                Disposition::Connection | Disposition::Transient => return Err(error),
                Disposition::Statement | Disposition::Data => {
                    let summary = format!(
                        "postgres cannot say which columns count, so every change of a row counts: {}",
                        describe(&error)
                    );
                    let help = "asking takes temporary views: grant temporary on database … to …";
                    problems.push(Problem::at(&sync.place, summary).help(help).warning());
                }
            },
        }
        tx.rollback().await?;
    }
    Ok(problems)
}

/// Leaves out of the statement the columns that do not count, if Postgres agrees that it can do without them.
async fn slim(tx: &Transaction<'_>, trunk: &Trunk<'_>, plan: &mut SyncPlan) {
    let tables = SlimTables::of(&trunk.root, &plan.reads);
    let build_sql = build_statement(&tables.tree(&trunk.root), &trunk.shape);
    if tx.prepare(&build_sql).await.is_ok() {
        plan.build_sql = build_sql;
    }
}

/// What one expression, or one statement, reads.
#[derive(Debug)]
struct Reading<'a> {
    place: &'a Place,
    /// The tables whose rows it sees.
    own: Vec<TableId>,
    columns: Vec<ReadColumn>,
    whole_rows: bool,
    /// Functions that may read tables themselves.
    functions: Vec<String>,
}

#[derive(Debug)]
struct ReadColumn {
    table: TableId,
    /// As an error has it.
    table_name: String,
    /// `None` for the table as such.
    column: Option<String>,
    /// Whether it is a column of a row that the expression sees, or of one that it looks for.
    own: bool,
}

/// All that a sync reads.
#[derive(Debug, Default)]
struct Survey<'a> {
    readings: Vec<Reading<'a>>,
}

impl<'a> Survey<'a> {
    async fn of(tx: &Transaction<'_>, trunk: &'a Trunk<'_>) -> Result<Survey<'a>, pg::Error> {
        let mut survey = Survey::default();
        let mut copies = HashMap::new();
        if let Some(sql) = &trunk.sync.sql {
            make_function(tx, trunk, &sql.sql).await?;
            survey.add(&sql.place, Vec::new());
        } else {
            let questions = questions(&trunk.root);
            copy_tables(tx, &trunk.root, &mut copies).await?;
            for (i, question) in questions.iter().enumerate() {
                if make_view(tx, question, i).await? {
                    let own = question.tables().iter().map(|table| table.id).collect();
                    survey.add(&question.expression.place, own);
                } else {
                    survey.add_opaque(question);
                }
            }
        }
        survey.ask(tx, &copies).await?;
        Ok(survey)
    }

    fn add(&mut self, place: &'a Place, own: Vec<TableId>) {
        self.readings.push(Reading {
            place,
            own,
            columns: Vec::new(),
            whole_rows: false,
            functions: Vec::new(),
        });
    }

    /// One that Postgres takes for no view, say as it gives a row to a function: all of its tables count, and nothing tells what
    /// else it reads.
    fn add_opaque(&mut self, question: &Question<'a>) {
        let own = question.tables().iter().map(|table| table.id).collect();
        self.add(&question.expression.place, own);
        if let Some(reading) = self.readings.last_mut() {
            reading.whole_rows = true;
            reading.functions.push("this expression".to_owned());
        }
    }

    /// What Postgres has noted.
    async fn ask(&mut self, tx: &Transaction<'_>, copies: &HashMap<TableId, TableId>) -> Result<(), pg::Error> {
        let views: Vec<String> = (0..self.readings.len()).map(view).collect();
        let positions: HashMap<&str, usize> = views
            .iter()
            .map(String::as_str)
            .zip(0..)
            .chain([(FUNCTION, 0)])
            .collect();
        let names: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&views, &[FUNCTION].as_slice()];
        for row in tx.query(include_str!("../../sql/catalog/reads.sql"), &names).await? {
            let reading = &mut self.readings[positions[row.get::<_, &str>("name")]];
            reading.whole_rows |= row.get::<_, bool>("whole_rows");
            reading.functions.extend(row.get::<_, Option<String>>("function"));
            let Some(table) = row.get::<_, Option<TableId>>("table_oid") else {
                continue;
            };
            let original = copies.get(&table);
            reading.columns.push(ReadColumn {
                table: original.copied().unwrap_or(table),
                table_name: format!("{}.{}", row.get::<_, &str>("schema"), row.get::<_, &str>("table_name")),
                column: row.get("column_name"),
                own: original.is_some(),
            });
        }
        Ok(())
    }

    fn problems(&self, trunk: &Trunk<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for reading in &self.readings {
            let mut missed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for read in reading.columns.iter().filter(|read| !read.own) {
                if !trunk.watching.iter().any(|watching| watching.table.id == read.table) {
                    missed
                        .entry(&read.table_name)
                        .or_default()
                        .extend(read.column.as_deref());
                }
            }
            for (table, columns) in missed {
                problems.push(unwatched(reading.place, &trunk.sync.name, table, &columns));
            }
            if !reading.functions.is_empty() {
                let summary = format!(
                    "what {} reads cannot be seen, so every change of a row counts",
                    reading.functions.join(", ")
                );
                let help = format!(
                    "list the tables that it reads under [syncs.{}.changes]",
                    trunk.sync.name
                );
                problems.push(Problem::at(reading.place, summary).help(help).warning());
            }
        }
        problems
    }

    fn reads(&self, trunk: &Trunk<'_>, plan: &SyncPlan) -> Vec<Read> {
        let mut wanted = Wanted::default();
        for heard in trunk.listeners() {
            wanted.columns(heard.read, heard.listener.columns);
        }
        if trunk.sync.sql.is_none() {
            wanted.tree(&trunk.root);
        }
        let sees_all = self.readings.iter().all(|reading| reading.functions.is_empty());
        for reading in &self.readings {
            if reading.whole_rows {
                let own = reading.own.iter().copied();
                wanted
                    .whole
                    .extend(own.chain(reading.columns.iter().map(|read| read.table)));
            }
            for read in &reading.columns {
                wanted.seen.insert(read.table);
                if let Some(column) = &read.column {
                    wanted.only.entry(read.table).or_default().insert(column.clone());
                }
            }
        }
        // What is listened to, and why, is the author's business where no statement of ours reads it.
        let watching = trunk.watching.iter().map(|watching| watching.table.id);
        let unexplained: Vec<TableId> = watching.filter(|table| !wanted.seen.contains(table)).collect();
        wanted.whole.extend(unexplained);

        let mut reads = plan.reads.clone();
        for heard in trunk.listeners() {
            let table = heard.table;
            let Some(read) = (reads.iter_mut()).find(|read| read.schema == table.schema && read.table == table.name)
            else {
                continue;
            };
            if sees_all {
                read.columns = wanted.of(heard.read);
            }
        }
        reads
    }
}

fn unwatched(place: &Place, sync: &str, table: &str, columns: &[&str]) -> Problem {
    let of = match columns {
        [] => String::new(),
        columns => format!(" ({})", columns.join(", ")),
    };
    let summary = format!("`{table}`{of} is read, but nothing says which subjects its changes touch");
    let help = format!(
        "add a line under [syncs.{sync}.changes]: columns that hold the key, a query that finds it, or \"all\" for a table \
         that seldom changes"
    );
    Problem::at(place, summary).help(help)
}

/// What counts, by table.
#[derive(Debug, Default)]
struct Wanted {
    only: BTreeMap<TableId, BTreeSet<String>>,
    whole: BTreeSet<TableId>,
    /// Those that an expression or statement reads.
    seen: BTreeSet<TableId>,
}

impl Wanted {
    fn columns(&mut self, table: &Table, columns: impl IntoIterator<Item = String>) {
        self.only.entry(table.id).or_default().extend(columns);
    }

    /// What joins the tables, puts rows in order, and is taken as a whole.
    fn tree(&mut self, branch: &Branch<'_>) {
        self.seen.insert(branch.table.id);
        if branch.node.cardinality == Cardinality::Root && branch.node.document.is_none() {
            self.whole.insert(branch.table.id);
        }
        if branch.node.cardinality == Cardinality::Many {
            self.columns(branch.table, branch.table.primary_key().unwrap_or_default());
        }
        for child in &branch.children {
            let mut below = branch.table;
            if let Some(between) = &child.between {
                self.seen.insert(between.table.id);
                for link in &between.link {
                    self.columns(between.table, [link.here.clone()]);
                    self.columns(branch.table, [link.there.clone()]);
                }
                below = between.table;
            }
            for link in &child.link {
                self.columns(child.table, [link.here.clone()]);
                self.columns(below, [link.there.clone()]);
            }
            self.tree(child);
        }
    }

    fn of(&self, table: &Table) -> ReadColumns {
        let only = self.only.get(&table.id).cloned().unwrap_or_default();
        // The stream shows neither system columns nor generated ones.
        let shown = |name: &String| table.column(name).is_some_and(|column| !column.generated);
        if self.whole.contains(&table.id) || !only.iter().all(shown) {
            ReadColumns::All
        } else {
            ReadColumns::Only(only)
        }
    }
}

const FUNCTION: &str = "w$statement";

fn view(i: usize) -> String {
    format!("w$view_{i}")
}

fn copy_name(table: &Table) -> String {
    format!("pg_temp.{}", identifier(&format!("w$copy_{}", table.id)))
}

/// Empty copies of the tables of a tree, by their OIDs.
async fn copy_tables(
    tx: &Transaction<'_>,
    root: &Branch<'_>,
    copies: &mut HashMap<TableId, TableId>,
) -> Result<(), pg::Error> {
    let mut branches = vec![root];
    while let Some(branch) = branches.pop() {
        branches.extend(&branch.children);
        if !copies.values().any(|copied| *copied == branch.table.id) {
            let name = copy_name(branch.table);
            let source = branch.table.sql_name();
            tx.batch_execute(&format!("create temporary table {name} (like {source})"))
                .await?;
            let row = tx.query_one("select $1::text::regclass::oid", &[&name]).await?;
            copies.insert(row.get(0), branch.table.id);
        }
    }
    Ok(())
}

async fn make_function(tx: &Transaction<'_>, trunk: &Trunk<'_>, sql: &str) -> Result<(), pg::Error> {
    let types: Vec<String> = (trunk.shape.columns.iter())
        .map(|column| format!("{}[]", column.sql_type))
        .collect();
    // The author's last line may be a comment.
    tx.batch_execute(&format!(
        "create function pg_temp.{}({}) returns setof record language sql begin atomic\n{}\n;end",
        identifier(FUNCTION),
        types.join(", "),
        super::statement::statement(sql),
    ))
    .await
}

/// Whether Postgres takes the question for a view.
async fn make_view(tx: &Transaction<'_>, question: &Question<'_>, i: usize) -> Result<bool, pg::Error> {
    let sql = question.reading(&copy_name);
    let name = identifier(&view(i));
    let made = tx
        .batch_execute(&format!(
            "savepoint w;\ncreate temporary view {name} as\n{sql};\nrelease savepoint w"
        ))
        .await;
    match made {
        Ok(()) => Ok(true),
        Err(error) => match disposition(&error) {
            _ if error.code() == Some(&SqlState::QUERY_CANCELED) => Err(error),
            Disposition::Statement | Disposition::Data => {
                tx.batch_execute("rollback to savepoint w; release savepoint w").await?;
                Ok(false)
            }
            Disposition::Connection | Disposition::Transient => Err(error),
        },
    }
}
