//! How fast a backlog is read, beside `pg_recvlogical` on a copy of the same slot: the same WAL from the same server.
//!
//! `cargo bench --bench stream`, with the scale of the work in `WALSIFT_BENCH_ROWS` (200000) and the rounds in
//! `WALSIFT_BENCH_ROUNDS` (3). The two take turns. CPU seconds are those of the reader and of the server process.

#![allow(clippy::unwrap_used, reason = "a benchmark has nobody to tell")]

#[path = "shop/process.rs"]
#[allow(dead_code, reason = "the shop has it, too")]
mod process;

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio_postgres::types::PgLsn;
use tokio_postgres::{Client, NoTls};
use walsift::demo::{Cluster, ClusterSettings};
use walsift::pg::Dsn;
use walsift::wal::{Event, Lsn, Reading, Session, WalSource, WalStream};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rows a transaction; `None` is all of them.
const WORKS: [(&str, Option<u32>); 3] = [("1 row", Some(1)), ("100 rows", Some(100)), ("all rows", None)];

/// What the server takes to let go of a process that has ended.
const SETTLED: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Walsift,
    PgRecvlogical,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Socket,
    Tcp,
}

#[tokio::main]
async fn main() -> Result<()> {
    let rows = setting("WALSIFT_BENCH_ROWS", 200_000);
    let rounds = setting("WALSIFT_BENCH_ROUNDS", 3);
    let cluster = Cluster::start(ClusterSettings::default().with("autovacuum", "off")).await?;
    let bench = Bench::new(&cluster).await?;
    println!("transactions  way     reader          rows/s  reader CPU s  server CPU s   (best of {rounds} by time)");
    for (name, size) in WORKS {
        let end = bench.write(rows, size).await?;
        for way in [Way::Socket, Way::Tcp] {
            let mut best = [None::<Sample>; 2];
            for _ in 0..rounds {
                for (best, reader) in best.iter_mut().zip([Reader::PgRecvlogical, Reader::Walsift]) {
                    let sample = bench.read(reader, way, end).await?;
                    if best.is_none_or(|best| sample.took < best.took) {
                        *best = Some(sample);
                    }
                }
            }
            for (best, reader) in best.into_iter().flatten().zip([Reader::PgRecvlogical, Reader::Walsift]) {
                let Sample { took, own, server } = best;
                println!(
                    "{name:<12}  {:<6}  {:<13}  {:>7.0}  {own:>12.2}  {server:>12.2}",
                    format!("{way:?}").to_lowercase(),
                    format!("{reader:?}"),
                    f64::from(rows) / took.as_secs_f64(),
                );
            }
        }
    }
    Ok(())
}

fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    took: Duration,
    own: f64,
    server: f64,
}

struct Bench {
    client: Client,
    socket: Dsn,
    tcp: Dsn,
    postmaster: u32,
    recvlogical: PathBuf,
}

impl Bench {
    async fn new(cluster: &Cluster) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(&cluster.url("postgres"), NoTls).await?;
        tokio::spawn(connection);
        client
            .batch_execute(
                "create table item (id bigint generated always as identity primary key, name text, price numeric, note text);
                 create publication bench for table item",
            )
            .await?;
        Ok(Self {
            postmaster: process::postmaster(&client).await,
            client,
            socket: cluster.socket_url("postgres").parse()?,
            tcp: cluster.url("postgres").parse()?,
            recvlogical: cluster.program("pg_recvlogical"),
        })
    }

    /// Writes WAL behind a new slot; says where it ends.
    async fn write(&self, rows: u32, size: Option<u32>) -> Result<PgLsn> {
        let row = "'Tea ' || n, n + 0.5, 'a note of some forty characters ' || n";
        self.client
            .batch_execute(
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots;
                 select pg_create_logical_replication_slot('origin', 'pgoutput'); set synchronous_commit = off",
            )
            .await?;
        let size = size.unwrap_or(rows);
        self.client
            .batch_execute(&format!(
                "do $$ begin for i in 1..{} loop
                     insert into item (name, price, note) select {row} from generate_series(1, {size}) n; commit;
                 end loop; end $$",
                rows / size
            ))
            .await?;
        // The last commits may not be on disk yet.
        self.client
            .batch_execute("set synchronous_commit = on; create table flushed (); drop table flushed")
            .await?;
        Ok(self
            .client
            .query_one("select pg_current_wal_flush_lsn()", &[])
            .await?
            .get(0))
    }

    async fn read(&self, reader: Reader, way: Way, end: PgLsn) -> Result<Sample> {
        self.client
            .batch_execute("select pg_copy_logical_replication_slot('origin', 'copy')")
            .await?;
        let dsn = match way {
            Way::Socket => &self.socket,
            Way::Tcp => &self.tcp,
        };
        let own_cpu = match reader {
            Reader::Walsift => process::cpu,
            Reader::PgRecvlogical => process::cpu_of_ended,
        };
        let me = std::process::id();
        let (own, server, began) = (own_cpu(me), self.server_cpu().await?, Instant::now());
        match reader {
            Reader::PgRecvlogical => self.pg_recvlogical(dsn, end).await?,
            Reader::Walsift => walsift(dsn, Lsn(end.into())).await?,
        }
        let took = began.elapsed();
        let sample = Sample {
            took,
            own: own_cpu(me) - own,
            server: self.server_cpu().await? - server,
        };
        self.client
            .batch_execute("select pg_drop_replication_slot('copy')")
            .await?;
        Ok(sample)
    }

    async fn pg_recvlogical(&self, dsn: &Dsn, end: PgLsn) -> Result<()> {
        let target = dsn.resolve()?;
        let (host, port) = (&target.hosts[0].name, target.hosts[0].port.to_string());
        let mut command = Command::new(&self.recvlogical);
        command.args(["-h", host, "-p", &port, "-U", &target.user, "-d", &target.database]);
        command.args([
            "--slot",
            "copy",
            "--start",
            "--no-loop",
            "--endpos",
            &end.to_string(),
            "-f",
            "/dev/null",
        ]);
        command.args(["-o", "proto_version=1", "-o", "publication_names=bench"]);
        command.stdin(Stdio::null());
        let status = tokio::task::spawn_blocking(move || command.status()).await??;
        assert!(status.success());
        Ok(())
    }

    /// CPU seconds of the server processes that have ended, once the one that was read from is among them.
    async fn server_cpu(&self) -> Result<f64> {
        let senders = "select count(*) from pg_stat_replication";
        while self.client.query_one(senders, &[]).await?.get::<_, i64>(0) > 0 {
            tokio::time::sleep(SETTLED).await;
        }
        tokio::time::sleep(SETTLED).await;
        Ok(process::cpu_of_ended(self.postmaster))
    }
}

async fn walsift(dsn: &Dsn, end: Lsn) -> Result<()> {
    let mut stream = open(dsn).await?;
    loop {
        let read = match stream.next().await? {
            Event::Commit { end_lsn, .. } => end_lsn,
            Event::KeepAlive { wal_end } => wal_end,
            _ => continue,
        };
        if read >= end {
            stream.close().await;
            return Ok(());
        }
    }
}

async fn open(dsn: &Dsn) -> Result<WalStream> {
    let reading = Reading {
        slot: "copy".to_owned(),
        publication: "bench".to_owned(),
        start: Lsn::ZERO,
        buffer_bytes: 64 << 20,
        patience: 1,
    };
    Ok(Session::open(dsn).await?.start(&reading).await?)
}
