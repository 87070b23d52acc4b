//! Stopping: take nothing new, finish what is in flight, write it down, leave.

use std::time::Duration;

use tokio::time::Instant;
use walsift::demo::{Behaviour, ClusterSettings, Ledger, Paths, Shutdown};

use super::journal::{assert_one_at_a_time, requests_by_path};
use super::{brisk_shop, let_go};
use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World, eventually, field};

/// The longest a stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(10);

const CONCURRENCY: usize = 4;

/// An engine that has all places of the sink taken, and more jobs than that in hand.
async fn engine_with_requests_in_flight(world: &World) -> Engine {
    let body = format!("{SHOP}\n[sinks.shop_api]\nconcurrency = {CONCURRENCY}");
    world.receiver().rule(Paths::All, Behaviour::Hold);
    let engine = world.engine(&world.config(&body));
    let places_taken = |ledger: &Ledger| ledger.in_flight() == CONCURRENCY;
    world.receiver().wait_until(DEADLINE, places_taken).await.unwrap();
    world
        .wait_until_true("select (select count(worker) from walsift.job) + (select coalesce(sum(cardinality(keys)), 0) from walsift.chunk) > 10")
        .await;
    engine
}

async fn is_stopping(engine: &Engine) {
    let stopping =
        |line: &serde_json::Value| field(line, "message").is_some_and(|message| message.starts_with("stopping"));
    engine.wait_for_log(DEADLINE, "stopping", stopping).await;
}

#[tokio::test]
async fn stop_finishes_and_records_what_is_in_flight_and_lets_go_of_the_rest() {
    let world = World::with_shop().await;
    world.stock_shop(3, 50).await;
    let mut engine = engine_with_requests_in_flight(&world).await;
    engine.terminate();
    is_stopping(&engine).await;
    world.receiver().clear_rules();
    let_go(&world).await;
    let status = engine.wait_exit(STOP_WITHIN).await;

    assert_eq!(status.code(), Some(0));
    assert_eq!(
        world.receiver().request_count(),
        CONCURRENCY,
        "something was begun after the signal"
    );
    let jobs = world
        .query_one(
            "select count(*), count(worker), count(*) filter (where uncertain), sum(attempts) from walsift.job",
            &[],
        )
        .await;
    let jobs: [i64; 4] = [jobs.get(0), jobs.get(1), jobs.get(2), jobs.get(3)];
    let left = 50 - i64::try_from(CONCURRENCY).unwrap();
    assert_eq!(jobs, [left, 0, 0, 0], "jobs, held, uncertain, attempts");
    assert_eq!(world.value::<i64>("select count(*) from walsift.worker").await, 0);

    let _engine = world.engine(&world.config(SHOP));
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let sent = requests_by_path(world.receiver());
    assert!(sent.values().all(|&requests| requests == 1), "sent twice: {sent:?}");
}

#[tokio::test]
async fn stop_in_the_middle_of_a_slow_burst_loses_nothing() {
    let world = World::with_shop().await;
    world.stock_shop(3, 100).await;
    world
        .receiver()
        .rule(Paths::All, Behaviour::Slow(Duration::from_millis(50)));
    let config = world.config(&brisk_shop());
    let mut burst = super::burst::Burst::new(9, 3, 100);
    for _ in 0..3 {
        let mut engine = world.engine(&config);
        let requests = world.receiver().request_count() + 30;
        tokio::select! {
            enough = world.receiver().wait_for_requests(requests, DEADLINE) => enough.unwrap(),
            never = burst.for_ever(&world) => match never {},
        }
        engine.terminate();
        let asked = Instant::now();
        assert_eq!(engine.wait_exit(STOP_WITHIN).await.code(), Some(0));
        assert!(asked.elapsed() < STOP_WITHIN);
        let in_doubt = "select count(*) from walsift.job where worker is not null or uncertain";
        assert_eq!(world.value::<i64>(in_doubt).await, 0);
    }
    let _engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn stop_does_not_wait_for_ever_for_a_request_that_hangs() {
    let world = World::with_shop().await;
    world.stock_shop(3, 50).await;
    let body = format!("{SHOP}\n[sinks.shop_api]\ntimeout = \"50s\"\nconcurrency = {CONCURRENCY}");
    world.receiver().rule_for_next(1, Paths::All, Behaviour::ApplyThenHang);
    let mut engine = world.engine(&world.config(&body));
    let only_that_one = |ledger: &Ledger| ledger.held().len() == 50 && ledger.in_flight() == 1;
    world.receiver().wait_until(DEADLINE, only_that_one).await.unwrap();
    engine.terminate();
    assert_eq!(engine.wait_exit(STOP_WITHIN).await.code(), Some(0));

    // What became of that one nobody knows: it is sent again, and no other.
    let _engine = world.engine(&world.config(SHOP));
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(world.receiver().request_count(), 51);
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn stop_at_the_second_signal_is_at_once() {
    let world = World::with_shop().await;
    world.stock_shop(3, 50).await;
    let mut engine = engine_with_requests_in_flight(&world).await;
    engine.terminate();
    is_stopping(&engine).await;
    let asked = Instant::now();
    engine.terminate();
    assert_eq!(engine.wait_exit(STOP_WITHIN).await.code(), Some(1));
    assert!(asked.elapsed() < Duration::from_secs(2));

    world.receiver().clear_rules();
    let _engine = world.engine(&world.config(SHOP));
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn stop_while_postgres_is_down_is_in_time() {
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    world.stock_shop(3, 50).await;
    let config = world.config(&brisk_shop());
    let mut engine = world.engine(&config);
    world.settled().await;
    world.cluster().halt(Shutdown::Immediate).await.unwrap();
    eventually(DEADLINE, "the engine notices", async || {
        (engine.admin("/readyz").await.0 == 503).then_some(())
    })
    .await;
    engine.terminate();
    assert_eq!(engine.wait_exit(STOP_WITHIN).await.code(), Some(0));
}

#[tokio::test]
async fn stop_before_postgres_was_ever_there_is_in_time() {
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    let config = world.config(SHOP);
    world.cluster().halt(Shutdown::Fast).await.unwrap();
    let mut engine = world.engine(&config);
    eventually(DEADLINE, "the engine says that it waits", async || {
        engine.admin("/readyz").await.1.contains("cannot reach").then_some(())
    })
    .await;
    engine.terminate();
    assert_eq!(engine.wait_exit(STOP_WITHIN).await.code(), Some(0));
}

/// The counts can wait; a stop cannot.
#[tokio::test]
async fn stop_while_the_state_is_locked_is_in_time() {
    let world = World::with_shop().await;
    world.stock_shop(3, 50).await;
    let mut engine = world.engine(&world.config(&brisk_shop()));
    world.settled().await;
    let locker = world.connect().await;
    let statements = "begin; lock table walsift.tally, walsift.worker, walsift.job in access exclusive mode";
    locker.batch_execute(statements).await.unwrap();
    world.sql("update orders set status = 'B'").await;
    engine.terminate();
    assert_eq!(engine.wait_exit(STOP_WITHIN).await.code(), Some(0));
    locker.batch_execute("rollback").await.unwrap();

    let _engine = world.engine(&world.config(&brisk_shop()));
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// Most of it is still in the server, which sends it all the same.
#[tokio::test]
async fn stop_in_the_middle_of_a_large_transaction_is_in_time_and_loses_nothing() {
    let world = World::with_shop().await;
    world.stock_shop(3, 50).await;
    let config = world.config(SHOP);
    let mut engine = world.synced(&config).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world
        .sql(
            "begin;
             update order_lines set qty = 7 where order_id = 1;
             insert into products (name, price) select 'filler', n from generate_series(1, 400000) n;
             update order_lines set qty = 8 where order_id = 2;
             commit",
        )
        .await;
    let mut engine = world.engine(&config);
    let amid = async || {
        let inserts = engine
            .metric("walsift_changes_decoded_total", &[("kind", "insert")])
            .await;
        (inserts > 1_000).then_some(inserts)
    };
    let read = eventually(DEADLINE, "the large transaction being read", amid).await;
    assert!(read < 400_000, "it was over too soon");
    engine.terminate();
    assert_eq!(engine.wait_exit(STOP_WITHIN).await.code(), Some(0));

    let _engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}
