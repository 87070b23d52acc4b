//! The world that tests live in.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use walsift::demo::Receiver;

use crate::world::{DEADLINE, Engine, Nudge, SHOP, SHOP_ORDERS, World, eventually, field, http_client};

#[tokio::test]
async fn worlds_do_not_see_each_other() {
    let (one, other) = (World::new().await, World::new().await);
    one.sql("create table t (n int); insert into t values (1)").await;
    other.sql("create table t (n int)").await;
    assert_eq!(one.value::<i64>("select count(*) from t").await, 1);
    assert_eq!(other.value::<i64>("select count(*) from t").await, 0);
    assert_ne!(one.slot(), other.slot());
}

#[tokio::test]
async fn a_world_takes_its_database_and_its_slot_with_it() {
    let (stays, goes) = (World::new().await, World::new().await);
    goes.sql("select pg_create_logical_replication_slot('goes', 'pgoutput')")
        .await;
    let database: String = goes.value("select current_database()::text").await;
    drop(goes);
    assert!(
        stays
            .query("select from pg_database where datname = $1", &[&database])
            .await
            .is_empty()
    );
    assert!(
        stays
            .query("select from pg_replication_slots where slot_name = 'goes'", &[])
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_configuration_is_filled_in_where_it_says_nothing() {
    let world = World::new().await;
    let file = world.config(&format!(
        "{SHOP}\n[source]\nheartbeat = \"1s\"\n[sinks.shop_api]\ntimeout = \"2s\""
    ));
    let config: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
    assert_eq!(config["source"]["url"].as_str().unwrap(), world.url());
    assert_eq!(config["source"]["slot"].as_str().unwrap(), world.slot());
    assert_eq!(config["source"]["heartbeat"].as_str(), Some("1s"));
    assert_eq!(
        config["sinks"]["shop_api"]["url"].as_str().unwrap(),
        world.receiver().url() + "/orders/{id}"
    );
    assert_eq!(config["sinks"]["shop_api"]["timeout"].as_str(), Some("2s"));
    // The order of the file is the order of the document.
    let document = config["syncs"]["orders"]["document"].as_table().unwrap();
    assert_eq!(
        document.keys().collect::<Vec<_>>(),
        ["id", "order_status", "customer_full_name"]
    );

    let file = world.config("[sinks.shop_api]\ntype = \"stdout\"");
    let config: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
    assert_eq!(config["sinks"]["shop_api"].as_table().unwrap().len(), 1);
}

#[tokio::test]
async fn the_oracle_names_what_is_missing_stale_and_left_over() {
    let world = World::with_shop().await;
    world.stock_shop(2, 3).await;
    let statement = format!("select path, document::text from ({SHOP_ORDERS}) as o(path, document) order by path");
    let rows = world.query(&statement, &[]).await;
    assert_eq!(rows.len(), 3);
    for row in &rows {
        put(world.receiver(), row.get(0), row.get(1)).await;
    }
    put(world.receiver(), "/elsewhere/1", "{}").await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;

    world
        .sql("update customers set last_name = 'Lovelace' where id = 1; delete from orders where id = 1")
        .await;
    world.sql("insert into orders (id, customer_id) values (9, 2)").await;
    let divergence = world.divergence(SHOP_ORDERS, "/orders/").await.unwrap();
    let wanted = "wanted \"Ada 1 Lovelace\", held \"Ada 1 Byron\"";
    for part in [
        "missing (1):\n    /orders/9 {",
        "stale (1):\n    /orders/2\n",
        wanted,
        "left over (1):\n    /orders/1 {",
    ] {
        assert!(divergence.contains(part), "{part:?} is not in:\n{divergence}");
    }
}

#[tokio::test]
async fn the_oracle_compares_values_not_text() {
    let world = World::new().await;
    put(world.receiver(), "/a", "{ \"y\": [1.50, null], \"x\": 7.0 }").await;
    world
        .assert_converged("select '/a', '{\"x\":7,\"y\":[1.5,null]}'::json", "/a")
        .await;
    let divergence = world
        .divergence("select '/a', '{\"x\":7,\"y\":[1.5,0]}'::json", "/a")
        .await
        .unwrap();
    assert!(divergence.contains("/y/1: wanted 0, held null"), "{divergence}");
}

#[tokio::test]
async fn settled_means_read_up_to_here_and_nothing_left_to_do() {
    let world = World::new().await;
    let report = format!(
        "insert into walsift.progress values ('{}', pg_current_wal_lsn(), '{{1}}')",
        world.slot()
    );
    let engine = async {
        let tables = "create table walsift.job (); create table walsift.visit ();
            create table walsift.backfill (finished_at timestamptz)";
        world
            .sql("create schema walsift; create table walsift.progress (slot text, lsn pg_lsn, routes smallint[])")
            .await;
        world.sql(tables).await;
        world
            .sql("insert into walsift.job default values; insert into walsift.visit default values")
            .await;
        world.sql(&report).await;
        world.sql("delete from walsift.job").await;
        world.sql("delete from walsift.visit; create table last ()").await;
    };
    tokio::join!(world.settled(), engine);
    assert!(world.value::<bool>("select to_regclass('last') is not null").await);

    world.sql("truncate walsift.progress").await;
    let nudged = async || {
        let nudged = "select to_regclass('nudged') is not null";
        world.value::<bool>(nudged).await.then_some(())
    };
    let engine = async {
        eventually(DEADLINE, "the nudge", nudged).await;
        world.sql(&format!("{report}; create table reported ()")).await;
    };
    tokio::join!(world.settled_by(Nudge::Row("create table nudged ()")), engine);
    assert!(world.value::<bool>("select to_regclass('reported') is not null").await);
}

#[tokio::test]
async fn an_engine_is_heard_and_ends_with_its_status() {
    let mut engine = script("echo out; echo '{\"fields\":{\"message\":\"ready\"}}' >&2; exit 3");
    engine
        .wait_for_log(DEADLINE, "ready", |line| field(line, "message") == Some("ready"))
        .await;
    assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(3));
    assert_eq!((engine.output(), engine.log().len()), (vec!["out".to_owned()], 1));
}

#[tokio::test]
async fn an_engine_is_asked_to_leave_or_killed() {
    let ready = |line: &Value| field(line, "message") == Some("ready");
    let script_text =
        "trap 'kill $!; exit 7' TERM; sleep 600 >/dev/null 2>&1 & echo '{\"message\":\"ready\"}' >&2; wait";
    let mut polite = script(script_text);
    polite.wait_for_log(DEADLINE, "ready", ready).await;
    assert!(polite.resident_bytes_peak() > 0);
    polite.terminate();
    assert_eq!(polite.wait_exit(DEADLINE).await.code(), Some(7));

    let mut killed = script("exec sleep 600");
    killed.kill9();
    assert_eq!(killed.wait_exit(Duration::ZERO).await.code(), None);
    // What has ended can be ended again.
    killed.kill9();
    killed.terminate();
}

#[tokio::test]
async fn a_dropped_engine_is_dead() {
    let engine = script("exec sleep 600");
    let process = std::path::PathBuf::from(format!("/proc/{}", engine.id()));
    assert!(process.exists());
    drop(engine);
    assert!(!process.exists());
}

#[tokio::test]
async fn an_engine_dies_with_the_process_that_started_it() {
    // Stands in for the kernel, which closes our end of the guard's pipe when we are killed.
    let mut engine = script("exec sleep 600");
    engine.abandon();
    assert_eq!(engine.wait_exit(DEADLINE).await.code(), None);
}

#[tokio::test]
async fn the_admin_address_is_learnt_from_the_log() {
    let world = World::new().await;
    put(world.receiver(), "/healthz", "{}").await;
    let line = format!(
        r#"{{"fields":{{"message":"admin listening","address":"{}"}}}}"#,
        world.receiver().address()
    );
    let engine = script(&format!("echo '{line}' >&2; exec sleep 600"));
    assert_eq!(engine.admin("/healthz").await, (200, "{}".to_owned()));
    assert_eq!(engine.admin("/nothing").await.0, 404);
}

#[tokio::test]
#[should_panic(expected = "not within 50ms: the moon")]
async fn eventually_gives_up() {
    eventually(Duration::from_millis(50), "the moon", async || None::<()>).await;
}

fn script(text: &str) -> Engine {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", text]);
    Engine::spawn(command)
}

async fn put(receiver: &Receiver, path: &str, body: &str) {
    let answer = http_client()
        .put(receiver.url() + path)
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
}
