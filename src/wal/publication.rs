//! The publication: which tables the stream shows, and which of their columns.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::GenericClient;

use super::read_version;
use super::withdrawal::unidentified;
use crate::catalog::{Table, TableId};
use crate::pg::{self, identifier};

/// Column lists exist from this version on.
const LISTS_VERSION: i32 = 150_000;

/// From this version on generated columns can be published, and Postgres rejects updates and deletes of a published table
/// with an identity of which that is not done.
const GENERATED_VERSION: i32 = 180_000;

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the catalogue by itself")]
pub struct Publication {
    pub all_tables: bool,
    pub via_root: bool,
    pub all_operations: bool,
    /// Those generated columns are shown that are stored, where the server demands that at all.
    pub generated: bool,
    pub tables: BTreeMap<TableId, Published>,
}

/// What a publication shows of a table that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// It leaves rows out.
    pub filtered: bool,
    /// Only these, where there is a list.
    pub columns: Option<BTreeSet<String>>,
}

/// What the stream has to show of a table.
#[derive(Debug, Clone)]
pub struct Exposure<'a> {
    pub table: &'a Table,
    /// Without one of these a changed row leads to no subject.
    pub needed: BTreeSet<&'a str>,
    /// All columns that count, `needed` among them; `None` if any may.
    pub counted: Option<BTreeSet<&'a str>>,
}

/// What a column list of a table may hold and must hold.
#[derive(Debug)]
pub(super) struct Bounds {
    listable: bool,
    may: Vec<String>,
    pub(super) must: BTreeSet<String>,
}

impl Publication {
    /// Whether the stream shows all that happens to the tables, partitions under the name of their root, and of their
    /// columns those that are needed.
    pub fn covers(&self, exposures: &[Exposure<'_>]) -> bool {
        self.missing(exposures).is_empty()
    }

    fn missing(&self, exposures: &[Exposure<'_>]) -> Vec<TableId> {
        let whole = self.all_operations && self.via_root;
        let shows = |exposure: &&Exposure<'_>| {
            let shown = match self.tables.get(&exposure.table.id) {
                Some(published) => !published.filtered && published.lacks(&exposure.needed).is_empty(),
                None => self.all_tables,
            };
            !(whole && shown)
        };
        exposures
            .iter()
            .filter(shows)
            .map(|exposure| exposure.table.id)
            .collect()
    }

    /// Whether it names just the tables of `lists`, each with this column list.
    fn names(&self, lists: &Lists) -> bool {
        let named = |(id, list): (&TableId, &Option<Vec<String>>)| {
            let list: Option<BTreeSet<&String>> = list.as_ref().map(|list| list.iter().collect());
            let published = self.tables.get(id);
            published
                .is_some_and(|published| published.columns.as_ref().map(|columns| columns.iter().collect()) == list)
        };
        self.all_tables || (self.tables.len() == lists.len() && lists.iter().all(named))
    }
}

impl Published {
    /// Those of `columns` that it does not show.
    pub(super) fn lacks<'a>(&self, columns: &BTreeSet<&'a str>) -> Vec<&'a str> {
        let shown = |column: &&str| self.columns.as_ref().is_none_or(|shown| shown.contains(*column));
        columns.iter().copied().filter(|column| !shown(column)).collect()
    }
}

/// `None` if there is no publication of this name.
pub async fn read_publication(client: &impl GenericClient, name: &str) -> Result<Option<Publication>, pg::Error> {
    let Some(row) = client
        .query_opt(include_str!("../../sql/source/publication.sql"), &[&name])
        .await?
    else {
        return Ok(None);
    };
    let tables = client
        .query(include_str!("../../sql/source/publication_tables.sql"), &[&name])
        .await?;
    let published = |row: &tokio_postgres::Row| Published {
        filtered: row.get("filtered"),
        columns: row
            .get::<_, Option<Vec<String>>>("columns")
            .map(|columns| columns.into_iter().collect()),
    };
    Ok(Some(Publication {
        all_tables: row.get("all_tables"),
        via_root: row.get("via_root"),
        all_operations: row.get("all_operations"),
        generated: row.get("generated"),
        tables: tables
            .iter()
            .map(|row| (row.get("table_oid"), published(row)))
            .collect(),
    }))
}

pub(super) async fn read_bounds(
    client: &impl GenericClient,
    exposures: &[Exposure<'_>],
) -> Result<BTreeMap<TableId, Bounds>, pg::Error> {
    let ids: Vec<TableId> = exposures.iter().map(|exposure| exposure.table.id).collect();
    let rows = client
        .query(include_str!("../../sql/source/column_bounds.sql"), &[&ids])
        .await?;
    let bounds = |row: &tokio_postgres::Row| Bounds {
        listable: row.get("listable"),
        may: row.get("may"),
        must: row.get::<_, Vec<String>>("must").into_iter().collect(),
    };
    Ok(rows.iter().map(|row| (row.get("table_oid"), bounds(row))).collect())
}

/// How everything that happens to the tables of a publication is shown, partitions under the name of their root.
pub(super) fn options(version: i32) -> &'static str {
    if version >= GENERATED_VERSION {
        "publish = 'insert, update, delete, truncate', publish_via_partition_root = true, publish_generated_columns = stored"
    } else {
        "publish = 'insert, update, delete, truncate', publish_via_partition_root = true"
    }
}

/// The column list for each table, `None` where it is to be published whole.
type Lists = BTreeMap<TableId, Option<Vec<String>>>;

async fn wanted_lists(
    client: &impl GenericClient,
    exposures: &[Exposure<'_>],
    column_lists: bool,
) -> Result<Lists, pg::Error> {
    let bounds = if column_lists && read_version(client).await? >= LISTS_VERSION {
        read_bounds(client, exposures).await?
    } else {
        BTreeMap::new()
    };
    let list = |exposure: &Exposure<'_>| {
        let list = bounds.get(&exposure.table.id).and_then(|bounds| bounds.list(exposure));
        (exposure.table.id, list)
    };
    Ok(exposures.iter().map(list).collect())
}

impl Bounds {
    /// `None` if nothing is left out.
    fn list(&self, exposure: &Exposure<'_>) -> Option<Vec<String>> {
        let counted = exposure.counted.as_ref().filter(|_| self.listable)?;
        let held = |column: &str| self.may.iter().any(|may| may == column);
        // Generated columns are never shown; what leads to subjects must be, and the identity.
        if !exposure.needed.iter().all(|column| held(column)) || !self.must.iter().all(|column| held(column)) {
            return None;
        }
        let is_wanted = |column: &&String| {
            let column = column.as_str();
            counted.contains(column) || exposure.needed.contains(column) || self.must.contains(column)
        };
        let list: Vec<String> = self.may.iter().filter(is_wanted).cloned().collect();
        (list.len() < self.may.len()).then_some(list)
    }
}

/// What has to be done so that a publication shows just certain tables.
#[derive(Debug)]
pub struct Amendment {
    publication: String,
    /// Those whose changes it did not show so far, or not so that they led to subjects.
    pub missing: Vec<TableId>,
    /// Postgres rejects the application's own updates and deletes as long as the publication is as it is.
    pub does_harm: bool,
    lists: Lists,
    column_lists: bool,
    statement: String,
}

/// `None` if the publication is as it should be. `column_lists`: whether it leaves out columns that do not count.
pub async fn amendment(
    client: &impl GenericClient,
    name: &str,
    exposures: &[Exposure<'_>],
    column_lists: bool,
) -> Result<Option<Amendment>, pg::Error> {
    let publication = read_publication(client, name).await?;
    let lists = wanted_lists(client, exposures, column_lists).await?;
    let tables: Vec<String> = exposures.iter().map(|exposure| entry(exposure, &lists)).collect();
    let (tables, publication_name, name) = (tables.join(", "), name.to_owned(), identifier(name));
    let options = options(read_version(client).await?);
    let does_harm = match &publication {
        Some(publication) => !publication.generated || harms(client, publication, exposures).await?,
        None => false,
    };
    let (missing, statement) = match publication {
        None => {
            let all = exposures.iter().map(|exposure| exposure.table.id).collect();
            let statement = format!("create publication {name} for table {tables} with ({options})");
            (all, statement)
        }
        Some(publication) => {
            let missing = publication.missing(exposures);
            if missing.is_empty() && publication.names(&lists) && publication.generated {
                return Ok(None);
            }
            let set_table = if publication.all_tables {
                String::new()
            } else {
                format!("alter publication {name} set table {tables}; ")
            };
            (missing, format!("{set_table}alter publication {name} set ({options})"))
        }
    };
    Ok(Some(Amendment {
        publication: publication_name,
        missing,
        does_harm,
        lists,
        column_lists,
        statement,
    }))
}

/// Whether some list does not cover a replica identity.
async fn harms(
    client: &impl GenericClient,
    publication: &Publication,
    exposures: &[Exposure<'_>],
) -> Result<bool, pg::Error> {
    if publication.tables.values().all(|published| published.columns.is_none()) {
        return Ok(false);
    }
    let bounds = read_bounds(client, exposures).await?;
    Ok(publication.tables.iter().any(|(id, published)| {
        let columns = published.columns.as_ref();
        columns
            .zip(bounds.get(id))
            .is_some_and(|(columns, bounds)| !bounds.listable || !bounds.must.is_subset(columns))
    }))
}

/// A table as a publication names it.
fn entry(exposure: &Exposure<'_>, lists: &Lists) -> String {
    let table = exposure.table.sql_name();
    match lists.get(&exposure.table.id) {
        Some(Some(list)) => format!("{table} ({})", column_list(list)),
        _ => table,
    }
}

pub(super) fn column_list<'a>(columns: impl IntoIterator<Item = &'a String>) -> String {
    let columns: Vec<String> = columns.into_iter().map(|column| identifier(column)).collect();
    columns.join(", ")
}

impl Amendment {
    /// Every table must have a replica identity, or Postgres would from then on reject the application's updates and
    /// deletes. `false`: a table has got another one meanwhile or has none any more, and nothing was done.
    pub async fn apply(&self, client: &mut pg::Client, exposures: &[Exposure<'_>]) -> Result<bool, pg::Error> {
        let tx = client.transaction().await?;
        tx.batch_execute(&self.statement).await?;
        // The statement has locked the tables against a change of their identity.
        if wanted_lists(&*tx, exposures, self.column_lists).await? != self.lists
            || !unidentified(&*tx, &self.publication).await?.is_empty()
        {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        tracing::info!(statement = self.statement, "publication amended");
        Ok(true)
    }
}
