//! `deletes = "ignore"`: the sink keeps what it has of a subject that is gone.

use walsift::demo::{Behaviour, Paths};

use crate::world::{DEADLINE, Engine, SHOP, World};

const ORDER: &str = "/orders/1";
const GOES: &str = "delete from orders where id = 1";

async fn shop(deletes: &str, sink: &str, environment: &[(&str, &str)]) -> (World, Engine) {
    let world = World::with_shop().await;
    world.stock_shop(1, 2).await;
    world
        .sql("delete from order_lines; update orders set status = 'A'")
        .await;
    let engine = world.engine_with(&file(&world, deletes, sink), environment);
    world.settled().await;
    (world, engine)
}

fn file(world: &World, deletes: &str, sink: &str) -> std::path::PathBuf {
    let orders = SHOP.replace(
        "table = \"orders\"",
        &format!("table = \"orders\"\ndeletes = \"{deletes}\""),
    );
    world.config(&format!("{orders}\n[sinks.shop_api]\n{sink}"))
}

fn comes_back(status: &str) -> String {
    format!("insert into orders (id, customer_id, status) values (1, 1, '{status}')")
}

fn holds(world: &World, status: &str) -> bool {
    let body = world.receiver().body(ORDER).unwrap_or_default();
    serde_json::from_str(&body).is_ok_and(|document: serde_json::Value| document["order_status"] == status)
}

#[tokio::test]
async fn a_subject_that_goes_is_kept_and_comes_back_as_it_was_for_nothing() {
    let (world, engine) = shop("ignore", "", &[]).await;
    assert_eq!(world.caused_by(GOES).await, [""; 0]);
    assert!(holds(&world, "A"));
    assert_eq!(
        engine
            .metric("walsift_suppressed_total", &[("reason", "filtered")])
            .await,
        1
    );
    assert_eq!(world.caused_by(&comes_back("A")).await, [""; 0]);
    world.sql(GOES).await;
    assert_eq!(world.caused_by(&comes_back("B")).await, ["PUT /orders/1"]);
    assert!(holds(&world, "B"));
}

/// B is applied and never heard of; the row goes, which is ignored, and comes back as A.
#[tokio::test]
async fn an_uncertain_delivery_is_not_forgotten_with_a_delete_that_is_ignored() {
    let sink = "timeout = \"1s\"\nretry = { base = \"10ms\" }";
    let (world, _engine) = shop("ignore", sink, &[]).await;
    world
        .receiver()
        .rule_for_next(1, Paths::exact(ORDER), Behaviour::ApplyThenHang);
    world.sql("update orders set status = 'B' where id = 1").await;
    world
        .receiver()
        .wait_until(DEADLINE, |ledger| ledger.in_flight() == 1)
        .await
        .unwrap();
    world.sql(GOES).await;
    world.settled().await;
    assert!(holds(&world, "B"));
    assert_eq!(world.caused_by(&comes_back("A")).await, ["PUT /orders/1"]);
    assert!(holds(&world, "A"));
}

/// The same, where a crash kept the uncertainty from being written down with an attempt.
#[tokio::test]
async fn a_crash_in_mid_delivery_is_not_forgotten_with_a_delete_that_is_ignored() {
    let (world, mut engine) = shop("ignore", "", &[("FAILPOINTS", "publish-after-send=2*off->return")]).await;
    world.sql("update orders set status = 'B' where id = 1").await;
    engine.wait_exit(DEADLINE).await;
    assert!(holds(&world, "B"));
    world.sql(GOES).await;

    let _engine = world.synced(&file(&world, "ignore", "")).await;
    assert!(holds(&world, "B"));
    assert_eq!(world.caused_by(&comes_back("A")).await, ["PUT /orders/1"]);
    assert!(holds(&world, "A"));
}

#[tokio::test]
async fn deletes_that_were_held_back_are_published_once_they_are_wanted() {
    let (world, mut engine) = shop("ignore", "", &[]).await;
    assert_eq!(world.caused_by(GOES).await, [""; 0]);
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world.receiver().clear_journal();

    let mut engine = world.synced(&file(&world, "publish", "")).await;
    assert_eq!(world.requests(), ["DELETE /orders/1"]);
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world.receiver().clear_journal();

    let _engine = world.synced(&file(&world, "ignore", "")).await;
    assert_eq!(world.requests(), [""; 0]);
}
