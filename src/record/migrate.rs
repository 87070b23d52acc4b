//! The state schema, from numbered migrations: forward only, each safe beside the version before it.

use tokio_postgres::Transaction;

use crate::config::{Config, Problem};
use crate::pg::{self, identifier};

const MIGRATIONS: [(i32, &str, &str); 8] = [
    (
        1,
        "foundation",
        include_str!("../../sql/migrations/0001_foundation.sql"),
    ),
    (2, "timeline", include_str!("../../sql/migrations/0002_timeline.sql")),
    (3, "jobs", include_str!("../../sql/migrations/0003_jobs.sql")),
    (4, "documents", include_str!("../../sql/migrations/0004_documents.sql")),
    (5, "backfills", include_str!("../../sql/migrations/0005_backfills.sql")),
    (6, "audits", include_str!("../../sql/migrations/0006_audits.sql")),
    (7, "rebuild", include_str!("../../sql/migrations/0007_rebuild.sql")),
    (8, "room", include_str!("../../sql/migrations/0008_room.sql")),
];

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("cannot migrate the state schema: {}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error("the state schema is at migration {found}, newer than this program, which knows {known}")]
    Newer { found: i32, known: i32 },
}

/// Brings the schema to this version, under a lock that lasts as long as the transaction.
pub async fn migrate(tx: &Transaction<'_>, schema: &str) -> Result<(), MigrateError> {
    tx.query_one(include_str!("../../sql/record/migration_lock.sql"), &[&schema])
        .await?;
    let row = tx
        .query_one(include_str!("../../sql/record/schema_exists.sql"), &[&schema])
        .await?;
    if !row.get::<_, bool>("present") {
        // A role that may not create schemas can be given one.
        tx.batch_execute(&format!("create schema {}", identifier(schema)))
            .await?;
    }
    tx.batch_execute(&format!("set local search_path = {}", identifier(schema)))
        .await?;
    tx.batch_execute(include_str!("../../sql/migrations/table.sql")).await?;
    let rows = tx
        .query(include_str!("../../sql/record/applied_migrations.sql"), &[])
        .await?;
    let applied: Vec<i32> = rows.iter().map(|row| row.get("number")).collect();
    let known = MIGRATIONS.iter().map(|(number, ..)| *number).max().unwrap_or_default();
    if let Some(&found) = applied.iter().max().filter(|&&found| found > known) {
        return Err(MigrateError::Newer { found, known });
    }
    for (number, name, sql) in MIGRATIONS.iter().filter(|(number, ..)| !applied.contains(number)) {
        tx.batch_execute(sql).await?;
        tx.execute(include_str!("../../sql/record/add_migration.sql"), &[number, name])
            .await?;
        tracing::info!(number, name, "state schema migrated");
    }
    Ok(())
}

/// What stands in the way of making the state schema, if anything does.
pub async fn schema_problem(state: &pg::Pool, config: &Config) -> Result<Option<Problem>, MigrateError> {
    let client = state.get().await?;
    let schema = &config.state.schema;
    let row = client
        .query_one(include_str!("../../sql/record/schema_possible.sql"), &[schema])
        .await?;
    if row.get("possible") {
        return Ok(None);
    }
    let role = identifier(row.get("role"));
    let summary = format!("role {role} may not make the schema {schema} for the state");
    let mut problem = Problem::at(&config.state.connection.place, summary);
    problem.sql = Some(format!("create schema {} authorization {role};", identifier(schema)));
    Ok(Some(problem))
}
