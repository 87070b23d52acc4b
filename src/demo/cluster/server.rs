//! The throwaway server as its user sees it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::{Client, NoTls};

use super::ClusterSettings;
use super::programs::{self, Account, give};
use super::watchdog::{Log, Watchdog};
use crate::demo::port;

/// How long a server may take to go; a fast shutdown waits for its replication clients.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// Between two attempts to connect to a server that is starting.
const READY_POLL: Duration = Duration::from_millis(20);

/// Another process may take the chosen port before the server does.
const STARTS_MAX: usize = 3;

/// What has a meaning of its own in a URL, and more.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');

/// How a server is made to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Disconnects everybody and writes a checkpoint.
    Fast,
    /// Leaves at once; the next start recovers from the WAL.
    Immediate,
    /// Kills all its processes (`kill -9`); the next start recovers from the WAL.
    Kill,
}

#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "no PostgreSQL server programs (initdb, postgres) in {looked_in:?}; install the package `postgresql`, or name \
         their folder in WALSIFT_PG_BIN"
    )]
    ProgramsMissing { looked_in: Vec<PathBuf> },
    #[error("postgres does not run as root, and there is neither a user `postgres` nor a user `nobody` to run it as")]
    NoAccount,
    #[error("cannot prepare the folder or the processes of the throwaway server")]
    Io(#[from] io::Error),
    #[error("the throwaway server ended while starting; its log:\n{log}")]
    Ended { log: String },
    #[error("the throwaway server was not ready within {within:?}; its log:\n{log}")]
    NotReady {
        within: Duration,
        log: String,
        source: Option<tokio_postgres::Error>,
    },
    #[error("the throwaway server was still there {within:?} after it was told to go; its log:\n{log}")]
    StillRunning { within: Duration, log: String },
    #[error("the throwaway server refused a statement")]
    Sql(#[from] tokio_postgres::Error),
}

/// A Postgres of its own in a folder of its own; dropped, both are gone. Belongs to no runtime.
#[derive(Debug)]
pub struct Cluster {
    pub(super) programs: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) port: u16,
    pub(super) account: Option<Account>,
    start_within: Duration,
    log: Arc<Log>,
    /// Held while the server goes or comes, so that two such orders cannot mix.
    watchdog: Mutex<Watchdog>,
}

impl Cluster {
    pub async fn start(settings: ClusterSettings) -> Result<Cluster, ClusterError> {
        Cluster::start_on(&settings, programs::find()?, programs::account()?, |_| Ok(())).await
    }

    /// `seed` may put a data folder into the cluster's folder; otherwise one is made.
    pub(super) async fn start_on(
        settings: &ClusterSettings,
        programs: PathBuf,
        account: Option<Account>,
        seed: impl Fn(&Path) -> io::Result<()>,
    ) -> Result<Cluster, ClusterError> {
        let mut starts = 0;
        loop {
            starts += 1;
            let cluster = Cluster::prepare(settings, programs.clone(), account, &seed)?;
            match cluster.ready(&*cluster.watchdog.lock().await).await {
                Ok(()) => {}
                Err(ClusterError::Ended { log }) if starts < STARTS_MAX && log.contains("could not bind") => continue,
                Err(error) => return Err(error),
            }
            return Ok(cluster);
        }
    }

    fn prepare(
        settings: &ClusterSettings,
        programs: PathBuf,
        account: Option<Account>,
        seed: impl Fn(&Path) -> io::Result<()>,
    ) -> Result<Cluster, ClusterError> {
        let folder = tempfile::Builder::new().prefix("walsift-").tempdir()?;
        let port = port::listen()?.local_addr()?.port();
        let file = folder.path().join("walsift.conf");
        fs::write(&file, settings.file(port, folder.path()))?;
        give(&file, account)?;
        give(folder.path(), account)?;
        seed(folder.path())?;
        let log = Arc::new(Log::default());
        let watchdog = Watchdog::start(&programs, folder.path(), account, Arc::clone(&log))?;
        Ok(Cluster {
            programs,
            // From here on the folder is the watchdog's to remove.
            folder: folder.keep(),
            port,
            account,
            start_within: settings.start_within,
            log,
            watchdog: Mutex::new(watchdog),
        })
    }

    /// The URL of a database over TCP.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{}", self.port, encode(database))
    }

    /// The URL of a database through the Unix socket.
    pub fn socket_url(&self, database: &str) -> String {
        let folder = self.folder.to_string_lossy();
        format!(
            "postgresql:///{}?host={}&port={}&user=postgres",
            encode(database),
            encode(&folder),
            self.port
        )
    }

    /// A program that came with the server, `psql` say, if it did.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The last lines of the server's log, over all its restarts.
    pub fn log(&self) -> String {
        self.log.text()
    }

    pub async fn create_database(&self, name: &str) -> Result<(), ClusterError> {
        let client = connect(&self.socket_url("postgres")).await?;
        let name = name.replace('"', "\"\"");
        Ok(client.batch_execute(&format!("create database \"{name}\"")).await?)
    }

    /// A new folder for the caller's own files, removed together with the cluster.
    pub fn create_folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder)?;
        // Whoever removes it must own it.
        give(&folder, self.account)?;
        Ok(folder)
    }

    /// Writes a file into the cluster's folder, the server's own and readable by nobody else. `data/pg_hba.conf` and
    /// others that the server reads are among them; it looks again when it is told to.
    pub fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        give(&path, self.account)?;
        Ok(path)
    }

    /// The server goes, its data stay for [`resume`](Cluster::resume).
    pub async fn halt(&self, how: Shutdown) -> Result<(), ClusterError> {
        let mut watchdog = self.watchdog.lock().await;
        self.end(&mut watchdog, how).await
    }

    /// A halted server comes back on the same port.
    pub async fn resume(&self) -> Result<(), ClusterError> {
        let mut watchdog = self.watchdog.lock().await;
        self.begin(&mut watchdog).await
    }

    pub async fn restart(&self, how: Shutdown) -> Result<(), ClusterError> {
        let mut watchdog = self.watchdog.lock().await;
        self.end(&mut watchdog, how).await?;
        self.begin(&mut watchdog).await
    }

    /// `kill -9` for every process of the server; [`resume`](Cluster::resume) brings it back.
    pub async fn kill(&self) -> Result<(), ClusterError> {
        self.halt(Shutdown::Kill).await
    }

    /// A fast shutdown, and the folder is gone.
    pub async fn stop(self) -> Result<(), ClusterError> {
        self.halt(Shutdown::Fast).await
    }

    async fn end(&self, watchdog: &mut Watchdog, how: Shutdown) -> Result<(), ClusterError> {
        watchdog.order(match how {
            Shutdown::Fast => "INT",
            Shutdown::Immediate => "QUIT",
            Shutdown::Kill => "KILL",
        })?;
        if watchdog.server_gone(GONE_WITHIN).await {
            Ok(())
        } else {
            Err(ClusterError::StillRunning {
                within: GONE_WITHIN,
                log: self.log(),
            })
        }
    }

    async fn begin(&self, watchdog: &mut Watchdog) -> Result<(), ClusterError> {
        let next = Watchdog::start(&self.programs, &self.folder, self.account, Arc::clone(&self.log))?;
        // The old one only leaves once the new one is there: at no instant is the folder unwatched.
        std::mem::replace(watchdog, next).leave()?;
        self.ready(watchdog).await
    }

    /// Waits until the server takes connections.
    async fn ready(&self, watchdog: &Watchdog) -> Result<(), ClusterError> {
        let deadline = Instant::now() + self.start_within;
        // Nobody else's server can answer at this folder's socket, as it might at a port.
        let url = self.socket_url("postgres");
        let mut last = None;
        while Instant::now() < deadline {
            match timeout_at(deadline, connect(&url)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => last = Some(error),
                Err(_) => break,
            }
            tokio::select! {
                true = watchdog.server_gone(self.start_within) => return Err(ClusterError::Ended { log: self.log() }),
                () = sleep(READY_POLL) => {}
            }
        }
        Err(ClusterError::NotReady {
            within: self.start_within,
            log: self.log(),
            source: last,
        })
    }
}

pub(super) async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends with the client; what went wrong, the client is told too.
    tokio::spawn(connection);
    Ok(client)
}

fn encode(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, ENCODED)
}
