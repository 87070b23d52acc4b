//! Backfills: all subjects of a sync, or some, are visited in chunks, beside live changes.

mod kills;
mod million;
mod verb;

use std::path::{Path, PathBuf};

use serde_json::Value;
use walsift::demo::{Behaviour, Ledger, Paths};

use crate::guarantees::journal::assert_one_at_a_time;
use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World, eventually};

/// Whatever is sent is worth a request of its own, and chunks are small.
const SMALL: &str = "\n[engine]\nbatch = 20\n";

/// In step, and nothing noted of what it took.
async fn in_step(orders: u32, more: &str) -> (World, PathBuf, Engine) {
    let world = World::with_shop().await;
    world.stock_shop(3, orders).await;
    let config = world.config(&format!("{SHOP}{more}"));
    let engine = world.synced(&config).await;
    world.receiver().clear_journal();
    (world, config, engine)
}

/// Status and what was said, of `walsift backfill …`.
async fn backfill(world: &World, config: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let file = ["--config", config.to_str().unwrap()];
    let output = world.walsift(&[&["backfill"][..], arguments, &file].concat()).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// One that has to go well.
async fn done(world: &World, config: &Path, arguments: &[&str]) {
    let (code, out, err) = backfill(world, config, arguments).await;
    assert_eq!(code, Some(0), "{out}{err}");
}

/// The backfills as `--json` shows them.
async fn listed(world: &World, config: &Path, arguments: &[&str]) -> Vec<Value> {
    let (code, out, err) = backfill(world, config, &[arguments, &["--json"]].concat()).await;
    assert_eq!(code, Some(0), "{out}{err}");
    let facts: Value = serde_json::from_str(&out).unwrap();
    facts["backfills"].as_array().unwrap().clone()
}

/// One that was asked for and waited for.
async fn asked(world: &World, config: &Path, arguments: &[&str]) -> Value {
    let backfills = listed(world, config, &[&["orders", "--wait"], arguments].concat()).await;
    assert_eq!(backfills.len(), 1, "{backfills:?}");
    backfills[0].clone()
}

/// Counts the rows that are ever made in the table of jobs.
async fn count_jobs(world: &World) {
    world
        .sql(
            "create table made (key text);
             create function note() returns trigger language plpgsql security definer set search_path = public as
             $$ begin insert into made values (new.key); return new; end $$;
             create trigger note after insert on walsift.job for each row execute function note()",
        )
        .await;
}

const MADE: &str = "select count(*) from made";

#[tokio::test]
async fn what_goes_well_costs_no_job() {
    let (world, config, _engine) = in_step(50, SMALL).await;
    count_jobs(&world).await;
    let forced = asked(&world, &config, &["--force"]).await;
    assert_eq!(
        (&forced["visited"], &forced["sent"]),
        (&50.into(), &50.into()),
        "{forced}"
    );
    assert_eq!(world.receiver().request_count(), 50);

    let again = asked(&world, &config, &[]).await;
    assert_eq!((&again["visited"], &again["sent"]), (&50.into(), &0.into()), "{again}");
    assert_eq!(world.receiver().request_count(), 50, "what is equal was sent");
    assert_eq!(world.value::<i64>(MADE).await, 0);
    assert_eq!(world.value::<i64>("select count(*) from walsift.chunk").await, 0);
}

#[tokio::test]
async fn one_that_fails_becomes_a_job_and_stops_nobody_else() {
    let (world, config, _engine) = in_step(50, SMALL).await;
    count_jobs(&world).await;
    world.receiver().rule(Paths::exact("/orders/7"), Behaviour::answer(422));
    world
        .receiver()
        .rule_for_next(1, Paths::exact("/orders/30"), Behaviour::answer(503));
    let forced = asked(&world, &config, &["--force"]).await;
    assert_eq!(
        (&forced["state"], &forced["sent"], &forced["left_over"]),
        (&"done".into(), &48.into(), &2.into()),
        "{forced}"
    );
    world.wait_until_true("select count(*) = 0 from walsift.job").await;
    let tries = world
        .query(
            "select key, outcome, class, number from walsift.attempt join walsift.finished_job on id = job order by key, number",
            &[],
        )
        .await;
    let tries: Vec<(String, String, Option<String>, i16)> = tries
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect();
    let made = |key: &str, outcome: &str, class: Option<&str>, number| {
        (key.to_owned(), outcome.to_owned(), class.map(str::to_owned), number)
    };
    assert_eq!(
        tries,
        [
            made("30", "retry", Some("server_error"), 1),
            made("30", "delivered", None, 2),
            made("7", "rejected", Some("refused"), 1),
        ]
    );
    assert_eq!(world.value::<i64>(MADE).await, 2);
    world.receiver().clear_rules();
}

/// The chunk has them in hand; who changes them meanwhile waits, and is built again.
#[tokio::test]
async fn a_change_of_a_subject_in_hand_is_sent_after_it() {
    let (world, config, _engine) = in_step(10, SMALL).await;
    world.receiver().rule(Paths::exact("/orders/5"), Behaviour::Hold);
    done(&world, &config, &["orders", "--force"]).await;
    let is_held = |ledger: &Ledger| ledger.in_flight() == 1 && ledger.journal().len() == 10;
    world.receiver().wait_until(DEADLINE, is_held).await.unwrap();
    world.sql("update orders set status = 'meanwhile' where id = 5").await;
    world
        .wait_until_true("select count(*) = 1 from walsift.job where worker is null")
        .await;
    // Others are not in hand any more; those of the same chunk wait with it.
    world.receiver().clear_rules();
    crate::guarantees::let_go(&world).await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
    assert_eq!(world.receiver().look(|ledger| ledger.requests("/orders/5").count()), 2);
}

/// Whoever has one in hand builds it once more for the backfill, which does not wait.
#[tokio::test]
async fn a_subject_that_a_job_has_in_hand_is_left_to_it() {
    let (world, config, _engine) = in_step(10, SMALL).await;
    world.receiver().rule(Paths::exact("/orders/5"), Behaviour::Hold);
    world.sql("update orders set status = 'first' where id = 5").await;
    let is_held = |ledger: &Ledger| ledger.in_flight() == 1;
    world.receiver().wait_until(DEADLINE, is_held).await.unwrap();
    world
        .sql("update walsift.state set digest = null where key = '6'")
        .await;
    let visited = asked(&world, &config, &[]).await;
    assert_eq!(
        (&visited["visited"], &visited["sent"]),
        (&10.into(), &1.into()),
        "{visited}"
    );
    let touched: i32 = world.value("select touched from walsift.job where key = '5'").await;
    assert_eq!(touched, 1);
    world.receiver().clear_rules();
    crate::guarantees::let_go(&world).await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn live_changes_overtake_it() {
    const ORDERS: u32 = 2_000;
    let (world, config, _engine) = in_step(ORDERS, "\n[sinks.shop_api]\nconcurrency = 2\n").await;
    world
        .receiver()
        .rule(Paths::All, Behaviour::Slow(std::time::Duration::from_millis(5)));
    done(&world, &config, &["orders", "--force"]).await;
    world.receiver().wait_for_requests(100, DEADLINE).await.unwrap();
    let last = format!("/orders/{ORDERS}");
    let before = world.receiver().look(|ledger| ledger.journal().len());
    world
        .sql(&format!("update orders set status = 'live' where id = {ORDERS}"))
        .await;
    let arrived = |ledger: &Ledger| ledger.journal().iter().skip(before).any(|request| request.path == last);
    world.receiver().wait_until(DEADLINE, arrived).await.unwrap();
    let ahead = world.receiver().look(|ledger| {
        let mut since = ledger.journal().iter().skip(before);
        since.position(|request| request.path == last).unwrap()
    });
    assert!(ahead < 200, "{ahead} others went first");
    world.receiver().clear_rules();
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn processes_share_one() {
    let (world, config, _first) = in_step(400, &format!("{SMALL}[sinks.shop_api]\nconcurrency = 4\n")).await;
    let _second = world.engine(&config);
    world.wait_until_true("select count(*) = 2 from walsift.worker").await;
    // Whatever is begun stays in hand until both have begun.
    world.receiver().rule(Paths::All, Behaviour::Hold);
    done(&world, &config, &["orders", "--force"]).await;
    world
        .wait_until_true("select count(distinct worker) = 2 from walsift.chunk")
        .await;
    world.receiver().clear_rules();
    crate::guarantees::let_go(&world).await;
    world.settled().await;
    let sent = world.receiver().look(|ledger| ledger.journal().len());
    assert_eq!(sent, 400, "some were sent twice, or not at all");
    assert_one_at_a_time(world.receiver());
}

/// One of an older version would claim jobs of subjects that are in chunks.
#[tokio::test]
async fn beside_a_process_that_knows_no_chunks_it_waits() {
    let (world, config, _engine) = in_step(10, "").await;
    world
        .sql(
            "insert into walsift.worker (owner, started_at, expires_at) values ('another/1/1', now(), now() + interval '1 hour')",
        )
        .await;
    done(&world, &config, &["orders", "--force"]).await;
    world
        .wait_until_true("select count(*) = 1 from walsift.backfill where begun_at is not null and finished_at is null")
        .await;
    world.sql("update orders set status = 'live' where id = 3").await;
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    assert_eq!(world.requests(), ["PUT /orders/3"]);
    world
        .sql("delete from walsift.worker where owner = 'another/1/1'")
        .await;
    world.settled().await;
    assert!(world.requests().len() >= 10, "{:?}", world.requests());
}

#[tokio::test]
async fn it_rests_while_the_sink_is_down() {
    let (world, config, engine) = in_step(300, SMALL).await;
    world.receiver().rule(Paths::All, Behaviour::answer(503));
    done(&world, &config, &["orders", "--force"]).await;
    let is_open = async || {
        (engine
            .admin("/metrics")
            .await
            .1
            .contains("walsift_sink_open{sink=\"shop_api\"} 1"))
        .then_some(())
    };
    eventually(DEADLINE, "the sink to be left alone", is_open).await;
    // What was begun became jobs; the rest is not begun.
    world.wait_until_true("select count(*) < 3 from walsift.chunk").await;
    let visited: i64 = world
        .value("select max(visited) from walsift.backfill where finished_at is null")
        .await;
    assert!(visited < 300, "all were tried at a sink that is down");
    world.receiver().clear_rules();
    world.sql("update walsift.job set run_at = now()").await;
    world.settled().await;
    assert_one_at_a_time(world.receiver());
    let paths = world.receiver().look(|ledger| ledger.held().len());
    assert_eq!(paths, 300);
}
