//! A dead letter is closed by what was delivered after it.

use std::path::PathBuf;

use serde_json::{Value, json};
use walsift::demo::{Behaviour, Paths};

use crate::world::{DEADLINE, Engine, World, eventually};

const SHOP: &str = "
    [syncs.orders]
    table    = \"orders\"
    sink     = \"shop_api\"
    document = { id = \"id\", status = \"status\" }
    [sinks.shop_api]
    retry = { attempts = 2, base = \"10ms\", max = \"10ms\" }";

/// Three orders that the sink has; then none of them may become what it is to be.
async fn with_dead_letters(answer: u16) -> (World, PathBuf, Engine) {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let config = world.config(SHOP);
    let engine = world.synced(&config).await;
    world.receiver().rule(Paths::All, Behaviour::answer(answer));
    world.sql("update orders set status = 'unwanted'").await;
    world.settled().await;
    world.receiver().clear_rules();
    (world, config, engine)
}

async fn route(world: &World, config: &std::path::Path) -> Value {
    let output = world
        .walsift(&["status", "--json", "--config", config.to_str().unwrap()])
        .await;
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    status["routes"][0].clone()
}

/// The keys of dead letters, and whether they are closed.
async fn letters(world: &World) -> Vec<(String, bool)> {
    let sql = "select key, superseded_at is not null and superseded_by > id
                 from walsift.finished_job where state in ('failed', 'dead') order by key";
    let rows = world.query(sql, &[]).await;
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_newer_delivery_a_delete_and_a_document_that_is_there_close_what_was_refused() {
    let (world, config, engine) = with_dead_letters(422).await;
    assert_eq!(route(&world, &config).await["jobs"]["failed"], 3);
    let open = letters(&world).await;
    assert!(open.len() == 3 && open.iter().all(|(_, closed)| !closed), "{open:?}");

    // Sent; and nothing to be sent, as the sink holds what it held before the refusal.
    world
        .sql("update orders set status = 'sent' where id = 1; update orders set status = 'new' where id = 2")
        .await;
    world.settled().await;
    let closed: Vec<bool> = letters(&world).await.iter().map(|(_, closed)| *closed).collect();
    assert_eq!(closed, [true, true, false]);
    world
        .sql("delete from order_lines; delete from orders where id = 3")
        .await;
    world.settled().await;
    assert!(letters(&world).await.iter().all(|(_, closed)| *closed));

    let counted = async || {
        let route = route(&world, &config).await;
        (route["suppressed"]["superseded"] == 3).then_some(route)
    };
    let route = eventually(DEADLINE, "three that are superseded", counted).await;
    assert_eq!(
        (&route["jobs"]["failed"], &route["suppressed"]["equal"]),
        (&json!(0), &json!(1))
    );
    let labels = [("sync", "orders"), ("reason", "superseded")];
    assert_eq!(engine.metric("walsift_suppressed_total", &labels).await, 3);
}

/// Nobody knows what the sink holds after a 503, so the document is sent again and closes them.
#[tokio::test]
async fn a_newer_delivery_closes_what_ran_out_of_attempts_once() {
    let (world, config, engine) = with_dead_letters(503).await;
    assert_eq!(route(&world, &config).await["jobs"]["dead"], 3);
    for status in ["new", "newer", "newest"] {
        world.sql(&format!("update orders set status = '{status}'")).await;
        world.settled().await;
    }
    assert!(letters(&world).await.iter().all(|(_, closed)| *closed));
    assert_eq!(route(&world, &config).await["jobs"]["dead"], 0);
    let labels = [("sync", "orders"), ("reason", "superseded")];
    assert_eq!(engine.metric("walsift_suppressed_total", &labels).await, 3);
}

#[tokio::test]
async fn what_fails_closes_nothing() {
    let (world, config, _engine) = with_dead_letters(422).await;
    world.receiver().rule(Paths::All, Behaviour::answer(422));
    world.sql("update orders set status = 'as bad'").await;
    world.settled().await;
    assert_eq!(route(&world, &config).await["jobs"]["failed"], 6);
}
