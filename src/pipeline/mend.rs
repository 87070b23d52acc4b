//! Applying what mends the findings of `check`: indexes, replica identities, a publication.
//!
//! Each statement is run by itself and gives up soon where it would have to wait for a lock: what waits for a table makes
//! everybody else who comes after it wait too. Whatever was not applied is found again by the next check.

use std::time::{Duration, Instant};

use crate::catalog::{Fix, FixKind, Locks, Table};
use crate::config::Config;
use crate::pg::{self, Dsn, Session};
use crate::plan;
use crate::wal;

use super::{PrepareError, Prepared};

/// Everybody who comes after it waits with it.
const LOCK_TIMEOUT: &str = "3s";

/// Nobody else waits: a concurrent build waits for transactions that began before it.
const PATIENT_LOCK_TIMEOUT: &str = "5min";

/// What mends the findings of [`super::prepare()`], in the order in which it is to be run. A publication that Walsift
/// keeps itself is amended by `run`, which then visits what was not shown until then.
pub async fn fixes(config: &Config, prepared: &Prepared, source: &pg::Pool) -> Result<Vec<Fix>, PrepareError> {
    let mut fixes = plan::fixes(config, &prepared.catalog);
    // What loses changes comes before what only costs time.
    fixes.sort_by_key(|fix| matches!(&fix.kind, FixKind::Index { unique: false, .. }));
    if !config.source.manage && every_table_can_be_published(config, prepared, &fixes) {
        let client = source.get().await?;
        let tables = super::prepare::tables(config, &prepared.catalog);
        let name = &config.source.publication;
        let version = wal::read_version(&**client).await?;
        let publication = wal::read_publication(&**client, name).await?;
        fixes.extend(wal::publication_fixes(publication.as_ref(), name, &tables, version));
    }
    Ok(fixes)
}

/// Whether each table has a replica identity, or will have one: without it postgres would reject the application's updates
/// and deletes.
fn every_table_can_be_published(config: &Config, prepared: &Prepared, fixes: &[Fix]) -> bool {
    let tables = super::prepare::tables(config, &prepared.catalog);
    let will_have = |table: &Table| {
        let given = |fix: &Fix| fix.kind == FixKind::ReplicaIdentity { table: table.id };
        table.identity_columns().is_some() || fixes.iter().any(given)
    };
    let partitions = tables
        .iter()
        .flat_map(|table| table.partitions.iter().filter_map(|&id| prepared.catalog.table(id)));
    // Without plans not every table is known.
    !prepared.plans.is_empty() && tables.iter().copied().chain(partitions).all(will_have)
}

/// How a fix went.
#[derive(Debug)]
pub enum Mended {
    Done {
        took: Duration,
    },
    /// In the words of the server.
    Failed(String),
    /// What has to come before it has failed.
    Skipped,
}

/// A session of its own that applies fixes one after the other.
#[derive(Debug)]
pub struct Mender {
    client: tokio_postgres::Client,
    identity_missing: bool,
    index_missing: bool,
}

impl Mender {
    pub async fn connect(source: &Dsn) -> Result<Self, pg::ConnectError> {
        let session = Session {
            search_path: None,
            statement_timeout: Duration::ZERO,
        };
        Ok(Self {
            client: pg::connect(source, &session).await?,
            identity_missing: false,
            index_missing: false,
        })
    }

    /// A fix that failed keeps those from being run that need it.
    pub async fn apply(&mut self, fix: &Fix) -> Mended {
        let blocked = match fix.kind {
            FixKind::Index { .. } => false,
            FixKind::ReplicaIdentity { .. } => std::mem::take(&mut self.index_missing),
            FixKind::Publication => self.identity_missing,
        };
        if blocked {
            self.identity_missing = true;
            return Mended::Skipped;
        }
        let began = Instant::now();
        match self.run(fix).await {
            Ok(()) => Mended::Done { took: began.elapsed() },
            Err(error) => {
                match fix.kind {
                    FixKind::Index { unique, .. } => self.index_missing = unique,
                    FixKind::ReplicaIdentity { .. } => self.identity_missing = true,
                    FixKind::Publication => {}
                }
                Mended::Failed(pg::describe(&error))
            }
        }
    }

    async fn run(&self, fix: &Fix) -> Result<(), pg::Error> {
        let timeout = match (&fix.kind, fix.locks) {
            (FixKind::Index { .. }, Locks::Nobody) => PATIENT_LOCK_TIMEOUT,
            _ => LOCK_TIMEOUT,
        };
        self.client
            .query_one(include_str!("../../sql/source/mend_session.sql"), &[&timeout])
            .await?;
        if let FixKind::Index { table, columns, unique } = &fix.kind {
            self.clear(*table, columns, *unique).await?;
        }
        self.client.batch_execute(&fix.statement).await
    }

    /// Removes what an attempt that failed has left: an index that costs time at every write and serves nobody.
    async fn clear(&self, table: u32, columns: &[i16], unique: bool) -> Result<(), pg::Error> {
        let rows = self
            .client
            .query(
                include_str!("../../sql/catalog/invalid_indexes.sql"),
                &[&table, &columns, &unique],
            )
            .await?;
        for row in rows {
            let statement: &str = row.get("statement");
            self.client.batch_execute(statement).await?;
            tracing::info!(statement, "an invalid index was removed");
        }
        Ok(())
    }
}
