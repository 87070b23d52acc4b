//! G7: when a sink is down, jobs fold into at most one row per subject, the slot keeps moving, and the other sinks do not
//! notice.

use std::time::Duration;

use tokio_postgres::types::PgLsn;
use walsift::demo::Receiver;

use super::burst::Burst;
use super::journal::{assert_one_at_a_time, requests_by_path};
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually, field};

/// For what takes many requests.
const WITHIN: Duration = Duration::from_mins(3);

const STATES: &str = "select '/states/' || id, jsonb_build_object('id', id, 'status', status) from orders";

/// What the healthy receiver holds.
fn states(receiver: &Receiver) -> Vec<(String, serde_json::Value)> {
    receiver.look(|ledger| {
        let held = ledger.held().iter();
        held.map(|(path, held)| (path.clone(), serde_json::from_str(&held.body).unwrap()))
            .collect()
    })
}

#[tokio::test]
async fn g7_a_dead_sink_holds_neither_wal_nor_others_and_costs_a_row_per_subject() {
    const ORDERS: u32 = 200;
    const ROUNDS: u32 = 20;
    let world = World::with_shop().await;
    world.stock_shop(5, ORDERS).await;
    let healthy = Receiver::new().await.unwrap();
    let config = world.config(&format!(
        "{SHOP}
         [syncs.states]
         table    = \"orders\"
         sink     = \"healthy\"
         document = {{ id = \"id\", status = \"status\" }}
         [sinks.healthy]
         type = \"http\"
         url  = \"{}/states/{{id}}\"
         [sinks.shop_api]
         retry = {{ attempts = 10000, base = \"10ms\", max = \"500ms\" }}",
        healthy.url()
    ));
    world.receiver().stop().await;
    let engine = world.engine(&config);
    // From then on every change becomes a job, while the first visit waits for the sink.
    let reads = |line: &serde_json::Value| field(line, "message") == Some("reading the slot");
    engine.wait_for_log(DEADLINE, "reading the slot", reads).await;
    let mut burst = Burst::new(7, 5, ORDERS);
    for round in 0..ROUNDS {
        world.sql(&format!("update orders set status = 'round {round}'")).await;
        world.sql("update order_lines set qty = qty + 1").await;
        burst.transactions(&world, 10).await;
    }
    let wrote: PgLsn = world.value("select pg_current_wal_lsn()").await;
    world
        .sql("select pg_logical_emit_message(true, 'walsift.test', '')")
        .await;

    // With the sink still down: the slot is at the end, the other sink is right, and no subject has two jobs.
    world.wait_until_confirmed(wrote).await;
    let statement = format!("select path, document from ({STATES}) as s(path, document) order by path collate \"C\"");
    let rows = world.query(&statement, &[]);
    let wanted: Vec<(String, serde_json::Value)> = rows.await.iter().map(|row| (row.get(0), row.get(1))).collect();
    eventually(DEADLINE, "the healthy sink up to date", async || {
        (states(&healthy) == wanted).then_some(())
    })
    .await;
    let others =
        "select count(*) = 0 from walsift.job j join walsift.route r on r.id = j.route where r.sync = 'states'";
    world.wait_until_true(others).await;
    let jobs = world
        .query_one("select count(*), count(distinct key) from walsift.job", &[])
        .await;
    let (rows, subjects): (i64, i64) = (jobs.get(0), jobs.get(1));
    assert_eq!(rows, subjects);
    let ever: i64 = world.value("select last_value from orders_id_seq").await;
    assert!(
        rows >= i64::from(ORDERS) && rows <= ever,
        "{rows} jobs for {ever} orders that there ever were"
    );
    assert_eq!(world.receiver().request_count(), 0);

    world.receiver().start().await.unwrap();
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
    assert_one_at_a_time(&healthy);
    for (path, requests) in requests_by_path(world.receiver()) {
        assert!(requests <= 3, "{requests} requests for {path}");
    }
}

/// More subjects than may wait for one sink.
#[tokio::test]
async fn g7_a_dead_sink_does_not_hold_up_a_fan_out_into_another() {
    const ORDERS: u32 = 12_500;
    let world = World::with_shop().await;
    world.stock_shop(1, ORDERS).await;
    let healthy = Receiver::new().await.unwrap();
    let config = world.config(&format!(
        "[syncs.orders]
         table    = \"orders\"
         sinks    = [\"shop_api\", \"healthy\"]
         initial  = \"none\"
         document = {{ id = \"id\", customer = \"customer.last_name\" }}
         [syncs.orders.one.customer]
         table = \"customers\"
         [sinks.healthy]
         type = \"http\"
         url  = \"{}/orders/{{id}}\"
         [sinks.shop_api]
         retry = {{ attempts = 10000, base = \"10s\", max = \"10s\" }}",
        healthy.url()
    ));
    world.receiver().stop().await;
    let _engine = world.engine(&config);
    world.settled().await;
    world
        .sql("update customers set last_name = 'Lovelace' where id = 1")
        .await;
    let all = |ledger: &walsift::demo::Ledger| ledger.held().len() == ORDERS as usize;
    healthy.wait_until(WITHIN, all).await.unwrap();
}
