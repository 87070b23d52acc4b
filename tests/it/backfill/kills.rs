//! A backfill that is killed again and again.

use std::collections::BTreeMap;

use walsift::demo::{Behaviour, Paths};

use super::{done, in_step};
use crate::guarantees::journal::assert_one_at_a_time;
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World};

const BATCH: usize = 50;

fn small() -> String {
    format!("\n[engine]\nbatch = {BATCH}\n[sinks.shop_api]\nconcurrency = 4\n")
}

/// What somebody has in hand, or may have had.
const UNCERTAIN: &str = "select (select count(*) from walsift.chunk)
                              + (select count(*) from walsift.job where worker is not null or uncertain)";

/// How many requests there were beyond the first of each subject.
fn repeated(world: &World) -> usize {
    world.receiver().look(|ledger| {
        let mut requests: BTreeMap<&str, usize> = BTreeMap::new();
        for request in ledger.journal() {
            *requests.entry(&request.path).or_default() += 1;
        }
        requests.values().map(|count| count - 1).sum()
    })
}

#[tokio::test]
async fn a_first_load_that_is_killed_ten_times_repeats_no_more_than_a_chunk_each_time() {
    const ORDERS: usize = 3_000;
    let world = World::with_shop().await;
    world.stock_shop(3, u32::try_from(ORDERS).unwrap()).await;
    let config = world.config(&format!("{SHOP}{}", small()));
    world
        .receiver()
        .rule(Paths::All, Behaviour::Slow(std::time::Duration::from_millis(1)));
    let mut engine = world.engine(&config);
    for kill in 1..=10 {
        world.receiver().wait_for_requests(kill * 150, DEADLINE).await.unwrap();
        engine.kill9();
        engine = world.engine(&config);
    }
    let held = world.receiver().look(|ledger| ledger.held().len());
    assert!(held < ORDERS, "it was over before it was killed");
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
    let repeated = repeated(&world);
    assert!(repeated <= 10 * BATCH, "{repeated} were sent twice");
    assert_eq!(
        world.value::<i64>("select count(*) from walsift.backfill").await,
        1,
        "begun anew"
    );
}

/// What was in hand nobody knows; what was settled before, and what was not begun, is not sent for nothing.
#[tokio::test]
async fn one_that_finds_nothing_sends_no_more_than_what_was_in_hand() {
    let (world, config, mut engine) = in_step(2_000, &small()).await;
    engine.kill9();
    for _ in 0..3 {
        // Long enough in hand to be seen there.
        let mut engine = world.engine_with(&config, &[("FAILPOINTS", "chunk-after-commit=2*sleep(1000)->off")]);
        done(&world, &config, &["orders"]).await;
        world.wait_until_true("select count(*) > 0 from walsift.chunk").await;
        engine.kill9();
        let mut engine = world.engine(&config);
        world.settled().await;
        engine.kill9();
    }
    let sent = world.receiver().request_count();
    // One that is built, one that is compared, one that waits for its turn.
    assert!(sent <= 3 * 4 * BATCH, "{sent} were sent");
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

/// What is in hand is finished, and what only waits is left behind as jobs: nobody has to wonder.
#[tokio::test]
async fn a_stop_leaves_nothing_uncertain() {
    let (world, config, mut engine) = in_step(1_000, &small()).await;
    world
        .receiver()
        .rule(Paths::All, Behaviour::Slow(std::time::Duration::from_millis(2)));
    done(&world, &config, &["orders", "--force"]).await;
    for round in 1..=3 {
        world.receiver().wait_for_requests(round * 100, DEADLINE).await.unwrap();
        engine.terminate();
        assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(0));
        assert_eq!(world.value::<i64>(UNCERTAIN).await, 0);
        engine = world.engine(&config);
    }
    world.settled().await;
    assert_eq!(repeated(&world), 0);
    assert_eq!(world.receiver().request_count(), 1_000);
}

/// The process is about to get it in hand when the stop comes.
#[tokio::test]
async fn a_stop_while_a_chunk_is_taken_leaves_nothing_uncertain() {
    let (world, config, mut engine) = in_step(100, &small()).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let mut engine = world.engine_with(&config, &[("FAILPOINTS", "chunk-after-commit=sleep(1000)")]);
    done(&world, &config, &["orders", "--force"]).await;
    world.wait_until_true("select count(*) > 0 from walsift.chunk").await;
    engine.terminate();
    assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(0));
    assert_eq!(world.value::<i64>(UNCERTAIN).await, 0);
    let _engine = world.engine(&config);
    world.settled().await;
    assert_eq!(repeated(&world), 0);
    assert_eq!(world.receiver().request_count(), 100);
}
