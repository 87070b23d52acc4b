//! G1: an LSN is confirmed only after every job it caused is committed, and killing any process at any instant loses
//! nothing.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use tokio::time::Instant;
use tokio_postgres::types::PgLsn;
use walsift::demo::{Behaviour, ClusterSettings, Paths, Shutdown};

use super::brisk_shop;
use super::burst::Burst;
use super::journal::assert_one_at_a_time;
use crate::world::{DEADLINE, SHOP_ORDERS, World, field};

const CUSTOMERS: u32 = 5;

/// The engine dies at this point while a burst goes on, and is started again.
async fn dies_at(failpoint: &str, orders: u32) {
    let world = World::with_shop().await;
    world.stock_shop(CUSTOMERS, orders).await;
    let config = world.config(&brisk_shop());
    let mut burst = Burst::new(1, CUSTOMERS, orders);
    let mut engine = world.engine_with(&config, &[("FAILPOINTS", failpoint)]);
    let status = tokio::select! {
        status = engine.wait_exit(DEADLINE) => status,
        never = burst.for_ever(&world) => match never {},
    };
    goes_on(&world, &config, &mut burst, status).await;
}

/// The same while nothing but the first load goes on: subjects with jobs would be left out of its chunks.
async fn dies_at_in_a_first_load(failpoint: &str) {
    const ORDERS: u32 = 600;
    let world = World::with_shop().await;
    world.stock_shop(CUSTOMERS, ORDERS).await;
    let config = world.config(&brisk_shop());
    let mut engine = world.engine_with(&config, &[("FAILPOINTS", failpoint)]);
    let status = engine.wait_exit(DEADLINE).await;
    goes_on(&world, &config, &mut Burst::new(1, CUSTOMERS, ORDERS), status).await;
}

async fn goes_on(world: &World, config: &Path, burst: &mut Burst, status: ExitStatus) {
    assert_eq!(status.signal(), Some(9), "it has not died by its own hand: {status}");
    burst.transactions(world, 20).await;

    let _engine = world.engine(config);
    burst.transactions(world, 20).await;

    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g1_a_kill_between_publication_and_slot_loses_nothing() {
    dies_at("setup-after-publication=return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_between_slot_and_first_progress_loses_nothing() {
    dies_at("setup-after-slot=return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_between_first_progress_and_stream_loses_nothing() {
    dies_at("setup-after-commit=return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_between_reading_and_commit_loses_nothing() {
    dies_at("intake-before-commit=2*off->return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_between_commit_and_confirmation_loses_nothing() {
    dies_at("intake-after-commit=2*off->return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_after_confirmation_loses_nothing() {
    dies_at("intake-after-confirm=2*off->return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_before_the_first_chunk_of_a_backfill_loses_nothing() {
    dies_at("chunk-before-commit=return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_in_the_middle_of_a_backfill_loses_nothing() {
    dies_at_in_a_first_load("chunk-before-commit=3*off->return").await;
}

#[tokio::test]
async fn g1_a_kill_with_a_chunk_in_hand_loses_nothing() {
    dies_at_in_a_first_load("chunk-after-commit=3*off->return").await;
}

#[tokio::test]
async fn g1_a_kill_before_the_end_of_a_chunk_is_written_down_loses_nothing() {
    dies_at_in_a_first_load("settle-members-before-commit=1*off->return").await;
}

#[tokio::test]
async fn g1_a_kill_after_the_end_of_a_chunk_is_written_down_loses_nothing() {
    dies_at_in_a_first_load("settle-members-after-commit=1*off->return").await;
}

#[tokio::test]
async fn g1_a_kill_after_the_claim_loses_nothing() {
    dies_at("claim-after-commit=2*off->return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_before_the_request_loses_nothing() {
    dies_at("publish-before-send=30*off->return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_between_request_and_settlement_loses_nothing() {
    dies_at("publish-after-send=30*off->return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_before_the_settlement_loses_nothing() {
    dies_at("settle-before-begin=2*off->return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_within_the_settlement_loses_nothing() {
    dies_at("settle-before-commit=2*off->return", 20).await;
}

#[tokio::test]
async fn g1_a_kill_after_the_settlement_loses_nothing() {
    dies_at("settle-after-commit=2*off->return", 20).await;
}

#[tokio::test]
async fn g1_kills_at_random_moments_lose_nothing() {
    let world = World::with_shop().await;
    world.stock_shop(CUSTOMERS, 100).await;
    let config = world.config(&brisk_shop());
    let mut burst = Burst::new(2, CUSTOMERS, 100);
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..6 {
        let mut engine = world.engine(&config);
        let requests = world.receiver().request_count() + random.usize(1..150);
        let count = random.usize(0..100);
        let enough = async {
            world.receiver().wait_for_requests(requests, DEADLINE).await.unwrap();
            burst.transactions(&world, count).await;
        };
        enough.await;
        engine.kill9();
    }
    let _engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g1_postgres_restarts_in_the_middle_of_a_burst_lose_nothing() {
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    world.stock_shop(CUSTOMERS, 50).await;
    let config = world.config(&brisk_shop());
    let engine = world.engine(&config);
    let mut burst = Burst::new(3, CUSTOMERS, 50);
    let restarts = async {
        for (restart, how) in [Shutdown::Immediate, Shutdown::Fast, Shutdown::Kill]
            .into_iter()
            .enumerate()
        {
            let requests = 100 * (restart + 1);
            world.receiver().wait_for_requests(requests, DEADLINE).await.unwrap();
            world.cluster().restart(how).await.unwrap();
        }
        // It reads again.
        let requests = world.receiver().request_count() + 100;
        world.receiver().wait_for_requests(requests, DEADLINE).await.unwrap();
    };
    tokio::select! {
        () = restarts => {}
        never = burst.whatever_happens(&world) => match never {},
    }
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
    assert_eq!(engine.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn g1_postgres_restarts_in_the_middle_of_the_first_visit_lose_nothing() {
    const ORDERS: u32 = 1_500;
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    world.stock_shop(CUSTOMERS, ORDERS).await;
    let config = world.config(&brisk_shop());
    let _engine = world.engine(&config);
    for (how, requests) in [(Shutdown::Immediate, 100), (Shutdown::Fast, 600)] {
        world.receiver().wait_for_requests(requests, DEADLINE).await.unwrap();
        let held = world.receiver().look(|ledger| ledger.held().len());
        assert!(held < ORDERS as usize, "the visit was over before the restart");
        world.cluster().restart(how).await.unwrap();
    }
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g1_what_is_confirmed_is_never_ahead_of_what_is_committed() {
    let world = World::with_shop().await;
    world.stock_shop(CUSTOMERS, 50).await;
    let config = world.config(&brisk_shop());
    world.receiver().rule(Paths::All, Behaviour::answer(503));
    let mut engine = world.engine(&config);
    let mut burst = Burst::new(4, CUSTOMERS, 50);
    let mut seen = std::collections::BTreeSet::new();
    let began = Instant::now();
    // Until confirmations have been seen to move this often, the engine killed in between.
    while seen.len() < 30 {
        assert!(began.elapsed() < DEADLINE, "only {} confirmations", seen.len());
        burst.transactions(&world, 5).await;
        // The slot first: progress may rise in between, and only then is it known to be ahead.
        let confirmed = world.confirmed().await;
        let progress = "select lsn from walsift.progress where slot = $1";
        let has_progress = "select to_regclass('walsift.progress') is not null";
        if !world.value::<bool>(has_progress).await {
            continue;
        }
        let rows = world.query(progress, &[&world.slot()]).await;
        if let (Some(confirmed), Some(row)) = (confirmed, rows.first()) {
            let progress: PgLsn = row.get(0);
            assert!(confirmed <= progress, "confirmed {confirmed}, committed {progress}");
            if seen.insert(confirmed) && seen.len() % 10 == 0 {
                engine.kill9();
                engine = world.engine(&config);
            }
        }
    }
}

/// The slot's stream begins with the first transaction that begins after it.
#[tokio::test]
async fn g1_a_transaction_that_was_open_at_the_first_start_is_not_lost() {
    let world = World::with_shop().await;
    world.stock_shop(CUSTOMERS, 5).await;
    let config = world.config(&brisk_shop());
    let open = world.connect().await;
    let open_statements = "begin; insert into orders (id, customer_id) values (77, 1);
                           update orders set status = 'open' where id = 1; delete from orders where id = 2";
    open.batch_execute(open_statements).await.unwrap();
    let engine = world.engine(&config);
    let waits =
        |line: &serde_json::Value| field(line, "message").is_some_and(|text| text.starts_with("making the slot"));
    engine.wait_for_log(DEADLINE, "making the slot", waits).await;
    open.batch_execute("commit").await.unwrap();

    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// What it wrote before the tables were published is not in the stream.
#[tokio::test]
async fn g1_a_transaction_that_was_open_when_its_tables_were_published_is_not_lost() {
    let world = World::with_shop().await;
    world.stock_shop(CUSTOMERS, 5).await;
    let others = world
        .config("[syncs.products]\ntable = \"products\"\nsink = \"shop_api\"\n[sinks.shop_api]\ntype = \"stdout\"");
    let mut engine = world.engine(&others);
    world.settled().await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;

    let open = world.connect().await;
    let open_statements = "begin; insert into orders (id, customer_id) values (77, 1);
                           update orders set status = 'open' where id = 1; delete from orders where id = 2";
    open.batch_execute(open_statements).await.unwrap();
    let config = world.config(&brisk_shop());
    let engine = world.engine(&config);
    let reads = |line: &serde_json::Value| field(line, "message") == Some("reading the slot");
    engine.wait_for_log(DEADLINE, "reading the slot", reads).await;
    world
        .wait_until_true("select count(*) > 0 from walsift.backfill where finished_at is null")
        .await;
    open.batch_execute("commit").await.unwrap();

    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}
