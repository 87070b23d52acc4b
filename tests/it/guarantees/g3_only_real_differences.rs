//! G3: a document equal as a JSON value to the one the sink last accepted is not sent; whatever is not sent is counted
//! with its reason.

use walsift::demo::{Behaviour, Paths};

use super::journal::requests;
use super::let_go;
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World};

/// Documents that hold JSON as it was written.
const NOTES: &str = r#"
[syncs.notes]
table = "notes"
sink  = "shop_api"
where = "wanted"
document = { id = "id", content = "content" }

[sinks.shop_api]
type = "http"
"#;

const NOTES_TABLE: &str = "create table notes (id int primary key, content json, wanted boolean not null default true)";

fn notes(world: &World) -> std::path::PathBuf {
    world.config(&format!("{NOTES}url = \"{}/notes/{{id}}\"", world.receiver().url()))
}

#[tokio::test]
async fn g3_a_restart_sends_nothing_and_touched_rows_send_nothing() {
    let world = World::with_shop().await;
    world.stock_shop(3, 40).await;
    let config = world.config(SHOP);
    let mut engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world.receiver().clear_journal();

    world.sql("update orders set note = 'nobody reads this'").await;
    let _engine = world.engine(&config);
    world.sql("update orders set status = status").await;
    world
        .sql("update customers set email = 'ada@example.com', last_name = last_name")
        .await;
    world
        .sql("update order_lines set qty = qty + 1; update order_lines set qty = qty - 1")
        .await;
    world.settled().await;

    assert_eq!(world.receiver().request_count(), 0);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn g3_a_killed_engine_that_had_settled_sends_nothing_again() {
    let world = World::with_shop().await;
    world.stock_shop(3, 40).await;
    let config = world.config(SHOP);
    let mut engine = world.engine(&config);
    world.settled().await;
    engine.kill9();
    world.receiver().clear_journal();

    let _engine = world.engine(&config);
    world.settled().await;

    assert_eq!(world.receiver().request_count(), 0);
}

#[tokio::test]
async fn g3_the_order_of_keys_and_white_space_are_no_difference() {
    let world = World::new().await;
    world.sql(NOTES_TABLE).await;
    world
        .sql(r#"insert into notes values (1, '{"a": [1, {"x": null, "y": 2.50}], "b": "é"}')"#)
        .await;
    let config = notes(&world);
    let _engine = world.engine(&config);
    world.settled().await;
    world.receiver().clear_journal();

    world
        .sql(r#"update notes set content = '{ "b" : "\u00e9" ,  "a":[1,{"y":2.5,"x":null}] }'"#)
        .await;
    world.settled().await;
    assert_eq!(world.receiver().request_count(), 0);

    // The order of an array is a difference, and so is the type of a value.
    world
        .sql(r#"update notes set content = '{"a": [{"x": null, "y": 2.50}, 1], "b": "é"}'"#)
        .await;
    world.settled().await;
    assert_eq!(world.receiver().request_count(), 1);
    world
        .sql(r#"update notes set content = '{"a": [{"x": null, "y": "2.50"}, 1], "b": "é"}'"#)
        .await;
    world.settled().await;
    assert_eq!(world.receiver().request_count(), 2);
}

#[tokio::test]
async fn g3_what_is_not_sent_is_counted_with_its_reason() {
    let world = World::new().await;
    world.sql(NOTES_TABLE).await;
    world
        .sql("insert into notes select n, '{}' from generate_series(1, 3) n")
        .await;
    let config = notes(&world);
    let mut engine = world.engine(&config);
    world.settled().await;

    world.sql("update notes set content = '{ }'").await;
    world.settled().await;
    world.sql("insert into notes values (9, '{}', false)").await;
    world.settled().await;
    // While it is being delivered, changes fold into the one job.
    world.receiver().rule(Paths::exact("/notes/1"), Behaviour::Hold);
    world.sql("update notes set content = '1' where id = 1").await;
    let held = |ledger: &walsift::demo::Ledger| ledger.in_flight() == 1;
    world.receiver().wait_until(DEADLINE, held).await.unwrap();
    for content in 2..=5 {
        world
            .sql(&format!("update notes set content = '{content}' where id = 1"))
            .await;
    }
    world.wait_until_true("select max(touched) > 0 from walsift.job").await;
    let lsn = world.value("select pg_current_wal_lsn()").await;
    world
        .sql("select pg_logical_emit_message(true, 'walsift.test', '')")
        .await;
    world.wait_until_confirmed(lsn).await;
    world.receiver().clear_rules();
    let_go(&world).await;
    world.settled().await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;

    assert_eq!(world.count(&config, "notes", "/suppressed/equal").await, 3);
    assert_eq!(world.count(&config, "notes", "/suppressed/filtered").await, 1);
    assert_eq!(world.count(&config, "notes", "/suppressed/covered").await, 4);
    assert_eq!(world.count(&config, "notes", "/published/upsert").await, 3 + 2);
    let sent: Vec<String> = requests(world.receiver(), "/notes/1")
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert!(sent[2].contains('5'), "{sent:?}");
}

#[tokio::test]
async fn g3_a_change_and_its_reversal_within_a_transaction_send_nothing() {
    let world = World::with_shop().await;
    world.stock_shop(1, 2).await;
    let config = world.config(SHOP);
    let _engine = world.engine(&config);
    world.settled().await;
    world.receiver().clear_journal();

    world
        .sql(
            "update orders set status = 'other'; update orders set status = 'new';
             insert into orders (id, customer_id) values (77, 1); delete from orders where id = 77;",
        )
        .await;
    world.settled().await;

    assert_eq!(world.receiver().request_count(), 0);
}
