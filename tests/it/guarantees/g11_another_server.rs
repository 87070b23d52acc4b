//! G11, for servers that took the place of another: stored progress is bound to the identity of the server, and to the
//! timeline, and never trusted across them.

use walsift::demo::{Cluster, ClusterSettings, Shutdown};

use super::journal::assert_one_at_a_time;
use crate::world::{DEADLINE, Engine, Proxy, SHOP, SHOP_ORDERS, World, eventually, field};

/// A world with 50 orders delivered, its engine, and a standby of its server.
async fn followed(settings: ClusterSettings, config: &str) -> (World, Engine, Cluster) {
    let world = World::apart(settings.clone()).await;
    let standby = world.cluster().standby(settings).await.unwrap();
    world.shop().await;
    world.stock_shop(3, 50).await;
    let engine = world.synced(&world.config(&format!("{SHOP}{config}"))).await;
    (world, engine, standby)
}

/// The server of the world dies, and its standby takes over.
async fn fail_over(world: &World, standby: Cluster) {
    world.cluster().halt(Shutdown::Kill).await.unwrap();
    standby.promote().await.unwrap();
    world.follow(standby);
}

/// What the log gives as the reason for a visit of everything.
async fn gap(engine: &Engine) -> String {
    let said = |line: &serde_json::Value| {
        field(line, "message").is_some_and(|message| message.contains("may have been missed"))
    };
    let line = engine.wait_for_log(DEADLINE, "the gap", said).await;
    field(&line, "reason").unwrap().to_owned()
}

/// The slot was not there: what happened around the failover is found by comparing.
#[tokio::test]
async fn g11_after_a_failover_without_the_slot_only_differences_are_sent() {
    let (world, mut engine, standby) = followed(ClusterSettings::default(), "\n[source]\nfailover = false\n").await;
    engine.kill9();
    world
        .sql("update orders set status = 'unseen' where id in (3, 4)")
        .await;
    world.replayed_by(&standby).await;
    fail_over(&world, standby).await;
    world.sql("delete from orders where id = 5").await;
    world.receiver().clear_journal();

    let config = world.config(&format!("{SHOP}\n[source]\nfailover = false\n"));
    let engine = world.engine(&config);
    world.settled().await;
    assert!(gap(&engine).await.contains("is gone"));
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(world.requests(), ["DELETE /orders/5", "PUT /orders/3", "PUT /orders/4"]);
    assert_one_at_a_time(world.receiver());
}

/// The leases came over with the state, and are renewed more often than it is looked whether the server is another.
#[tokio::test]
async fn g11_after_a_failover_a_process_with_a_short_lease_goes_on() {
    let lease = "\n[engine]\nlease = \"5s\"\n";
    let world = World::apart(ClusterSettings::default()).await;
    let proxy = Proxy::before(&world.url()).await;
    let source = format!("[source]\nurl = \"{}\"\n", proxy.url(&world.url()));
    let standby = world.cluster().standby(ClusterSettings::default()).await.unwrap();
    world.shop().await;
    world.stock_shop(3, 50).await;
    let _engine = world.synced(&world.config(&format!("{SHOP}{lease}{source}"))).await;
    world.replayed_by(&standby).await;
    fail_over(&world, standby).await;
    proxy.lead_to(&world.url());
    world.sql("update orders set status = 'seen' where id = 3").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// Documents went out for changes that did not make it to the standby. The state is elsewhere and knows of them.
#[tokio::test]
async fn g11_what_was_lost_by_a_failover_is_taken_back_at_the_sinks() {
    let elsewhere = World::new().await;
    let config = format!(
        "\n[state]\nurl = \"{}\"\nschema = \"walsift_elsewhere\"\n",
        elsewhere.url()
    );
    let world = World::apart(ClusterSettings::default()).await;
    let standby = world.cluster().standby(ClusterSettings::default()).await.unwrap();
    world.shop().await;
    world.stock_shop(3, 20).await;
    world.replayed_by(&standby).await;
    let mut engine = world.engine(&world.config(&format!("{SHOP}{config}")));
    let held = |world: &World, what: &str| {
        world
            .receiver()
            .look(|ledger| ledger.held().values().filter(|held| held.body.contains(what)).count())
    };
    eventually(DEADLINE, "all orders", async || {
        (held(&world, "Ada") == 20).then_some(())
    })
    .await;

    // Nothing reaches the standby any more.
    world.replayed_by(&standby).await;
    standby.halt(Shutdown::Fast).await.unwrap();
    world.sql("update orders set status = 'lost' where id <= 7").await;
    eventually(DEADLINE, "what will be lost", async || {
        (held(&world, "lost") == 7).then_some(())
    })
    .await;
    engine.kill9();
    world.cluster().halt(Shutdown::Kill).await.unwrap();
    standby.resume().await.unwrap();
    standby.promote().await.unwrap();
    world.follow(standby);

    let engine = world.engine(&world.config(&format!("{SHOP}{config}")));
    eventually(DEADLINE, "nothing lost at the sink", async || {
        (held(&world, "lost") == 0).then_some(())
    })
    .await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let reason = gap(&engine).await;
    assert!(reason.contains("is lost") || reason.contains("restored"), "{reason}");
}

/// Progress from one server means nothing on another, though the slot is there and stands at a fitting position.
#[tokio::test]
async fn g11_another_server_of_the_same_name_is_told_apart() {
    let (world, mut engine, standby) = followed(ClusterSettings::default(), "").await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    drop(standby);
    let seen = "update walsift.progress set system_identifier = system_identifier + 1";
    world.sql(seen).await;
    world.receiver().clear_journal();
    let engine = world.synced(&world.config(SHOP)).await;
    assert!(gap(&engine).await.contains("another server"));
    assert_eq!(world.requests(), [""; 0]);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// Where the standby has kept the slot, reading goes on where it was: nothing is visited, nothing is lost.
#[tokio::test]
async fn g11_after_a_failover_with_the_slot_reading_goes_on() {
    let version: i32 = World::new()
        .await
        .value("select current_setting('server_version_num')::int")
        .await;
    if version < 170_000 {
        // Older servers keep no slots on standbys.
        return;
    }
    let settings = ClusterSettings::default();
    let world = World::apart(settings.clone()).await;
    let standby = world
        .cluster()
        .standby(settings.with("sync_replication_slots", "on"))
        .await
        .unwrap();
    world.shop().await;
    world.stock_shop(3, 50).await;
    let mut engine = world.synced(&world.config(SHOP)).await;
    let name = world.slot().to_owned();
    world.replayed_by(&standby).await;
    let (client, connection) = tokio_postgres::connect(&standby.url(world.database()), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let synced = async || {
        // The standby takes the slot over for good once it has moved past where the standby began.
        world.settled().await;
        let statement = "select from pg_replication_slots where slot_name = $1 and synced and not temporary";
        client.query_opt(statement, &[&name]).await.unwrap().map(|_| ())
    };
    eventually(DEADLINE, "the slot on the standby", synced).await;
    engine.kill9();
    world
        .sql("update orders set status = 'unseen' where id in (3, 4)")
        .await;
    world.replayed_by(&standby).await;
    fail_over(&world, standby).await;
    world.sql("delete from orders where id = 5").await;
    world.receiver().clear_journal();

    let engine = world.engine(&world.config(SHOP));
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let goes_on =
        |line: &serde_json::Value| field(line, "message").is_some_and(|message| message.contains("another timeline"));
    engine.wait_for_log(DEADLINE, "the new timeline", goes_on).await;
    let visited = engine.log().iter().any(|line| line.contains("may have been missed"));
    assert!(!visited);
    assert_one_at_a_time(world.receiver());
}

/// The state went back with the source, and does not know of the last deliveries; the process that made them does.
#[tokio::test]
async fn g11_what_a_failover_made_the_state_forget_is_sent_again() {
    let world = World::apart(ClusterSettings::default()).await;
    let standby = world.cluster().standby(ClusterSettings::default()).await.unwrap();
    world.shop().await;
    world.stock_shop(3, 20).await;
    let (one, other) = (world.cluster().url(world.database()), standby.url(world.database()));
    let host = |url: &str| url.split(['@', '/']).nth(3).unwrap().to_owned();
    let url = format!(
        "postgresql://postgres@{},{}/{}",
        host(&one),
        host(&other),
        world.database()
    );
    let config = world.config(&format!("{SHOP}\n[source]\nurl = \"{url}\"\nfailover = false\n"));
    let engine = world.synced(&config).await;
    let held = |world: &World, what: &str| {
        let held = |held: &&walsift::demo::Held| held.body.contains(what);
        world
            .receiver()
            .look(|ledger| ledger.held().values().filter(held).count())
    };

    world.replayed_by(&standby).await;
    standby.halt(Shutdown::Fast).await.unwrap();
    world.sql("update orders set status = 'lost' where id <= 7").await;
    let lost = async || (held(&world, "lost") == 7).then_some(());
    eventually(DEADLINE, "what will be lost", lost).await;
    world.cluster().halt(Shutdown::Kill).await.unwrap();
    standby.resume().await.unwrap();
    standby.promote().await.unwrap();
    world.follow(standby);

    // By what the state has on record, not one of the seven would differ.
    let taken_back = async || (held(&world, "lost") == 0).then_some(());
    eventually(DEADLINE, "nothing lost at the sink", taken_back).await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
    assert!(gap(&engine).await.contains("is gone"));
}
