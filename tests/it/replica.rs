//! Building documents on a replica.

use walsift::demo::{Cluster, ClusterSettings, Shutdown};

use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually, field};

/// A world with 20 orders and a replica of its server that has them.
async fn replicated() -> (World, Cluster) {
    let world = World::apart(ClusterSettings::default()).await;
    let replica = world.cluster().standby(ClusterSettings::default()).await.unwrap();
    world.shop().await;
    world.stock_shop(3, 20).await;
    world.replayed_by(&replica).await;
    (world, replica)
}

fn config(world: &World, replica: &Cluster, more: &str) -> std::path::PathBuf {
    let url = replica.url(world.database());
    world.config(&format!("{SHOP}\n[source]\nread_url = \"{url}\"\n{more}"))
}

/// Statements over the orders that were run on a server for building documents.
async fn on_replica(replica: &Cluster, world: &World, statement: &str) {
    let (client, connection) = tokio_postgres::connect(&replica.url(world.database()), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap();
}

#[tokio::test]
async fn documents_are_built_on_the_replica_and_show_the_change_that_caused_them() {
    let (world, replica) = replicated().await;
    let engine = world.synced(&config(&world, &replica, "")).await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(engine.metric("walsift_reading_replica", &[]).await, 1);

    // The replica stands still: nothing is built from it, and nothing old is sent.
    on_replica(&replica, &world, "select pg_wal_replay_pause()").await;
    world.receiver().clear_journal();
    let waiting = config(&world, &replica, "read_wait = \"250ms\"\nread_fallback = false\n");
    drop(engine);
    let engine = world.engine(&waiting);
    world.sql("update orders set status = 'paid' where id <= 3").await;
    let late = eventually(DEADLINE, "the complaint", async || {
        let (_, body) = engine.admin("/readyz").await;
        body.contains("the replica is late").then_some(body)
    });
    late.await;
    assert_eq!(world.requests(), [""; 0]);
    on_replica(&replica, &world, "select pg_wal_replay_resume()").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(engine.metric("walsift_reading_replica", &[]).await, 1);
}

#[tokio::test]
async fn builds_go_to_the_source_while_the_replica_is_late_or_away() {
    let (world, replica) = replicated().await;
    let engine = world.synced(&config(&world, &replica, "read_wait = \"250ms\"\n")).await;
    let warned = |line: &serde_json::Value| {
        field(line, "message").is_some_and(|message| message.contains("built on the source"))
    };
    let again = |line: &serde_json::Value| {
        field(line, "message").is_some_and(|message| message.contains("on the replica again"))
    };

    on_replica(&replica, &world, "select pg_wal_replay_pause()").await;
    world.sql("update orders set status = 'paid' where id <= 3").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    engine.wait_for_log(DEADLINE, "the warning", warned).await;

    on_replica(&replica, &world, "select pg_wal_replay_resume()").await;
    let number = std::cell::Cell::new(0);
    let back = eventually(DEADLINE, "the replica in use again", async || {
        // Each build may try it.
        number.set(number.get() + 1);
        world
            .sql(&format!(
                "update orders set status = 'try {}' where id = 1",
                number.get()
            ))
            .await;
        let lines = engine.log();
        let mut lines = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
        lines.find(again).map(|_: serde_json::Value| ())
    });
    back.await;

    replica.halt(Shutdown::Kill).await.unwrap();
    world.sql("update customers set last_name = 'Lovelace'").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn another_server_is_no_replica() {
    let (world, other) = (World::with_shop().await, World::apart(ClusterSettings::default()).await);
    let file = world.config(&format!("{SHOP}\n[source]\nread_url = \"{}\"\n", other.url()));
    let output = world.walsift(&["check", "--config", file.to_str().unwrap()]).await;
    let text = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("it is another server") && text.contains("read_url"),
        "{text}"
    );
}

/// It still follows the server that a failover has left behind, and is far ahead by its positions.
#[tokio::test]
async fn a_replica_that_stayed_on_the_timeline_before_is_not_read_from() {
    let (world, replica) = replicated().await;
    // A copy of its primary's, which nobody uses.
    on_replica(&replica, &world, "select pg_drop_replication_slot('standby')").await;
    let standby = replica.standby(ClusterSettings::default()).await.unwrap();
    world.replayed_by(&standby).await;
    standby.promote().await.unwrap();
    world
        .sql("create table ballast as select n, repeat('x', 100) from generate_series(1, 50000) as n")
        .await;
    world.replayed_by(&replica).await;
    world.follow(standby);

    let engine = world.synced(&config(&world, &replica, "")).await;
    world.sql("update orders set status = 'paid' where id <= 3").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(engine.metric("walsift_reading_replica", &[]).await, 0);
}
