//! G11: a lost slot is noticed, recreated if the configuration allows, and a full reconcile follows in which digests hold
//! back everything that did not change.

use serde_json::Value;
use walsift::demo::ClusterSettings;

use super::journal::paths;
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually, field};

/// The server lets go of a slot a moment after its reader has left.
async fn slot_is_free(world: &World) {
    let free = format!(
        "select not active from pg_replication_slots where slot_name = '{}'",
        world.slot()
    );
    world.wait_until_true(&free).await;
}

/// A world whose engine has delivered 50 orders and left; then the slot went, and some rows changed unseen.
async fn slot_lost() -> World {
    let world = World::with_shop().await;
    world.stock_shop(3, 50).await;
    let config = world.config(SHOP);
    let mut engine = world.engine(&config);
    world.settled().await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    slot_is_free(&world).await;
    world
        .query("select pg_drop_replication_slot($1)", &[&world.slot()])
        .await;
    world
        .sql(
            "update orders set status = 'unseen' where id in (3, 4);
             update orders set note = 'irrelevant' where id > 40;
             delete from orders where id = 5;
             insert into orders (id, customer_id) values (99, 1);",
        )
        .await;
    world.receiver().clear_journal();
    world
}

#[tokio::test]
async fn g11_a_slot_that_was_dropped_is_made_anew_and_only_differences_are_sent() {
    let world = slot_lost().await;
    let config = world.config(SHOP);
    let _engine = world.engine(&config);
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let differs = ["/orders/3", "/orders/4", "/orders/5", "/orders/99"].map(str::to_owned);
    assert_eq!(paths(world.receiver()), differs.into());
    assert_eq!(world.receiver().request_count(), 4);
    world.sql("update orders set status = 'seen' where id = 6").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// What was written while there was none cannot be read, and from Postgres 18 on is left out of the stream instead.
#[tokio::test]
async fn g11_a_publication_that_was_dropped_is_made_anew_and_what_it_did_not_show_is_found() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let config = world.config(SHOP);
    let mut engine = world.engine(&config);
    world.settled().await;
    world.receiver().clear_journal();
    world
        .sql("drop publication walsift; update orders set status = 'unseen' where id = 3")
        .await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;

    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    slot_is_free(&world).await;
    world
        .sql("drop publication walsift; update orders set status = 'unseen' where id = 4")
        .await;
    let _engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    world.sql("update orders set status = 'seen' where id = 5").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let differs = ["/orders/3", "/orders/4", "/orders/5"].map(str::to_owned);
    assert_eq!(paths(world.receiver()), differs.into());
}

#[tokio::test]
async fn g11_a_slot_that_stands_further_than_what_was_read_is_noticed() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let config = world.config(SHOP);
    let mut engine = world.engine(&config);
    world.settled().await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    slot_is_free(&world).await;
    world.sql("update orders set status = 'unseen' where id = 3").await;
    world
        .query(
            "select pg_replication_slot_advance($1, pg_current_wal_lsn())",
            &[&world.slot()],
        )
        .await;
    world.receiver().clear_journal();

    let _engine = world.engine(&config);
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(paths(world.receiver()), ["/orders/3".to_owned()].into());
}

#[tokio::test]
async fn g11_a_lost_slot_is_left_to_a_person_where_the_configuration_says_so() {
    let world = slot_lost().await;
    let config = world.config(&format!("{SHOP}\n[source]\non_lost_slot = \"stop\""));
    let engine = world.engine(&config);
    let said = eventually(DEADLINE, "/readyz says why", async || {
        let (status, body) = engine.admin("/readyz").await;
        (status == 503 && body.contains("is gone")).then_some(body)
    })
    .await;

    assert!(said.contains(world.slot()) && said.contains("on_lost_slot"), "{said}");
    assert_eq!(engine.admin("/healthz").await.0, 200);
    assert_eq!(world.confirmed().await, None);
    assert_eq!(world.receiver().request_count(), 0);
}

/// Dropped under a running engine, which notices when its session ends.
#[tokio::test]
async fn g11_a_slot_that_is_dropped_under_a_running_engine_is_made_anew() {
    let world = World::with_shop().await;
    world.stock_shop(3, 30).await;
    let config = world.config(SHOP);
    let engine = world.engine(&config);
    world.settled().await;
    world.receiver().clear_journal();
    // Whoever reads it is ended; the next one may be quicker than the drop.
    let dropped = async || {
        let end = "select pg_terminate_backend(active_pid, 1000) from pg_replication_slots
                    where slot_name = $1 and active_pid is not null";
        world.query(end, &[&world.slot()]).await;
        let drop = "select pg_drop_replication_slot($1)";
        world
            .client()
            .await
            .query(drop, &[&world.slot()])
            .await
            .ok()
            .map(|_| ())
    };
    eventually(DEADLINE, "the slot dropped", dropped).await;
    world.sql("update orders set status = 'unseen' where id = 3").await;
    eventually(DEADLINE, "a new slot", async || world.confirmed().await).await;
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(paths(world.receiver()), ["/orders/3".to_owned()].into());
    assert_eq!(engine.admin("/readyz").await.0, 200);
}

/// The server gives up the slot, as it does where `max_slot_wal_keep_size` is set and nobody reads.
#[tokio::test]
async fn g11_a_slot_that_the_server_gave_up_is_made_anew() {
    let settings = ClusterSettings {
        max_slot_wal_keep_size: Some("1MB".to_owned()),
        ..ClusterSettings::default()
    };
    let world = World::apart(settings).await;
    world.shop().await;
    world.stock_shop(3, 30).await;
    let config = world.config(SHOP);
    let mut engine = world.synced(&config).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world
        .sql("update orders set status = 'unseen' where id = 3; delete from orders where id = 4")
        .await;
    let status = async || {
        let output = world
            .walsift(&["status", "--json", "--config", config.to_str().unwrap()])
            .await;
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        status["slot"].clone()
    };
    assert_eq!(status().await["standing"], "safe");
    world.sql("create table diary (text text)").await;
    for _ in 0..3 {
        world
            .sql("insert into diary select repeat('x', 1000) from generate_series(1, 20000)")
            .await;
        world.sql("select pg_switch_wal()").await;
        world.sql("checkpoint").await;
    }
    let slot = status().await;
    assert_eq!(
        (&slot["standing"], &slot["active"]),
        (&Value::from("lost"), &Value::from(false)),
        "{slot}"
    );
    world.receiver().clear_journal();

    let engine = world.synced(&config).await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(world.requests(), ["DELETE /orders/4", "PUT /orders/3"]);
    assert!(
        engine
            .log()
            .iter()
            .any(|line| line.contains("the server has given up the slot"))
    );
    assert_eq!(status().await["standing"], "safe");
}

/// Before that it is said: in the log, in the metrics, and by `status`.
#[tokio::test]
async fn g11_a_slot_that_will_be_given_up_is_warned_of() {
    let settings = ClusterSettings {
        max_slot_wal_keep_size: Some("48MB".to_owned()),
        ..ClusterSettings::default()
    };
    let world = World::apart(settings).await;
    world.shop().await;
    world.stock_shop(3, 30).await;
    let config = world.config(&format!("{SHOP}\n[source]\nheartbeat = \"100ms\"\n"));
    let engine = world.synced(&config).await;
    // A transaction that has written, and stays open, keeps the server from letting go of WAL.
    let open = world.connect().await;
    open.batch_execute("begin; update orders set status = 'open' where id = 1")
        .await
        .unwrap();
    world.sql("create table diary (text text)").await;
    world
        .sql("insert into diary select repeat('x', 1000) from generate_series(1, 30000)")
        .await;
    let warned = |line: &Value| field(line, "message").is_some_and(|message| message.contains("will be lost"));
    engine.wait_for_log(DEADLINE, "the warning", warned).await;
    // All but the open transaction is read soon; it is what holds the slot then.
    let said = eventually(DEADLINE, "who holds the slot", async || {
        let output = world.walsift(&["status", "--config", config.to_str().unwrap()]).await;
        let text = String::from_utf8(output.stdout).unwrap();
        text.contains("for an open transaction").then_some(text)
    });
    let text = said.await;
    assert!(text.contains("before it is in danger"), "{text}");
    assert!(engine.metric("walsift_slot_kept_bytes", &[]).await > 20 << 20);
    assert_eq!(engine.metric("walsift_slot_standing", &[("standing", "safe")]).await, 1);
}
