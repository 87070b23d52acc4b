//! The database of one test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::types::{FromSqlOwned, PgLsn, ToSql};
use tokio_postgres::{Client, NoTls, Row};
use walsift::demo::{Cluster, ClusterSettings, Receiver};

use super::eventually::{DEADLINE, eventually, try_eventually};

/// Started by the first test that needs it. Statics are never dropped; the server goes when this process does.
static CLUSTER: OnceCell<Arc<Cluster>> = OnceCell::const_new();

static WORLDS: AtomicUsize = AtomicUsize::new(0);

/// How long cleaning up after a test may take; what is left then goes with the server.
const CLEAN_UP_WITHIN: Duration = Duration::from_secs(10);

/// A database, a receiver and a folder, made for one test and gone with it.
pub struct World {
    /// Those that the database was on before hold the folder; the last one has it now.
    clusters: std::sync::Mutex<Vec<Arc<Cluster>>>,
    database: String,
    slot: String,
    folder: PathBuf,
    receiver: Receiver,
    /// With the URL that it is connected to.
    client: Mutex<Option<(String, Arc<Client>)>>,
}

impl World {
    /// In the server that all tests share. Whoever stops or kills the server needs [`World::apart`].
    pub async fn new() -> World {
        let start = async || Arc::new(Cluster::start(ClusterSettings::default()).await.unwrap());
        World::in_cluster(Arc::clone(CLUSTER.get_or_init(start).await)).await
    }

    /// In a server of its own.
    pub async fn apart(settings: ClusterSettings) -> World {
        World::in_cluster(Arc::new(Cluster::start(settings).await.unwrap())).await
    }

    async fn in_cluster(cluster: Arc<Cluster>) -> World {
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let database = format!("world_{number}");
        cluster.create_database(&database).await.unwrap();
        World {
            slot: format!("walsift_{number}"),
            folder: cluster.create_folder(&database).unwrap(),
            receiver: Receiver::new().await.unwrap(),
            client: Mutex::new(None),
            clusters: std::sync::Mutex::new(vec![cluster]),
            database,
        }
    }

    pub fn cluster(&self) -> Arc<Cluster> {
        let clusters = self.clusters.lock().unwrap();
        Arc::clone(clusters.last().expect("there is always one"))
    }

    /// From now on the database is the one on this server, which has followed the one before.
    pub fn follow(&self, cluster: Cluster) {
        self.clusters.lock().unwrap().push(Arc::new(cluster));
    }

    /// Waits until `standby` has replayed all that was committed so far.
    pub async fn replayed_by(&self, standby: &Cluster) {
        let written: PgLsn = self.value("select pg_current_wal_flush_lsn()").await;
        let client = connect(&standby.url(&self.database)).await.unwrap();
        let replayed = async || {
            let row = client.query_one("select pg_last_wal_replay_lsn()", &[]).await.unwrap();
            (row.get::<_, Option<PgLsn>>(0) >= Some(written)).then_some(())
        };
        eventually(DEADLINE, "the standby has replayed all", replayed).await;
    }

    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    /// The URL of this world's database, over TCP.
    pub fn url(&self) -> String {
        self.cluster().url(&self.database)
    }

    /// The name of the slot that [`World::config`] writes into the configuration.
    pub fn slot(&self) -> &str {
        &self.slot
    }

    /// For files of the test's own.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's major version, such as 15.
    pub async fn major(&self) -> i32 {
        self.value("select current_setting('server_version_num')::int / 10000")
            .await
    }

    /// A further session, for a test that needs transactions side by side.
    pub async fn connect(&self) -> Client {
        connect(&self.url()).await.unwrap()
    }

    /// The session that the helpers share; a new one when the server has ended the last.
    pub async fn client(&self) -> Arc<Client> {
        let mut shared = self.client.lock().await;
        let url = self.url();
        match &*shared {
            Some((to, client)) if *to == url && !client.is_closed() => Arc::clone(client),
            _ => {
                let client = Arc::new(self.connect().await);
                *shared = Some((url, Arc::clone(&client)));
                client
            }
        }
    }

    /// Runs statements, several at once if need be (then in one transaction).
    pub async fn sql(&self, statements: &str) {
        if let Err(error) = self.client().await.batch_execute(statements).await {
            panic!("{error:?} in: {statements}");
        }
    }

    pub async fn query(&self, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        match self.client().await.query(statement, parameters).await {
            Ok(rows) => rows,
            Err(error) => panic!("{error:?} in: {statement}"),
        }
    }

    pub async fn query_one(&self, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> Row {
        let mut rows = self.query(statement, parameters).await;
        assert_eq!(rows.len(), 1, "rows of: {statement}");
        rows.remove(0)
    }

    /// The one value of the one row.
    pub async fn value<T: FromSqlOwned>(&self, statement: &str) -> T {
        self.query_one(statement, &[]).await.get(0)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let clusters = self.clusters.get_mut().unwrap();
        let cluster = clusters.last().expect("there is always one");
        if Arc::strong_count(cluster) == 1 {
            // A server of its own goes as a whole.
            return;
        }
        let (url, database) = (cluster.url("postgres"), std::mem::take(&mut self.database));
        // Neither the test's runtime nor its thread can wait for a future here.
        let cleaner = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            runtime.block_on(remove(&url, &database))
        });
        let _ = cleaner.join();
    }
}

/// Slots are few and hold WAL back for everybody: they go with their test. Tried again until the time is up, as
/// another session may hold the slot, or take it in between.
async fn remove(url: &str, database: &str) -> Option<()> {
    let client = connect(url).await.ok()?;
    let with_slots = format!("from pg_replication_slots where database = '{database}'");
    let end_readers = format!("select pg_terminate_backend(active_pid) {with_slots} and active_pid is not null");
    let drop_slots = format!("select pg_drop_replication_slot(slot_name) {with_slots}");
    let drop_database = format!("drop database if exists {database} with (force)");
    try_eventually(CLEAN_UP_WITHIN, async || {
        client.batch_execute(&end_readers).await.ok()?;
        client.batch_execute(&drop_slots).await.ok()?;
        client.batch_execute(&drop_database).await.ok()
    })
    .await
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
