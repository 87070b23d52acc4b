//! The world that the scenes play in: a Postgres with the shop, a receiver, and an engine between them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use super::cluster::{Cluster, ClusterSettings};
use super::counts::Counts;
use super::engine::Engine;
use super::receiver::{Receiver, Request};
use super::scenes::Failure;
use super::shop;

/// How long anything may take that a scene waits for.
pub(super) const WITHIN: Duration = Duration::from_secs(20);

/// Between two looks at the database.
const POLL: Duration = Duration::from_millis(10);

/// Lines of the engine's log that a failure shows.
const LOG_LINES: usize = 12;

/// Dropped, all of it is gone; the engine first.
#[derive(Debug)]
pub(super) struct Stage {
    engine: Option<Engine>,
    program: PathBuf,
    folder: PathBuf,
    /// How often an engine was started.
    starts: u32,
    admin: String,
    http: reqwest::Client,
    marks: u32,
    pub(super) client: Client,
    pub(super) receiver: Receiver,
    cluster: Cluster,
}

/// What the engine still has to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backlog {
    pub(super) jobs: i64,
    /// Those among them that a worker has in hand.
    pub(super) held: i64,
}

impl Stage {
    /// Everything but the engine.
    pub(super) async fn set(program: &Path) -> Result<Stage, Failure> {
        let cluster = Cluster::start(ClusterSettings::default()).await?;
        cluster.create_database("shop").await?;
        let folder = cluster.create_folder("demo")?;
        fs::write(folder.join("config.toml"), shop::CONFIG)?;
        let client = connect(&cluster.url("shop")).await?;
        shop::open(&client).await?;
        Ok(Stage {
            engine: None,
            program: program.to_owned(),
            folder,
            starts: 0,
            admin: String::new(),
            http: reqwest::Client::builder().no_proxy().build()?,
            marks: 0,
            client,
            receiver: Receiver::new().await?,
            cluster,
        })
    }

    pub(super) async fn start_engine(&mut self) -> Result<(), Failure> {
        self.starts += 1;
        let log = self.folder.join(format!("engine-{}.log", self.starts));
        let database = self.cluster.url("shop");
        let environment = [
            ("DATABASE_URL", database.as_str()),
            ("SHOP_API_URL", &self.receiver.url()),
            ("WALSIFT_LISTEN", "127.0.0.1:0"),
        ];
        let started = Engine::start(&self.program, &self.folder.join("config.toml"), &log, &environment)?;
        let engine = self.engine.insert(started);
        self.admin = engine
            .admin_url(WITHIN)
            .await?
            .ok_or(Failure::Overdue("the engine said where it listens"))?;
        Ok(())
    }

    /// `kill -9`.
    pub(super) fn kill_engine(&mut self) -> Result<(), Failure> {
        match &mut self.engine {
            Some(engine) => Ok(engine.kill()?),
            None => Ok(()),
        }
    }

    /// Ends the engine in good order.
    pub(super) async fn stop_engine(&mut self) -> Result<(), Failure> {
        let Some(engine) = &mut self.engine else { return Ok(()) };
        match engine.stop(WITHIN).await? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Failure::NotSo(format!(
                "the engine stopped in good order, but with {status}"
            ))),
            None => Err(Failure::Overdue("the engine stopped")),
        }
    }

    /// How the engine is, and the end of its log: for the one who wants to know why something failed.
    pub(super) fn engine_report(&mut self) -> Option<String> {
        let engine = self.engine.as_mut()?;
        let state = match engine.ended() {
            Ok(Some(status)) => format!("has ended, {status}"),
            _ => "is running".to_owned(),
        };
        let log = engine.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = &lines[lines.len().saturating_sub(LOG_LINES)..];
        Some(format!("The engine {state}. The end of its log:\n{}", end.join("\n")))
    }

    /// Takes everything down, and makes sure that it is gone.
    pub(super) fn strike(self) -> Result<(), Failure> {
        let folder = self.folder.clone();
        drop(self);
        if folder.try_exists()? {
            return Err(Failure::NotSo(format!("{} is still there", folder.display())));
        }
        Ok(())
    }

    pub(super) async fn write(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// What the engine itself has counted since it was started.
    pub(super) async fn counts(&self) -> Result<Counts, Failure> {
        let answer = self.http.get(format!("{}/metrics", self.admin)).send().await?;
        Ok(Counts::read(&answer.error_for_status()?.text().await?))
    }

    pub(super) async fn backlog(&self) -> Result<Backlog, Failure> {
        let row = self
            .client
            .query_one(include_str!("../../sql/demo/backlog.sql"), &[])
            .await?;
        Ok(Backlog {
            jobs: row.get("jobs"),
            held: row.get("held"),
        })
    }

    /// Asks the database until its answer is yes.
    pub(super) async fn until(
        &self,
        what: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + WITHIN;
        while !self.client.query_one(sql, parameters).await?.get::<_, bool>(0) {
            if Instant::now() > deadline {
                return Err(Failure::Overdue(what));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Where the WAL ends now, for [`confirmed`](Stage::confirmed) once something more was written.
    pub(super) async fn wal_end(&self) -> Result<String, Failure> {
        let row = self.client.query_one("select pg_current_wal_lsn()::text", &[]).await?;
        Ok(row.get(0))
    }

    /// Waits until the engine has confirmed everything up to there: all that follows from it is in its queue.
    pub(super) async fn confirmed(&self, wal_end: &str) -> Result<(), Failure> {
        let sql = include_str!("../../sql/demo/passed.sql");
        self.until("the slot had moved past what was written", sql, &[&wal_end])
            .await
    }

    /// Waits until the engine has dealt with everything written so far, and answers with the requests that it sent
    /// since the journal had `from` of them.
    ///
    /// No nap proves that nothing will be sent. So one more change is written, of an order that nothing else changes,
    /// and its request is waited for. The engine reads changes in the order of their commits, so it has read all that
    /// was written before; that its jobs exist, or have existed, is what confirming them says. Once there are no jobs
    /// left, nothing more can come.
    pub(super) async fn settle(&mut self, from: usize) -> Result<Vec<Request>, Failure> {
        let wal_end = self.wal_end().await?;
        self.marks += 1;
        let mark = format!("mark {}", self.marks);
        let statement = "update orders set status = $1 where id = $2";
        self.client
            .execute(statement, &[&mark, &i64::from(shop::MARKER)])
            .await?;
        let is_mark = |request: &Request| status_of(&request.body).as_deref() == Some(mark.as_str());
        let arrived = self
            .receiver
            .wait_until(WITHIN, |ledger| ledger.journal().iter().skip(from).any(is_mark));
        arrived.await?;
        self.confirmed(&wal_end).await?;
        let idle = include_str!("../../sql/demo/idle.sql");
        self.until("the engine had no more jobs", idle, &[]).await?;
        Ok(self.receiver.look(|ledger| {
            let since = ledger.journal().iter().skip(from);
            since.filter(|request| !is_mark(request)).cloned().collect()
        }))
    }
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends with the client; what went wrong, the client is told too.
    tokio::spawn(connection);
    Ok(client)
}

/// The member `order_status` of a document.
pub(super) fn status_of(body: &str) -> Option<String> {
    let document: Value = serde_json::from_str(body).ok()?;
    document["order_status"].as_str().map(str::to_owned)
}
