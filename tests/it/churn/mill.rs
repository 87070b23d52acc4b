//! The state under work, with nothing around it: changes become jobs, which are claimed and settled, through the statements
//! of the program.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use tokio_postgres::NoTls;
use walsift::build::Digest;
use walsift::mapping::SubjectKey;
use walsift::pg::{Client, Dsn, Pool, Session};
use walsift::publish::Remote;
use walsift::queue::{self, Demand, Entry, Job, Owner, Priority, Progress, RouteId, Worker};
use walsift::record::{self, Ending, Held, Pace, Settlement, Tally};
use walsift::wal::{Lsn, read_identity};

const SCHEMA: &str = "walsift";
const SLOT: &str = "walsift";
const FINGERPRINT: &str = "the shape of its documents";

/// Much longer than anybody looks on.
const LEASE: Duration = Duration::from_hours(24);

/// Commits in which the changes of one turn are, as far as progress is concerned.
const COMMITS: u64 = 50;

/// One route with so many subjects, and a worker.
pub struct Mill {
    pub pool: Pool,
    pub route: RouteId,
    pub worker: Worker,
    subjects: u64,
    progress: Progress,
    changes: u64,
}

impl Mill {
    pub async fn new(url: &str, subjects: u64) -> Mill {
        let (mut client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let tx = client.transaction().await.unwrap();
        record::migrate(&tx, SCHEMA).await.unwrap();
        let pair = ("orders".to_owned(), "shop_api".to_owned());
        let route = queue::ensure_routes(&tx, &[pair]).await.unwrap().remove(0).id;
        queue::set_at_work(&tx, route, FINGERPRINT, "").await.unwrap();
        let server = read_identity(&tx).await.unwrap();
        let progress = Progress { server, lsn: Lsn(1) };
        queue::replace_progress(&tx, SLOT, progress).await.unwrap();
        tx.commit().await.unwrap();
        let session = Session {
            search_path: Some(SCHEMA.to_owned()),
            statement_timeout: Duration::from_secs(20),
        };
        let pool = Pool::new(&url.parse::<Dsn>().unwrap(), &session, 10).unwrap();
        let (client, owner) = (pool.get().await.unwrap(), Owner::current());
        let worker = Worker::register(&client, &owner, LEASE, None).await.unwrap();
        Mill {
            pool,
            route,
            worker,
            subjects,
            progress,
            changes: 0,
        }
    }

    pub async fn client(&self) -> Client {
        self.pool.get().await.unwrap()
    }

    /// So many changes, with the progress of as many commits, until nothing is left of them. Returns how long the claim took.
    pub async fn turn(&mut self, changes: u64) -> Duration {
        let mut client = self.client().await;
        let tx = client.transaction().await.unwrap();
        let keys = (self.changes..self.changes + changes).map(|change| change % self.subjects);
        let entries = keys.map(|key| self.entry(&key.to_string())).collect();
        let enqueued = queue::enqueue(&tx, entries, Priority::Normal, Duration::ZERO).await;
        enqueued.unwrap();
        for _ in 0..changes.min(COMMITS) {
            let to = Lsn(self.progress.lsn.0 + 100);
            assert!(
                queue::write_progress(&tx, SLOT, self.progress, to, None).await.unwrap(),
                "progress is another one"
            );
            self.progress.lsn = to;
        }
        tx.commit().await.unwrap();
        self.changes += changes;

        let began = Instant::now();
        let jobs = self.claim(&mut client).await;
        let took = began.elapsed();
        assert_eq!(jobs.len() as u64, changes.min(self.subjects), "jobs claimed");
        self.settle(&mut client, &jobs).await;
        let tally = Tally::from([((self.route, "upsert"), changes)]);
        record::add_tally(&client, &tally).await.unwrap();
        assert!(self.worker.renew(&client).await.unwrap());
        took
    }

    pub fn entry(&self, key: &str) -> Entry {
        Entry {
            route: self.route,
            key: SubjectKey::new([key].into_iter()),
            changed_at: Some(SystemTime::now()),
        }
    }

    pub async fn claim(&self, client: &mut Client) -> Vec<Job> {
        let demand = Demand {
            route: self.route,
            fingerprint: FINGERPRINT,
            most: 500,
            most_bulk: 500,
        };
        queue::claim(client, &[demand], &self.worker).await.unwrap().remove(0)
    }

    /// All of them are accepted.
    pub async fn settle(&self, client: &mut Client, jobs: &[Job]) {
        let settlements: Vec<Settlement> = jobs.iter().map(accepted).collect();
        let settled = record::settle(client, self.route, self.worker.id.0, Pace::default(), &settlements).await;
        assert_eq!(settled.unwrap().lost, []);
    }

    /// What the compactor does when it looks. Returns the tables that were rebuilt.
    pub async fn compact(&self) -> Vec<&'static str> {
        let client = self.client().await;
        let mut rebuilt = Vec::new();
        for bloated in record::bloated(&client).await.unwrap() {
            if record::rebuild(&client, bloated).await.is_ok() {
                rebuilt.push(bloated.table);
            }
        }
        rebuilt
    }

    /// What each table takes with its indexes, in bytes.
    pub async fn sizes(&self) -> BTreeMap<String, i64> {
        let sql = "select relname::text, pg_total_relation_size(oid) from pg_class
                    where relnamespace = 'walsift'::regnamespace and relkind = 'r'";
        let rows = self.client().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

fn accepted(job: &Job) -> Settlement {
    let held = Held::from(job);
    // Another one for each version.
    let digest = Digest::from_bytes(i128::from(job.version).to_be_bytes());
    let ending = Ending::Accepted {
        document: Some(digest),
        packed: None,
        version: job.version,
        keep: false,
    };
    Settlement {
        remote: Remote::Same,
        job: held,
        ending,
        attempt: None,
    }
}

/// A session with a snapshot that it keeps: what dies after it stays.
pub async fn old_snapshot(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let open = "begin isolation level repeatable read; select count(*) from pg_class";
    client.batch_execute(open).await.unwrap();
    client
}
