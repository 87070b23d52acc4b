//! What others do to the server, and with it, beside Walsift.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command as Process};
use tokio_postgres::types::PgLsn;

use crate::Result;
use crate::stage::{Stage, until};

/// The slot that `pg_recvlogical` reads: a copy of Walsift's.
const COPY: &str = "bench_copy";

impl Stage {
    /// `statement` with `$i` for 0, 1, … in as many transactions of as many turns each, with nobody waiting for the disk.
    pub async fn write(&self, statement: &str, transactions: u32, turns: u32) -> Result<()> {
        let statement = statement.replace("$i", &format!("(t * {turns} + n)"));
        self.client.batch_execute("set synchronous_commit = off").await?;
        // Alone, as it commits by itself.
        self.client
            .batch_execute(&format!(
                "do $$ begin
                     for t in 0..{transactions} - 1 loop
                         for n in 0..{turns} - 1 loop {statement}; end loop;
                         commit;
                     end loop;
                 end $$"
            ))
            .await?;
        // The last commits may not be on disk yet.
        self.client
            .batch_execute("set synchronous_commit = on; create table flushed (); drop table flushed")
            .await?;
        self.client.batch_execute("checkpoint").await?;
        Ok(())
    }

    /// How long `psql` takes for a statement whose rows nobody looks at.
    pub async fn psql(&self, sql: &'static str) -> Result<Duration> {
        let mut psql = Process::new(self.cluster.program("psql"));
        psql.args(["-qAt", "-v", "FETCH_COUNT=10000", "-c", sql, &self.cluster.url("shop")]);
        psql.stdout(Stdio::null());
        let begun = Instant::now();
        assert!(psql.status().await?.success(), "psql failed");
        Ok(begun.elapsed())
    }

    /// Copies Walsift's slot, for [`recvlogical`](Stage::recvlogical).
    pub async fn copy_slot(&self, slot: &str) -> Result<()> {
        let copy = "select pg_copy_logical_replication_slot($1, $2)";
        self.client.execute(copy, &[&slot, &COPY]).await?;
        Ok(())
    }

    pub async fn drop_copy(&self) -> Result<()> {
        let is_free = "select not active from pg_replication_slots where slot_name = $1";
        until(async || Ok(self.client.query_one(is_free, &[&COPY]).await?.get(0))).await?;
        self.client
            .execute("select pg_drop_replication_slot($1)", &[&COPY])
            .await?;
        Ok(())
    }

    /// Reads the copy, up to an end or until it is killed, and throws it away.
    pub fn recvlogical(&self, over_socket: bool, end: Option<PgLsn>) -> Result<Child> {
        let mut command = Process::new(self.cluster.program("pg_recvlogical"));
        command.args([
            "--dbname",
            &self.url(over_socket),
            "--slot",
            COPY,
            "--start",
            "--no-loop",
            "-f",
            "/dev/null",
        ]);
        command.args(["-o", "proto_version=1", "-o", "publication_names=shop"]);
        if let Some(end) = end {
            command.args(["--endpos", &end.to_string()]);
        }
        command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        Ok(command.spawn()?)
    }

    /// So many transactions by each of four clients, one changed order each; how long they take.
    pub async fn pgbench(&self, each: u32) -> Result<Duration> {
        let script = self.file(
            "pgbench.sql",
            concat!(
                "\\set i :i + 1\n",
                "\\set id 1 + permute(:i * 4 + :client_id, 200000, 42)\n",
                "update orders set status = 's' || :i || '-' || :round where id = :id;\n"
            ),
        )?;
        // A status that nobody has had yet.
        let round = self.wal().await?;
        let mut pgbench = Process::new(self.cluster.program("pgbench"));
        pgbench.args([
            "-n",
            "-M",
            "prepared",
            "-c",
            "4",
            "-j",
            "1",
            "-D",
            "i=0",
            "-D",
            &format!("round={round}"),
        ]);
        pgbench
            .args(["-t", &each.to_string(), "-f"])
            .arg(script)
            .arg(self.cluster.socket_url("shop"));
        pgbench.stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        assert!(pgbench.status().await?.success(), "pgbench failed");
        Ok(begun.elapsed())
    }
}

/// Ends a reader that would go on for ever.
pub async fn end(mut reader: Child) -> Result<()> {
    let process = reader.id().map(|id| id.to_string()).unwrap_or_default();
    Command::new("kill").args(["-INT", &process]).status()?;
    reader.wait().await?;
    Ok(())
}
