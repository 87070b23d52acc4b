//! What a workload costs: time, CPU of Walsift and of Postgres, WAL, statements.

use std::time::{Duration, Instant};

use crate::Result;
use crate::process::{cpu, cpu_of_postgres};
use crate::stage::{ROLE, Stage};

/// Where it stands before.
#[derive(Debug)]
pub struct Meter {
    begun: Instant,
    walsift: f64,
    postgres: f64,
    wal: u64,
    statements: i64,
    documents: u64,
    requests: u64,
}

/// What it came to.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub took: Duration,
    /// CPU seconds.
    pub walsift: f64,
    pub postgres: f64,
    /// Bytes, of everybody.
    pub wal: u64,
    /// Of Walsift.
    pub statements: i64,
    pub documents: u64,
    pub requests: u64,
}

impl Meter {
    /// From now on. `process`: that of Walsift, if it runs by now.
    pub async fn begin(stage: &Stage, process: Option<u32>) -> Result<Self> {
        Ok(Self {
            walsift: process.map_or(0.0, cpu),
            postgres: cpu_of_postgres(stage.postmaster),
            wal: stage.wal().await?,
            statements: stage.statements().await?,
            documents: stage.receiver.documents(),
            requests: stage.receiver.requests(),
            begun: Instant::now(),
        })
    }

    /// That had been accepted before.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// Up to `end`; the rest up to now.
    pub async fn end(&self, stage: &Stage, process: u32, end: Instant) -> Result<Cost> {
        Ok(Cost {
            took: end.duration_since(self.begun),
            walsift: cpu(process) - self.walsift,
            postgres: cpu_of_postgres(stage.postmaster) - self.postgres,
            wal: stage.wal().await? - self.wal,
            statements: stage.statements().await? - self.statements,
            documents: stage.receiver.documents() - self.documents,
            requests: stage.receiver.requests() - self.requests,
        })
    }
}

impl Stage {
    /// Where the WAL ends, in bytes.
    pub async fn wal(&self) -> Result<u64> {
        let end = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
        let bytes: i64 = self.client.query_one(end, &[]).await?.get(0);
        Ok(u64::try_from(bytes)?)
    }

    /// The dearest statements of Walsift since the last call: milliseconds in all, calls, rows, bytes of WAL.
    pub async fn profile(&self) -> Result<()> {
        let dearest = "select total_exec_time, calls, rows, wal_bytes::bigint,
                              left(regexp_replace(regexp_replace(query, '--[^\\n]*\\n', '', 'g'), '\\s+', ' ', 'g'), 90)
                         from pg_stat_statements s join pg_roles r on r.oid = s.userid
                        where r.rolname = $1 order by 1 desc limit 20";
        for row in self.client.query(dearest, &[&ROLE]).await? {
            let (time, calls, rows, wal): (f64, i64, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
            println!(
                "    {time:>9.1} ms {calls:>8} calls {rows:>9} rows {wal:>11} B  {}",
                row.get::<_, &str>(4)
            );
        }
        self.client.execute("select pg_stat_statements_reset()", &[]).await?;
        Ok(())
    }

    async fn statements(&self) -> Result<i64> {
        let calls = "select coalesce(sum(calls), 0)::bigint from pg_stat_statements s
                       join pg_roles r on r.oid = s.userid where r.rolname = $1";
        Ok(self.client.query_one(calls, &[&ROLE]).await?.get(0))
    }
}
