//! The statements that run all the time find their rows by index, whatever the sizes of the tables.

use serde_json::Value;
use tokio_postgres::Client;

use crate::world::World;

/// A state with many rows in each table, in a session that plans like one that has prepared its statements long ago.
async fn full_state(world: &World) -> Client {
    let mut client = world.connect().await;
    let tx = client.transaction().await.unwrap();
    walsift::record::migrate(&tx, "walsift").await.unwrap();
    tx.commit().await.unwrap();
    client
        .batch_execute(
            "set search_path = walsift;
             insert into route (sync, sink, fingerprint) select 'sync ' || n, 'sink', 'f' from generate_series(1, 5) n;
             insert into worker (owner, started_at, expires_at) select n, now(), now() + interval '1 day' from generate_series(1, 20) n;
             insert into job (route, key, priority, run_at, created_at, worker)
             select 1 + n % 5, n, n % 4, now() + (n - 25000) * interval '1 s', now(), case when n % 3 = 0 then 1 + n % 20 end
               from generate_series(1, 50000) n;
             insert into state (route, key, digest, version)
             select 1 + n % 5, n, decode(repeat('ab', 16), 'hex'), n from generate_series(1, 100000) n;
             insert into finished_job (id, route, key, state, attempts, created_at, finished_at, superseded_at)
             select n, 1 + n % 5, n, (array['succeeded', 'failed', 'dead', 'canceled'])[1 + n % 4], 1,
                    now(), now() - n * interval '1 min', case when n % 100 > 0 then now() end
               from generate_series(1, 50000) n;
             insert into attempt (job, number, started_at, finished_at, outcome, certain, operation, version)
             select n, m, now(), now(), 'retry', true, 'upsert', n from generate_series(1, 50000) n, generate_series(1, 2) m;
             insert into visit (route, kind, argument, priority, created_at, run_at) select 1 + n % 5, 'subjects', '[]', 3, now(), now() from generate_series(1, 20) n;
             insert into backfill (route, cause, walk, reconcile, created_at, run_at, finished_at, outcome)
             select 1 + n % 5, 'asked', 'end', false, now(), now(), now(), 'done' from generate_series(1, 50000) n;
             insert into backfill (route, cause, walk, reconcile, created_at, run_at) select n, 'asked', 'source', false, now(), now()
               from generate_series(1, 5) n;
             insert into chunk (backfill, route, keys, worker, version, created_at)
             select 50000 + n, n, array(select (n * 1000 + m)::text from generate_series(1, 500) m), 1, 1, now() from generate_series(1, 5) n;
             analyze;
             set plan_cache_mode = force_generic_plan",
        )
        .await
        .unwrap();
    client
}

/// How a statement is carried out whatever its parameters are.
async fn plan(client: &Client, sql: &str) -> Value {
    client.batch_execute(&format!("prepare hot as {sql}")).await.unwrap();
    let count = "select cardinality(parameter_types) from pg_prepared_statements where name = 'hot'";
    let count: i32 = client.query_one(count, &[]).await.unwrap().get(0);
    let nulls = vec!["null"; usize::try_from(count).unwrap()].join(", ");
    let explain = format!("explain (format json) execute hot({nulls})");
    let plan = client.query_one(&explain, &[]).await.unwrap().get(0);
    client.batch_execute("deallocate hot").await.unwrap();
    plan
}

/// Those of the large tables that a statement reads from end to end.
async fn read_from_end_to_end(client: &Client, sql: &str) -> Vec<String> {
    let mut read = Vec::new();
    gather(&plan(client, sql).await, &mut read);
    read
}

fn gather(plan: &Value, read: &mut Vec<String>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| gather(part, read)),
        Value::Object(node) => {
            let table = node.get("Relation Name").and_then(Value::as_str).unwrap_or_default();
            if node.get("Node Type").and_then(Value::as_str) == Some("Seq Scan") && is_large(table) {
                read.push(table.to_owned());
            }
            node.values().for_each(|part| gather(part, read));
        }
        _ => {}
    }
}

fn is_large(table: &str) -> bool {
    ["job", "state", "finished_job", "attempt", "backfill"].contains(&table)
}

macro_rules! hot {
    ($($file:literal),* $(,)?) => {
        [$(($file, include_str!(concat!("../../sql/", $file)))),*]
    };
}

#[tokio::test]
async fn statements_that_run_all_the_time_read_no_table_from_end_to_end() {
    let world = World::new().await;
    let client = full_state(&world).await;
    let statements = hot! {
        "queue/lock_due.sql",
        "queue/claim.sql",
        "queue/next_due.sql",
        "queue/backlog.sql",
        "queue/known_page.sql",
        "queue/enqueue.sql",
        "record/settle_lock.sql",
        "record/accept.sql",
        "record/void.sql",
        "record/forget.sql",
        "record/supersede.sql",
        "record/delete_jobs.sql",
        "record/renew_jobs.sql",
        "record/release_jobs.sql",
        "record/retry_jobs.sql",
        "record/finish_jobs.sql",
        "record/prune.sql",
        "backfill/open.sql",
        "backfill/ready.sql",
        "backfill/advance.sql",
        "backfill/busy.sql",
        "backfill/force.sql",
        "backfill/doubt_jobs.sql",
        "backfill/members.sql",
        "backfill/take_over.sql",
        "backfill/make_jobs.sql",
        "backfill/finish.sql",
        "queue/heed.sql",
    };
    for (file, sql) in statements {
        let read = read_from_end_to_end(&client, sql).await;
        assert_eq!(read, [""; 0], "{file} reads tables from end to end");
    }
    // The test knows one when it sees it.
    let whole = "select count(*) from job where touched = $1";
    assert_eq!(read_from_end_to_end(&client, whole).await, ["job"]);
}

/// What a settlement asks of the dead letters costs a look at an index that has as many entries as dead letters are open.
#[tokio::test]
async fn closing_dead_letters_asks_the_index_of_those_that_are_open() {
    let world = World::new().await;
    let client = full_state(&world).await;
    let plan = plan(&client, include_str!("../../sql/record/supersede.sql")).await;
    assert!(plan.to_string().contains("finished_job_open"), "{plan:#}");
}
