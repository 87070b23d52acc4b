//! Where the workloads play: a server with the shop in it, the other side, and Walsift between the two.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command as Process;
use tokio::task::JoinHandle;
use tokio_postgres::types::PgLsn;
use tokio_postgres::{Client, NoTls};
use walsift::demo::{Cluster, ClusterSettings};

use crate::Result;
use crate::process::{peak_memory, postmaster};
use crate::receiver::Receiver;

/// As whom Walsift comes, so that its statements can be told from all others.
pub const ROLE: &str = "walsift";

/// Between two looks at something that gives no sign.
const LOOK: Duration = Duration::from_millis(5);

/// What takes longer than this never comes.
pub const PATIENCE: Duration = Duration::from_mins(15);

/// How the server is set up, besides what a cluster of the tests has.
const SETTINGS: [(&str, &str); 8] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("shared_buffers", "512MB"),
    ("min_wal_size", "1GB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "30min"),
    ("shared_preload_libraries", "pg_stat_statements"),
    ("pg_stat_statements.track", "top"),
];

/// How documents leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into an index, by its bulk interface.
    Bulk,
    /// One request for each.
    Single,
}

impl Way {
    /// Of the schema and, behind `walsift_`, of the slot.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Single => "single",
        }
    }
}

#[derive(Debug)]
pub struct Stage {
    pub cluster: Cluster,
    pub client: Client,
    pub receiver: Receiver,
    pub postmaster: u32,
    folder: PathBuf,
}

/// A Walsift at work.
#[derive(Debug)]
pub struct Walsift {
    process: u32,
    /// Its end; before it was asked to, that is the end of the benchmark as well.
    ended: JoinHandle<()>,
    stopping: Arc<AtomicBool>,
    pub started: Instant,
    admin: u16,
}

impl Stage {
    pub async fn build() -> Result<Self> {
        let settings = ClusterSettings::default();
        let settings = SETTINGS
            .iter()
            .fold(settings, |all, (name, value)| all.with(name, value));
        let cluster = Cluster::start(settings).await?;
        cluster.create_database("shop").await?;
        let (client, connection) = tokio_postgres::connect(&cluster.socket_url("shop"), NoTls).await?;
        tokio::spawn(connection);
        client
            .batch_execute("create extension pg_stat_statements; create role walsift login superuser replication")
            .await?;
        client.batch_execute(include_str!("shop.sql")).await?;
        client.batch_execute("vacuum analyze").await?;
        client
            .batch_execute(
                "create publication shop for table customers, products, orders, order_lines, filler
                   with (publish_via_partition_root = true)",
            )
            .await?;
        Ok(Self {
            postmaster: postmaster(&client).await,
            client,
            receiver: Receiver::start().await?,
            folder: cluster.create_folder("bench")?,
            cluster,
        })
    }

    /// Where Walsift, or another reader of the WAL, finds the shop.
    pub fn url(&self, over_socket: bool) -> String {
        if over_socket {
            self.cluster
                .socket_url("shop")
                .replace("user=postgres", &format!("user={ROLE}"))
        } else {
            self.cluster.url("shop").replace("postgres@", &format!("{ROLE}@"))
        }
    }

    /// Starts the program; it may be working by now.
    pub async fn start(&self, way: Way, over_socket: bool) -> Result<Walsift> {
        let admin = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let (name, receiver) = (way.name(), format!("http://127.0.0.1:{}", self.receiver.port));
        let sink = match way {
            Way::Bulk => format!("type = \"elasticsearch\"\nurl = \"{receiver}\"\nindex = \"orders\""),
            Way::Single => format!("type = \"http\"\nurl = \"{receiver}/orders/{{id}}\""),
        };
        let text = include_str!("shop.toml")
            .replace("@URL@", &self.url(over_socket))
            .replace("@NAME@", name)
            .replace("@ADMIN@", &admin.to_string())
            .replace("@SINK@", &sink);
        let file = self.file(&format!("{name}.toml"), &text)?;
        let log = fs::File::options().create(true).append(true).open(self.log())?;
        let started = Instant::now();
        let mut child = Process::new(env!("CARGO_BIN_EXE_walsift"))
            .args(["run", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let process = child.id().unwrap_or_default();
        let stopping = Arc::new(AtomicBool::new(false));
        let (is_stopping, log) = (Arc::clone(&stopping), self.log());
        let ended = tokio::spawn(async move {
            let status = child.wait().await;
            if !is_stopping.load(Ordering::Relaxed) {
                let log = fs::read_to_string(log).unwrap_or_default();
                panic!("walsift has ended, {status:?}:\n{log}");
            }
        });
        Ok(Walsift {
            process,
            ended,
            stopping,
            started,
            admin,
        })
    }

    pub fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        fs::write(&file, text)?;
        Ok(file)
    }

    /// What all of them had to say.
    pub fn log(&self) -> PathBuf {
        self.folder.join("walsift.log")
    }

    /// A change of the last order, for what comes behind everything else. Where the WAL ends after it.
    pub async fn mark(&self) -> Result<PgLsn> {
        let status = format!("after {}", self.wal().await?);
        let update = "update orders set status = $1 where id = 200000";
        self.client.execute(update, &[&status]).await?;
        Ok(self
            .client
            .query_one("select pg_current_wal_flush_lsn()", &[])
            .await?
            .get(0))
    }

    /// Waits until the first load is over, all that is committed has been read, and no job, chunk or visit is left.
    pub async fn settled(&self, way: Way) -> Result<()> {
        let schema = way.name();
        let mark: PgLsn = self
            .client
            .query_one("select pg_current_wal_insert_lsn()", &[])
            .await?
            .get(0);
        // Progress is written for changes that concern somebody.
        self.mark().await?;
        let is_settled = self
            .client
            .prepare(&format!(
                "select exists (select from {schema}.progress where lsn >= $1)
                    and not exists (select from {schema}.job) and not exists (select from {schema}.visit)
                    and exists (select from {schema}.backfill)
                    and not exists (select from {schema}.backfill where finished_at is null)
                    and not exists (select from {schema}.chunk)"
            ))
            .await?;
        until(async || Ok(self.client.query_one(&is_settled, &[&mark]).await?.get(0))).await
    }
}

/// Looks again and again, up to [`PATIENCE`].
pub async fn until(look: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let looks = async {
        while !look().await? {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, looks).await?
}

impl Walsift {
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Bytes.
    pub fn peak_memory(&self) -> u64 {
        peak_memory(self.process())
    }

    /// Waits until it says that it is; how long that took from its start.
    pub async fn ready(&self) -> Result<Duration> {
        until(async || Ok(self.says_ready().await.unwrap_or(false))).await?;
        Ok(self.started.elapsed())
    }

    async fn says_ready(&self) -> Result<bool> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.admin)).await?;
        socket
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: walsift\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }

    /// As an operator stops it.
    pub async fn stop(self) -> Result<()> {
        self.stopping.store(true, Ordering::Relaxed);
        Command::new("kill").arg(self.process().to_string()).status()?;
        Ok(self.ended.await?)
    }
}
