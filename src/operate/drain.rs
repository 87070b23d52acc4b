//! Asking the processes to finish what there is and to leave.
//!
//! The request stands in the rows of the workers that there are, so whoever starts afterwards is not meant, and takes over. A
//! process that loses its lease comes back as another worker: whoever asks has to do so again and again for the
//! processes that were meant. If nobody does, it goes on as before.

use crate::config::Config;
use crate::pg;

/// What is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub jobs: u64,
    /// Visits of many subjects.
    pub visits: u64,
    /// They are not waited for: the next process goes on with them.
    pub backfills: u64,
    /// There is a process that was not asked to leave.
    pub is_continued: bool,
}

/// Asks all processes at work, or once more those of `owners`. Returns those that are still there.
pub async fn ask_to_drain(client: &pg::Client, owners: Option<&[String]>) -> Result<Vec<String>, pg::Error> {
    let sql = include_str!("../../sql/operate/ask_to_drain.sql");
    let rows = client.query(sql, &[&owners]).await?;
    Ok(rows.iter().map(|row| row.get("owner")).collect())
}

/// From now on nobody is asked; whoever has not left goes on as before.
pub async fn take_back_drain(client: &pg::Client) -> Result<(), pg::Error> {
    let sql = include_str!("../../sql/operate/take_back_drain.sql");
    client.execute(sql, &[]).await?;
    Ok(())
}

/// What is left to do for the configured syncs; those left out that cannot work with their tables.
pub async fn left(client: &pg::Client, config: &Config) -> Result<Left, pg::Error> {
    let syncs: Vec<&str> = config.syncs.iter().map(|sync| sync.name.as_str()).collect();
    let sql = include_str!("../../sql/operate/left.sql");
    let row = client.query_one(sql, &[&syncs]).await?;
    Ok(Left {
        jobs: row.get::<_, i64>("jobs").unsigned_abs() + row.get::<_, i64>("in_chunks").unsigned_abs(),
        visits: row.get::<_, i64>("visits").unsigned_abs(),
        backfills: row.get::<_, i64>("backfills").unsigned_abs(),
        is_continued: row.get("is_continued"),
    })
}
