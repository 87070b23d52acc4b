//! `walsift drain`.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use tokio_postgres::types::PgLsn;
use walsift::demo::{Behaviour, Ledger, Paths};

use crate::guarantees::journal::{assert_one_at_a_time, requests_by_path};
use crate::guarantees::let_go;
use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World, eventually, field};

/// Gives up in time, lest a test hang.
const WITHIN: &[&str] = &["--timeout", "100s"];

async fn drain(world: &World, config: &Path, arguments: &[&str]) -> Output {
    let arguments = [&["drain", "--config", config.to_str().unwrap()], arguments].concat();
    world.walsift(&arguments).await
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn assert_drained(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "drained: the processes have left\n"
    );
}

async fn reads(engine: &Engine) {
    let reading = |line: &serde_json::Value| field(line, "message") == Some("reading the slot");
    engine.wait_for_log(DEADLINE, "reading the slot", reading).await;
}

async fn drains(engine: &Engine) {
    let draining =
        |line: &serde_json::Value| field(line, "message").is_some_and(|message| message.starts_with("draining"));
    engine.wait_for_log(DEADLINE, "draining", draining).await;
}

const NOTHING_LEFT: &str = "select (select count(*) from walsift.job) + (select count(*) from walsift.visit) + (select count(*) from walsift.chunk) + (select count(*) from walsift.worker)";

#[tokio::test]
async fn a_drain_under_load_finishes_all_jobs_and_loses_nothing() {
    let world = World::with_shop().await;
    world.stock_shop(3, 100).await;
    let config = world.config(SHOP);
    let mut engines = [world.synced(&config).await, world.engine(&config)];
    let both = "select count(*) = 2 from walsift.worker";
    world.wait_until_true(both).await;
    let slow = Behaviour::Slow(Duration::from_millis(20));
    world.receiver().rule(Paths::All, slow);
    let mut round = 0;
    let writing = async {
        loop {
            round += 1;
            world.sql(&format!("update orders set status = 'round {round}'")).await;
        }
    };
    let output = tokio::select! {
        output = drain(&world, &config, WITHIN) => output,
        () = writing => unreachable!("it goes on for ever"),
    };
    assert_drained(&output);
    for engine in &mut engines {
        assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(0));
    }
    assert_eq!(world.value::<i64>(NOTHING_LEFT).await, 0);
    let sql = "select confirmed_flush_lsn from pg_replication_slots where slot_name = $1";
    let confirmed: PgLsn = world.query_one(sql, &[&world.slot()]).await.get(0);
    assert!(confirmed >= world.value::<PgLsn>("select lsn from walsift.progress").await);
    let sent = world.receiver().request_count();
    assert!(sent > 100, "there was no load");

    world.receiver().clear_rules();
    let _engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

/// The old process cannot leave before the sink answers; the new one reads in the meantime.
#[tokio::test]
async fn a_process_that_starts_later_takes_over_and_stays() {
    let world = World::with_shop().await;
    world.stock_shop(1, 20).await;
    let config = world.config(&format!("{SHOP}\n[sinks.shop_api]\ntimeout = \"60s\""));
    let mut old = world.synced(&config).await;
    world.receiver().clear_journal();
    world.receiver().rule(Paths::exact("/orders/1"), Behaviour::Hold);
    world.sql("update orders set status = 'old' where id = 1").await;
    let held = |ledger: &Ledger| ledger.in_flight() == 1;
    world.receiver().wait_until(DEADLINE, held).await.unwrap();

    let upgrade = async {
        drains(&old).await;
        let new = world.engine(&config);
        reads(&new).await;
        world.sql("update orders set status = 'later' where id > 1").await;
        let sent = |ledger: &Ledger| {
            ledger
                .held()
                .values()
                .filter(|held| held.body.contains("later"))
                .count()
                == 19
        };
        world.receiver().wait_until(DEADLINE, sent).await.unwrap();
        world.receiver().clear_rules();
        let_go(&world).await;
        new
    };
    let (output, _new) = tokio::join!(drain(&world, &config, WITHIN), upgrade);
    assert_drained(&output);
    assert_eq!(old.wait_exit(DEADLINE).await.code(), Some(0));
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let requests = requests_by_path(world.receiver());
    assert!(requests.values().all(|&count| count == 1), "{requests:?}");
    let stays = "select count(*) from walsift.worker where not draining";
    assert_eq!(world.value::<i64>(stays).await, 1);
}

#[tokio::test]
async fn a_drain_that_takes_too_long_is_taken_back() {
    let world = World::with_shop().await;
    world.stock_shop(1, 10).await;
    let config = world.config(SHOP);
    let engine = world.synced(&config).await;
    world
        .sql("insert into walsift.pause values ('sync', 'orders', now())")
        .await;
    world.sql("update orders set status = 'waits' where id <= 3").await;
    world.wait_until_true("select count(*) = 3 from walsift.job").await;

    // Long enough for the process to hear of it.
    let output = drain(&world, &config, &["--timeout", "4s"]).await;
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains("1 process draining: 3 jobs left\n"), "{text}");
    assert!(
        text.ends_with("not drained: 3 jobs left; the processes go on as before\n"),
        "{text}"
    );
    assert_eq!(
        world
            .value::<i64>("select count(*) from walsift.worker where draining")
            .await,
        0
    );
    drains(&engine).await;

    // It reads again, and has lost nothing of what was written meanwhile.
    world.sql("update orders set status = 'read' where id > 3").await;
    world.wait_until_true("select count(*) = 10 from walsift.job").await;
    world.sql("delete from walsift.pause").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// Jobs that were put off are waited for.
#[tokio::test]
async fn a_drain_waits_for_what_will_be_tried_again() {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let config = world.config(&format!(
        "{SHOP}\n[sinks.shop_api]\nretry = {{ attempts = 5, base = \"3s\", max = \"3s\" }}"
    ));
    let mut engine = world.synced(&config).await;
    world.receiver().rule_for_next(3, Paths::All, Behaviour::answer(503));
    world.sql("update orders set status = 'paid'").await;
    world
        .wait_until_true("select count(*) = 3 from walsift.job where attempts = 1 and worker is null")
        .await;
    assert_drained(&drain(&world, &config, WITHIN).await);
    assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(0));
    assert_eq!(world.value::<i64>(NOTHING_LEFT).await, 0);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_drain_of_nobody_says_so() {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let config = world.config(SHOP);
    let output = drain(&world, &config, WITHIN).await;
    assert_eq!(output.status.code(), Some(3));
    let mut engine = world.synced(&config).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let output = drain(&world, &config, &["--json"]).await;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), json),
        (
            Some(0),
            serde_json::json!({"drained": true, "jobs": 0, "visits": 0, "backfills": 0, "continued": false})
        )
    );
    let job = "insert into walsift.job (route, key, priority, run_at, created_at) values (1, '1', 1, now(), now())";
    world.sql(job).await;
    let output = drain(&world, &config, WITHIN).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said(&output), "no process is at work, and 1 job left\n");
}

#[tokio::test]
async fn a_drain_that_is_interrupted_is_taken_back() {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let config = world.config(SHOP);
    let engine = world.synced(&config).await;
    world
        .sql("insert into walsift.pause values ('sink', 'shop_api', now())")
        .await;
    world.sql("update orders set status = 'waits'").await;
    world.wait_until_true("select count(*) = 3 from walsift.job").await;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_walsift"));
    command.args(["drain", "--config"]).arg(&config);
    let mut asking = Engine::spawn(command);
    drains(&engine).await;
    asking.terminate();
    assert_eq!(asking.wait_exit(DEADLINE).await.code(), Some(1));
    let back = |line: &serde_json::Value| field(line, "message").is_some_and(|message| message.contains("taken back"));
    engine.wait_for_log(DEADLINE, "taken back", back).await;
    eventually(DEADLINE, "the slot being read", async || {
        let sql = "select active from pg_replication_slots where slot_name = $1";
        world
            .query_one(sql, &[&world.slot()])
            .await
            .get::<_, bool>(0)
            .then_some(())
    })
    .await;
}
