//! G2: when writes stop, every sink ends up with exactly the document the database yields now, for every subject, and
//! without every subject that is gone. The other tests here end with that, too.

use std::time::Duration;

use walsift::demo::{Behaviour, Paths};

use super::burst::Burst;
use super::journal::{assert_one_at_a_time, requests};
use super::let_go;
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World};

/// What a bad day has in store for a request. Half of them go well, so that the receiver never seems to be down: how the
/// breaker then makes everything wait is told elsewhere.
fn misbehaviour(random: &mut fastrand::Rng) -> Behaviour {
    match random.u32(0..20) {
        0 => Behaviour::answer(500),
        1 => Behaviour::answer(503),
        2 => Behaviour::answer(429),
        3 => Behaviour::Cut,
        4 => Behaviour::ApplyThenCut,
        5 => Behaviour::ApplyThenAnswer(500),
        6 => Behaviour::ApplyThenAnswer(408),
        7 => Behaviour::ApplyThenHang,
        8 => Behaviour::Hang,
        9 => Behaviour::Slow(Duration::from_millis(50)),
        _ => Behaviour::Accept,
    }
}

async fn converges_after_a_bad_day(seed: u64) {
    const MISHAPS: usize = 300;
    let world = World::with_shop().await;
    world.stock_shop(4, 30).await;
    let config = world.config(&format!(
        "{SHOP}
         [sinks.shop_api]
         timeout = \"300ms\"
         retry   = {{ attempts = 10000, base = \"50ms\", max = \"200ms\" }}"
    ));
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..MISHAPS {
        let behaviour = misbehaviour(&mut random);
        world.receiver().rule_for_next(1, Paths::All, behaviour);
    }
    let _engine = world.engine(&config);
    let mut burst = Burst::new(seed, 4, 30);
    tokio::select! {
        used_up = world.receiver().wait_for_requests(MISHAPS + 100, DEADLINE) => used_up.unwrap(),
        never = burst.for_ever(&world) => match never {},
    }
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g2_a_receiver_that_fails_at_random_is_right_in_the_end() {
    converges_after_a_bad_day(1).await;
}

#[tokio::test]
async fn g2_another_receiver_that_fails_at_random_is_right_in_the_end() {
    converges_after_a_bad_day(2).await;
}

#[tokio::test]
async fn g2_a_subject_that_comes_back_is_there_again() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(SHOP);
    let _engine = world.engine(&config);
    world.settled().await;

    world.sql("delete from orders").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    world.sql("insert into orders (id, customer_id) values (1, 1)").await;
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let methods: Vec<String> = requests(world.receiver(), "/orders/1")
        .iter()
        .map(|request| request.method.to_string())
        .collect();
    assert_eq!(methods, ["PUT", "DELETE", "PUT"]);
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g2_truncated_tables_leave_nothing_behind() {
    let world = World::with_shop().await;
    world.stock_shop(2, 10).await;
    let config = world.config(SHOP);
    let _engine = world.engine(&config);
    world.settled().await;

    world.sql("truncate order_lines").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    world.sql("truncate orders, order_lines").await;
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert!(world.receiver().look(|ledger| ledger.held().is_empty()));
}

/// What is on its way when the table is truncated is known to nobody yet.
#[tokio::test]
async fn g2_a_first_delivery_in_flight_while_its_table_is_truncated_is_not_left_over() {
    let world = World::with_shop().await;
    world.stock_shop(2, 3).await;
    let config = world.config(SHOP);
    let _engine = world.engine(&config);
    world.settled().await;
    world.receiver().rule(Paths::exact("/orders/77"), Behaviour::Hold);
    world.sql("insert into orders (id, customer_id) values (77, 1)").await;
    world
        .receiver()
        .wait_until(DEADLINE, |ledger| ledger.in_flight() == 1)
        .await
        .unwrap();

    world.sql("truncate orders, order_lines").await;
    let others_are_gone = |ledger: &walsift::demo::Ledger| ledger.held().is_empty();
    world.receiver().wait_until(DEADLINE, others_are_gone).await.unwrap();
    world
        .wait_until_true("select count(*) = 0 from walsift.backfill where finished_at is null")
        .await;
    world.receiver().clear_rules();
    let_go(&world).await;
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}
