//! Tables that stay compact while somebody holds an old snapshot, so that vacuum may remove nothing.

#[allow(dead_code, reason = "the benchmark has it, too")]
pub mod mill;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};
use walsift::mapping::SubjectKey;
use walsift::pg;
use walsift::queue::{self, Priority};
use walsift::record::{self, Bloated};

use crate::world::{DEADLINE, SHOP, World, eventually};
use mill::{Mill, old_snapshot};

const TABLES: [&str; 8] = [
    "job",
    "state",
    "progress",
    "worker",
    "tally",
    "visit",
    "finished_job",
    "attempt",
];

const MEBIBYTE: i64 = 1 << 20;

/// Rebuilds whatever the size.
async fn rebuild(client: &pg::Client, table: &'static str) -> Result<i64, pg::Error> {
    record::rebuild(client, Bloated { table, bytes: 0 }).await
}

#[tokio::test]
async fn an_old_snapshot_does_not_make_the_tables_grow() {
    let world = World::new().await;
    let mut mill = Mill::new(&world.url(), 1_000).await;
    let snapshot = old_snapshot(&world.url()).await;
    // Without rebuilding: as it would go on and on.
    for _ in 0..75 {
        mill.turn(400).await;
    }
    let grown = mill.sizes().await;
    assert!(grown["job"] > 6 * MEBIBYTE, "{grown:?}");
    assert!(grown["state"] > 2 * MEBIBYTE, "{grown:?}");
    assert!(grown["progress"] > MEBIBYTE / 4, "{grown:?}");

    mill.compact().await;
    let compact = mill.sizes().await;
    assert!(compact["job"] < MEBIBYTE / 8, "{compact:?}");
    assert!(compact["state"] < MEBIBYTE / 2, "{compact:?}");
    assert!(compact["progress"] < MEBIBYTE / 8, "{compact:?}");

    // With looks at equal intervals: as large as what makes them do something, and no larger.
    let mut most: BTreeMap<String, i64> = BTreeMap::new();
    for _ in 0..20 {
        for _ in 0..5 {
            mill.turn(400).await;
        }
        for (table, bytes) in mill.sizes().await {
            let most = most.entry(table).or_default();
            *most = bytes.max(*most);
        }
        mill.compact().await;
    }
    assert!(most["job"] < 3 * MEBIBYTE, "{most:?}");
    assert!(most["state"] < 3 * MEBIBYTE, "{most:?}");
    assert!(most["progress"] < MEBIBYTE / 2, "{most:?}");
    drop(snapshot);
}

#[tokio::test]
async fn what_is_rebuilt_is_what_it_was() {
    let world = World::new().await;
    let mut mill = Mill::new(&world.url(), 50).await;
    mill.turn(50).await;
    world
        .sql(
            "insert into walsift.job (route, key, priority, run_at, created_at, sent_digest)
             select 1, 'waits ' || n, n % 4, now() + n * interval '1 s', now(), decode(repeat('ab', 16), 'hex') from generate_series(1, 100) n;
             insert into walsift.visit (route, kind, argument, priority, created_at, run_at)
             select 1, 'subjects', (select jsonb_agg(md5(m::text)) from generate_series(1, 5000) m), 1, now(), now() from generate_series(1, 3);
             insert into walsift.finished_job (id, route, key, state, attempts, created_at, finished_at)
             select n, 1, n, 'dead', 2, now(), now() from generate_series(1, 100) n;
             insert into walsift.attempt (job, number, started_at, finished_at, outcome, certain, operation, version)
             select n, 1, now(), now(), 'retry', true, 'upsert', n from generate_series(1, 100) n",
        )
        .await;
    let contents = async |table: &str| {
        let sql = format!("select string_agg(t::text, e'\\n' order by t::text) from walsift.{table} t");
        world.value::<Option<String>>(&sql).await
    };
    let client = mill.client().await;
    for table in TABLES {
        let file = format!("select pg_relation_filenode('walsift.{table}')");
        let (before, file_before) = (contents(table).await, world.value::<u32>(&file).await);
        assert!(before.is_some(), "{table} is empty");
        rebuild(&client, table).await.unwrap();
        assert_eq!(contents(table).await, before, "{table}");
        assert_ne!(
            world.value::<u32>(&file).await,
            file_before,
            "{table} has not been rebuilt"
        );
    }
    // Numbers go on, and what must be unique is.
    let highest: i64 = world.value("select max(id) from walsift.job").await;
    let next = "insert into walsift.job (route, key, priority, run_at, created_at) values (1, 'new', 1, now(), now()) returning id";
    assert!(world.value::<i64>(next).await > highest);
    let again = client.batch_execute(next).await.unwrap_err();
    assert_eq!(again.code(), Some(&SqlState::UNIQUE_VIOLATION));
}

#[tokio::test]
async fn a_table_with_many_rows_stays_as_it_is() {
    let world = World::new().await;
    let mill = Mill::new(&world.url(), 1).await;
    let _snapshot = old_snapshot(&world.url()).await;
    let many = "insert into walsift.state (route, key, version) select 1, n, n from generate_series(1, 20001) n";
    world.sql(many).await;
    for _ in 0..20 {
        world.sql("update walsift.state set version = version + 1").await;
    }
    assert!(mill.sizes().await["state"] > 16 * MEBIBYTE);
    assert_eq!(mill.compact().await, [""; 0]);
    let file = "select pg_relation_filenode('walsift.state')";
    let before: u32 = world.value(file).await;
    rebuild(&mill.client().await, "state").await.unwrap();
    assert_eq!(
        world.value::<u32>(file).await,
        before,
        "too many rows were taken under the lock"
    );

    world.sql("delete from walsift.state where key = '1'").await;
    assert_eq!(mill.compact().await, ["state"]);
    assert_eq!(world.value::<i64>("select count(*) from walsift.state").await, 20_000);
}

#[tokio::test]
async fn a_table_that_somebody_holds_is_left_alone() {
    let world = World::new().await;
    let mill = Mill::new(&world.url(), 1).await;
    let dump = world.connect().await;
    dump.batch_execute("begin; lock table walsift.job in access share mode")
        .await
        .unwrap();
    let client = mill.client().await;
    let refused = rebuild(&client, "job").await.unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::LOCK_NOT_AVAILABLE));
    // Nothing of it is left: the session is as good as before, and nobody waits behind it.
    rebuild(&client, "state").await.unwrap();
    world.sql("update walsift.job set touched = 0").await;
    dump.batch_execute("commit").await.unwrap();
    rebuild(&client, "job").await.unwrap();
}

#[tokio::test]
async fn one_process_at_a_time_rebuilds() {
    let world = World::new().await;
    let mill = Mill::new(&world.url(), 1).await;
    let (one, other) = (mill.client().await, mill.client().await);
    one.batch_execute("begin").await.unwrap();
    rebuild(&one, "job").await.unwrap();
    let file = "select pg_relation_filenode('walsift.state')";
    let before: u32 = world.value(file).await;
    rebuild(&other, "state").await.unwrap();
    assert_eq!(world.value::<u32>(file).await, before);
    one.batch_execute("rollback").await.unwrap();
    // One who looked before is late now.
    let seen = mill.sizes().await["state"] + 1;
    let late = Bloated {
        table: "state",
        bytes: seen,
    };
    record::rebuild(&other, late).await.unwrap();
    assert_eq!(world.value::<u32>(file).await, before);
    rebuild(&other, "state").await.unwrap();
    assert_ne!(world.value::<u32>(file).await, before);
}

/// A table that is being rebuilt, by a session that holds it until it is told to let go.
struct Rebuilding<'a> {
    world: &'a World,
    client: pg::Client,
}

impl<'a> Rebuilding<'a> {
    async fn begin(world: &'a World, mill: &Mill, table: &'static str) -> Rebuilding<'a> {
        let client = mill.client().await;
        client.batch_execute("begin").await.unwrap();
        rebuild(&client, table).await.unwrap();
        Rebuilding { world, client }
    }

    /// Commits once somebody waits for it.
    async fn end_when_waited_for(self) {
        let waits = "select exists (select from pg_locks l join pg_database d on d.oid = l.database
                                     where not l.granted and d.datname = current_database())";
        self.world.wait_until_true(waits).await;
        self.client.batch_execute("commit").await.unwrap();
    }
}

/// Truncation heeds no snapshot, so that all hangs on statements that take theirs after their locks.
#[tokio::test]
async fn a_statement_that_waits_for_a_rebuild_sees_every_row() {
    let world = World::new().await;
    let mut mill = Mill::new(&world.url(), 100).await;
    mill.turn(100).await;
    let client = world.connect().await;
    let count = "select count(*) from walsift.state";
    let prepared = client.prepare(count).await.unwrap();
    for _ in 0..10 {
        // By now its plan is kept.
        client.query_one(&prepared, &[]).await.unwrap();
    }
    for way in ["simple", "extended", "prepared", "in a transaction"] {
        let rebuilding = Rebuilding::begin(&world, &mill, "state").await;
        let counted = async {
            match way {
                "simple" => simple(&client, count).await,
                "extended" => client.query_one(count, &[]).await.unwrap().get(0),
                "prepared" => client.query_one(&prepared, &[]).await.unwrap().get(0),
                _ => {
                    let begin = "begin; select count(*) from walsift.job";
                    client.batch_execute(begin).await.unwrap();
                    let counted = client.query_one(&prepared, &[]).await.unwrap().get(0);
                    client.batch_execute("commit").await.unwrap();
                    counted
                }
            }
        };
        let (counted, ()): (i64, ()) = tokio::join!(counted, rebuilding.end_when_waited_for());
        assert_eq!(counted, 100, "{way}");
    }

    // What it would be like otherwise, so that the above shows something.
    let rebuilding = Rebuilding::begin(&world, &mill, "state").await;
    let old = old_snapshot(&world.url()).await;
    let (counted, ()) = tokio::join!(simple(&old, count), rebuilding.end_when_waited_for());
    assert_eq!(counted, 0);
}

async fn simple(client: &Client, sql: &str) -> i64 {
    let answers = client.simple_query(sql).await.unwrap();
    let value = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    value.unwrap().parse().unwrap()
}

/// It looks for the worker of each job in a table that is empty to an old snapshot.
#[tokio::test]
async fn a_claim_that_waits_for_a_rebuild_takes_nobodys_jobs() {
    let world = World::new().await;
    let mill = Mill::new(&world.url(), 100).await;
    let mut client = mill.client().await;
    let tx = client.transaction().await.unwrap();
    let entries = (0..10).map(|key| mill.entry(&key.to_string())).collect();
    queue::enqueue(&tx, entries, Priority::Normal, Duration::ZERO)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(mill.claim(&mut client).await.len(), 10);

    for table in ["worker", "job"] {
        let rebuilding = Rebuilding::begin(&world, &mill, table).await;
        let (claimed, ()) = tokio::join!(mill.claim(&mut client), rebuilding.end_when_waited_for());
        assert_eq!(claimed.len(), 0, "claimed from a live worker while {table} was rebuilt");
    }
    // And it would claim them if there was no worker.
    world.sql("delete from walsift.worker").await;
    assert_eq!(mill.claim(&mut client).await.len(), 10);
}

#[tokio::test]
async fn every_session_of_ours_is_read_committed_whatever_the_database_says() {
    let world = World::new().await;
    let database = world.database();
    let setting = "set default_transaction_isolation = 'repeatable read'";
    world.sql(&format!("alter database {database} {setting}")).await;
    let mill = Mill::new(&world.url(), 1).await;
    let isolation = |row: tokio_postgres::Row| row.get::<_, String>(0);
    let show = "show transaction_isolation";
    let theirs = world.connect().await.query_one(show, &[]).await.unwrap();
    let ours = mill.client().await.query_one(show, &[]).await.unwrap();
    assert_eq!(
        (isolation(theirs), isolation(ours)),
        ("repeatable read".to_owned(), "read committed".to_owned())
    );
}

/// Jobs are made, claimed and settled while every table is rebuilt again and again.
#[tokio::test]
async fn nothing_is_lost_or_done_twice_while_tables_are_rebuilt() {
    const SUBJECTS: usize = 6_000;
    const TOGETHER: usize = 20;
    let world = World::new().await;
    let mill = Mill::new(&world.url(), 1).await;
    let (delivered, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));

    let intake = async {
        let mut client = mill.client().await;
        for first in (0..SUBJECTS).step_by(TOGETHER) {
            let tx = client.transaction().await.unwrap();
            let keys = first..first + TOGETHER;
            let entries = keys.map(|key| mill.entry(&key.to_string())).collect();
            let inserted = queue::enqueue(&tx, entries, Priority::Normal, Duration::ZERO).await;
            assert_eq!(inserted.unwrap(), TOGETHER as u64);
            tx.commit().await.unwrap();
        }
    };
    let lane = async || {
        let mut client = mill.client().await;
        while delivered.load(Ordering::Relaxed) < SUBJECTS {
            let jobs = mill.claim(&mut client).await;
            assert!(jobs.iter().all(|job| !job.uncertain), "taken from a live worker");
            delivered.fetch_add(jobs.len(), Ordering::Relaxed);
            mill.settle(&mut client, &jobs).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let compactor = async {
        let client = mill.client().await;
        let mut rebuilt = [0; TABLES.len()];
        while !is_over.load(Ordering::Relaxed) {
            for (table, rebuilt) in TABLES.into_iter().zip(&mut rebuilt) {
                match rebuild(&client, table).await {
                    Ok(_) => *rebuilt += 1,
                    Err(error) => assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE), "{error:?}"),
                }
            }
        }
        assert!(rebuilt.iter().all(|&times| times > 0), "{rebuilt:?}");
    };
    tokio::join!(intake, lane(), lane(), compactor);

    assert_eq!(delivered.into_inner(), SUBJECTS);
    assert_eq!(world.value::<i64>("select count(*) from walsift.job").await, 0);
    let keys = world
        .query("select key, digest is not null from walsift.state", &[])
        .await;
    assert!(keys.iter().all(|row| row.get(1)));
    let mut keys: Vec<String> = keys.iter().map(|row| row.get(0)).collect();
    keys.sort_unstable();
    let mut wanted: Vec<String> = (0..SUBJECTS)
        .map(|key| {
            SubjectKey::new([key.to_string().as_str()].into_iter())
                .as_str()
                .to_owned()
        })
        .collect();
    wanted.sort_unstable();
    assert_eq!(keys, wanted);
}

#[tokio::test]
async fn a_running_process_keeps_its_tables_compact() {
    let world = World::with_shop().await;
    world.stock_shop(1, 5).await;
    let _snapshot = old_snapshot(&world.url()).await;
    let _engine = world.synced(&world.config(SHOP)).await;
    // Of a route that nobody works on, so that nobody else takes them away.
    let ended = "with made as (
                     insert into walsift.job (route, key, priority, run_at, created_at)
                     select 99, n, 1, now(), now() from generate_series(1, 20000) n returning id)
                 select count(*) from made";
    world.sql(ended).await;
    world.sql("delete from walsift.job").await;
    let size = "select pg_total_relation_size('walsift.job')";
    assert!(world.value::<i64>(size).await > 3 * MEBIBYTE);
    eventually(DEADLINE, "a small table of jobs", async || {
        (world.value::<i64>(size).await < MEBIBYTE / 4).then_some(())
    })
    .await;
    world.sql("update orders set status = 'paid'").await;
    world.settled().await;
    world.assert_converged(crate::world::SHOP_ORDERS, "/orders/").await;
}
