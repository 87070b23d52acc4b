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
             insert into visit (route, kind, priority, created_at, run_at) select 1 + n % 5, 'all', 3, now(), now() from generate_series(1, 20) n;
             analyze;
             set plan_cache_mode = force_generic_plan",
        )
        .await
        .unwrap();
    client
}

/// Those of these tables that the statement reads from end to end.
async fn read_from_end_to_end(client: &Client, sql: &str, arguments: &str) -> Vec<String> {
    client.batch_execute(&format!("prepare hot as {sql}")).await.unwrap();
    let explain = format!("explain (format json) execute hot({arguments})");
    let plan: Value = client.query_one(&explain, &[]).await.unwrap().get(0);
    client.batch_execute("deallocate hot").await.unwrap();
    let mut read = Vec::new();
    gather(&plan, &mut read);
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
    ["job", "state", "finished_job", "attempt"].contains(&table)
}

macro_rules! hot {
    ($($file:literal: $arguments:expr),* $(,)?) => {
        [$(($file, include_str!(concat!("../../sql/", $file)), $arguments)),*]
    };
}

#[tokio::test]
async fn statements_that_run_all_the_time_read_no_table_from_end_to_end() {
    let world = World::new().await;
    let client = full_state(&world).await;
    let (keys, ids) = ("array['7', '8']", "array[7, 8]::bigint[]");
    let digests = "array[decode(repeat('ab', 16), 'hex'), null]";
    let names = "array['a', null]";
    let statements = hot! {
        "queue/lock_due.sql": "1::smallint, 500, 'f', 500, 1".to_owned(),
        "queue/claim.sql": format!("{ids}, 1"),
        "queue/next_due.sql": "array[1, 2]::smallint[]".to_owned(),
        "queue/backlog.sql": "1::smallint, 3::smallint, 10000".to_owned(),
        "queue/known_page.sql": "1::smallint, '', 2000, true".to_owned(),
        "queue/enqueue.sql":
            format!("array[1, 1]::smallint[], {keys}, array[now(), now()], 1::smallint, 0.0"),
        "record/settle_lock.sql": format!("{ids}, 1"),
        "record/accept.sql": format!("1::smallint, {keys}, {digests}, {ids}, false, {names}, true"),
        "record/void.sql": format!("1::smallint, {keys}, {ids}, {names}, true"),
        "record/forget.sql": format!("1::smallint, {keys}"),
        "record/supersede.sql": format!("1::smallint, {keys}, {ids}"),
        "record/delete_jobs.sql": ids.to_owned(),
        "record/renew_jobs.sql": format!("{ids}, array[0, 0]::float8[], array[true, false]"),
        "record/release_jobs.sql": format!("{ids}, array[0, 0]::float8[], array[0, 0]::float8[]"),
        "record/retry_jobs.sql":
            format!("{ids}, array[0, 0]::float8[], array[0, 0]::float8[], {ids}, {digests}, array[true, false]"),
        "record/finish_jobs.sql":
            format!("{ids}, array['dead', 'dead'], array[1, 1]::smallint[], {names}, array[0, null]::float8[], array[true, true]"),
        "record/prune.sql": "'succeeded', 86400.0, 1000, now() - interval '2 days'".to_owned(),
    };
    for (file, sql, arguments) in statements {
        let read = read_from_end_to_end(&client, sql, &arguments).await;
        assert_eq!(read, [""; 0], "{file} reads tables from end to end");
    }
    // The test knows one when it sees it.
    let whole = "select count(*) from job where touched = $1";
    assert_eq!(read_from_end_to_end(&client, whole, "1").await, ["job"]);
}

/// What a settlement asks of the dead letters costs a look at an index that has as many entries as dead letters are open.
#[tokio::test]
async fn closing_dead_letters_asks_the_index_of_those_that_are_open() {
    let world = World::new().await;
    let client = full_state(&world).await;
    let sql = include_str!("../../sql/record/supersede.sql");
    client.batch_execute(&format!("prepare hot as {sql}")).await.unwrap();
    let explain = "explain execute hot(1::smallint, array['7'], array[7])";
    let rows = client.query(explain, &[]).await.unwrap();
    let plan: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("finished_job_open")), "{plan:#?}");
}
