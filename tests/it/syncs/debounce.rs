//! `debounce`: a changed subject waits until it has been quiet for a while, but not for ever.

use std::time::{Duration, Instant};

use tokio_postgres::types::PgLsn;
use walsift::demo::{Behaviour, Paths};

use crate::guarantees::journal::requests;
use crate::guarantees::let_go;
use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World};

/// One order, delivered, and nothing left to do.
async fn synced(debounce: &str, sink: &str) -> (World, Engine) {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let debounce = format!("table = \"orders\"\n{debounce}");
    let orders = SHOP.replace("table = \"orders\"", &debounce);
    let engine = world
        .synced(&world.config(&format!("{orders}\n[sinks.shop_api]\n{sink}")))
        .await;
    world.receiver().clear_journal();
    (world, engine)
}

/// Waits until all that was written so far has become jobs, or has folded into them.
async fn folded(world: &World) {
    let lsn: PgLsn = world.value("select pg_current_wal_lsn()").await;
    world
        .sql("select pg_logical_emit_message(true, 'walsift.test', '')")
        .await;
    world.wait_until_confirmed(lsn).await;
}

#[tokio::test]
async fn several_changes_within_the_window_are_one_delivery() {
    let (world, _engine) = synced("debounce = \"3s\"", "").await;
    world.sql("update orders set status = 'change 0'").await;
    world.wait_until_true("select count(*) = 1 from walsift.job").await;
    let mut last = Instant::now();
    for change in 1..=4 {
        let due: String = world.value("select run_at::text from walsift.job").await;
        last = Instant::now();
        world
            .sql(&format!("update orders set status = 'change {change}'"))
            .await;
        let moved = format!("select coalesce(max(run_at) > '{due}', false) from walsift.job");
        world.wait_until_true(&moved).await;
    }
    world.settled().await;
    let requests = requests(world.receiver(), "/orders/1");
    assert_eq!(requests.len(), 1);
    assert!(requests[0].body.contains("change 4"), "{}", requests[0].body);
    let quiet = requests[0].arrived - last;
    assert!(
        quiet >= Duration::from_secs(3),
        "delivered {quiet:?} after the last change"
    );
}

#[tokio::test]
async fn a_steady_trickle_is_delivered_by_the_bound() {
    let (world, _engine) = synced("debounce = \"500ms\"", "").await;
    let started = Instant::now();
    let trickle = async {
        loop {
            world.sql("update orders set status = 'step ' || txid_current()").await;
        }
    };
    tokio::select! {
        heard = world.receiver().wait_for_requests(1, DEADLINE) => heard.unwrap(),
        () = trickle => {}
    }
    let waited = requests(world.receiver(), "/orders/1")[0].arrived - started;
    assert!(
        waited >= Duration::from_millis(500),
        "it did not wait for quiet: {waited:?}"
    );
    assert!(
        waited < Duration::from_secs(20),
        "it waited far beyond ten windows: {waited:?}"
    );
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_change_while_its_subject_is_delivered_waits_for_quiet_too() {
    let (world, _engine) = synced("debounce = \"1s\"", "timeout = \"60s\"").await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::Hold);
    world.sql("update orders set status = 'B'").await;
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    world.sql("update orders set status = 'C'").await;
    world.wait_until_true("select max(touched) > 0 from walsift.job").await;
    let_go(&world).await;
    world.settled().await;
    let requests = requests(world.receiver(), "/orders/1");
    assert_eq!(requests.len(), 2);
    let gap = requests[1].arrived - requests[0].finished.unwrap();
    assert!(gap >= Duration::from_millis(900), "{gap:?}");
}

#[tokio::test]
async fn the_wait_for_another_try_is_not_cut_short() {
    let (world, _engine) = synced("debounce = \"250ms\"", "retry = { base = \"4s\" }").await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::answer(503));
    world.sql("update orders set status = 'B'").await;
    world
        .wait_until_true("select coalesce(max(attempts), 0) = 1 from walsift.job where worker is null")
        .await;
    world.sql("update orders set status = 'C'").await;
    world.settled().await;
    let requests = requests(world.receiver(), "/orders/1");
    assert_eq!(requests.len(), 2);
    let gap = requests[1].arrived - requests[0].finished.unwrap();
    assert!(gap >= Duration::from_secs(2), "{gap:?}");
}

#[tokio::test]
async fn without_it_a_change_that_folds_writes_nothing() {
    let (world, _engine) = synced("", "retry = { base = \"10m\" }").await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::answer(503));
    world.sql("update orders set status = 'B'").await;
    world
        .wait_until_true("select coalesce(max(attempts), 0) = 1 from walsift.job where worker is null")
        .await;
    let row = "select xmin::text || ctid::text || run_at from walsift.job";
    let before: String = world.value(row).await;
    world.sql("update orders set status = 'C'").await;
    folded(&world).await;
    assert_eq!(world.value::<String>(row).await, before);
}
