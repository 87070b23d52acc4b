//! `min_interval`: two deliveries of one subject are some time apart.

use std::time::Duration;

use walsift::demo::Request;

use crate::guarantees::journal::requests;
use crate::world::{SHOP, SHOP_ORDERS, World};

const INTERVAL: Duration = Duration::from_secs(2);

async fn world() -> (World, std::path::PathBuf) {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    world.sql("delete from order_lines").await;
    let orders = SHOP.replace("table = \"orders\"", "table = \"orders\"\nmin_interval = \"2s\"");
    let file = world.config(&orders);
    (world, file)
}

fn gaps(requests: &[Request]) -> Vec<Duration> {
    let pairs = requests.windows(2);
    pairs.map(|pair| pair[1].arrived - pair[0].finished.unwrap()).collect()
}

fn assert_apart(requests: &[Request]) {
    let gaps = gaps(requests);
    assert!(gaps.iter().all(|gap| *gap >= INTERVAL), "{gaps:?}");
}

#[tokio::test]
async fn deliveries_are_apart_and_changes_fold_meanwhile() {
    let (world, file) = world().await;
    let _engine = world.synced(&file).await;
    for status in ["B", "C"] {
        world.sql(&format!("update orders set status = '{status}'")).await;
        // Too early: the job waits for its time, and the next change folds into it.
        world
            .wait_until_true("select count(*) = 1 from walsift.job where worker is null and run_at > now()")
            .await;
        world.sql("update orders set status = status || '!'").await;
        world.settled().await;
    }
    let requests = requests(world.receiver(), "/orders/1");
    assert_eq!(requests.len(), 3);
    assert_apart(&requests);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn deliveries_are_apart_across_processes() {
    let (world, file) = world().await;
    let mut engine = world.synced(&file).await;
    engine.kill9();
    world.sql("update orders set status = 'B'").await;
    let _engine = world.engine(&file);
    let _another = world.engine(&file);
    world.settled().await;
    let requests = requests(world.receiver(), "/orders/1");
    assert_eq!(requests.len(), 2);
    assert_apart(&requests);
}

#[tokio::test]
async fn what_is_equal_does_not_count_as_a_delivery() {
    let (world, file) = world().await;
    let engine = world.synced(&file).await;
    let delivered = "select max(delivered_at)::text from walsift.state";
    let before: String = world.value(delivered).await;
    world
        .sql("update orders set note = 'x', status = 'B'; update orders set status = 'new'")
        .await;
    world.settled().await;
    assert_eq!(
        engine.metric("walsift_suppressed_total", &[("reason", "equal")]).await,
        1
    );
    assert_eq!(world.value::<String>(delivered).await, before);
    assert_eq!(world.receiver().request_count(), 1);
}

/// The delete is a delivery like any other, and is forgotten once it no longer matters.
#[tokio::test]
async fn a_subject_that_goes_and_comes_back_is_delivered_no_sooner() {
    let (world, file) = world().await;
    let _engine = world.synced(&file).await;
    world.sql("delete from orders").await;
    world
        .receiver()
        .wait_until(crate::world::DEADLINE, |ledger| ledger.held().is_empty())
        .await
        .unwrap();
    world.sql("insert into orders (id, customer_id) values (1, 1)").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    world.sql("delete from orders").await;
    world.settled().await;
    let requests = requests(world.receiver(), "/orders/1");
    let methods: Vec<&str> = requests.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["PUT", "DELETE", "PUT", "DELETE"]);
    assert_apart(&requests);
    assert_eq!(world.value::<i64>("select count(*) from walsift.state").await, 0);
}

#[tokio::test]
async fn without_it_no_time_is_noted() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let _engine = world.synced(&world.config(SHOP)).await;
    let noted = "select count(delivered_at) from walsift.state";
    assert_eq!(world.value::<i64>(noted).await, 0);
}
