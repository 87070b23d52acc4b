//! What a changed configuration means, said at the start.

use walsift::config::Config;
use walsift::pipeline::{self, Databases, Meaning, Part};

use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, field};

/// Runs the shop, stops, starts with another configuration, and answers with what that engine says of `orders`.
async fn said_of(world: &World, first: &str, then: &str) -> Vec<String> {
    let mut engine = world.synced(&world.config(first)).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world.receiver().clear_journal();
    let engine = world.synced(&world.config(then)).await;
    let lines = engine.log();
    let lines = lines
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter(|line| field(line, "sync") == Some("orders") && line["backfill"].is_null())
        .map(|line| field(&line, "message").unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn an_unchanged_one_means_nothing() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let said = said_of(&world, SHOP, &format!("{SHOP}\n[engine]\nworkers = 2")).await;
    assert_eq!(said, [""; 0]);
    assert_eq!(world.requests(), [""; 0]);
}

#[tokio::test]
async fn another_document_means_that_every_subject_is_built_again() {
    let world = World::with_shop().await;
    world.stock_shop(3, 3).await;
    let said = said_of(&world, SHOP, &SHOP.replace("\"status\"", "\"upper(status)\"")).await;
    assert_eq!(
        said,
        ["its document is another one: every subject is built again, and sent where it differs"]
    );
    assert_eq!(world.requests(), ["PUT /orders/1", "PUT /orders/2", "PUT /orders/3"]);
}

#[tokio::test]
async fn another_way_to_subjects_means_that_every_subject_is_visited() {
    let world = World::with_shop().await;
    world.stock_shop(3, 3).await;
    world.sql("create table rates (id bigint primary key)").await;
    let then = format!("{SHOP}\n[syncs.orders.changes]\nrates = \"all\"");
    let said = said_of(&world, SHOP, &then).await;
    let wanted = "the ways from changed rows to its subjects are others";
    assert!(said.iter().any(|said| said.contains(wanted)), "{said:?}");
    assert_eq!(world.requests(), [""; 0]);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_column_made_anew_while_nobody_looked_is_noticed_at_the_start() {
    let world = World::with_shop().await;
    world.stock_shop(3, 3).await;
    let config = world.config(SHOP);
    let mut engine = world.synced(&config).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world
        .sql("alter table order_lines alter price type numeric(12, 2) using price + 1")
        .await;
    let engine = world.synced(&config).await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let said = "tables or columns that it reads are not those that they were: every subject is visited, and sent where it differs";
    assert!(engine.log().iter().any(|line| line.contains(said)));
}

#[tokio::test]
async fn it_can_be_asked_before_anything_is_started() {
    let world = World::with_shop().await;
    world.stock_shop(3, 3).await;
    let asked = async |body: &str| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let loaded = Config::load(&world.config(body), &|_| None).unwrap();
        let databases = Databases::open(&loaded.config).unwrap();
        let prepared = pipeline::prepare(&loaded.config, &databases.source).await.unwrap();
        let meanings = pipeline::meanings(&loaded.config, &prepared, &databases.state)
            .await
            .unwrap();
        meanings
            .into_iter()
            .map(|route| (route.sync, route.meaning))
            .collect::<Vec<_>>()
    };
    let orders = |meaning| vec![("orders".to_owned(), meaning)];
    assert_eq!(asked(SHOP).await, orders(Meaning::New));
    let _engine = world.synced(&world.config(SHOP)).await;
    assert_eq!(asked(SHOP).await, orders(Meaning::Nothing));
    let other_document = SHOP.replace("\"status\"", "\"upper(status)\"");
    assert_eq!(
        asked(&other_document).await,
        orders(Meaning::ReBuild(vec![Part::Document]))
    );
    let other_key = SHOP.replace("[syncs.orders]", "[syncs.orders]\nkey = [\"customer_id\", \"id\"]");
    world
        .sql("create unique index on orders (customer_id, id); alter table orders replica identity full")
        .await;
    assert_eq!(asked(&other_key).await, orders(Meaning::OtherKey));
    let more = format!("{SHOP}\n[syncs.more]\ntable = \"customers\"\nsink = \"shop_api\"");
    assert_eq!(asked(&more).await[1], ("more".to_owned(), Meaning::New));
}
