//! `walsift plan`: what it shows of a configuration.

use insta::assert_snapshot;
use serde_json::Value;

use crate::world::{SHOP, World};

/// Exit status and standard output.
async fn plan(world: &World, config: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let file = world.config(config);
    let file = file.to_str().unwrap();
    let output = world.walsift(&[&["plan", "--config", file], arguments].concat()).await;
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

async fn shown(world: &World, config: &str) -> String {
    let (status, text) = plan(world, config, &[]).await;
    assert_eq!(status, Some(0), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    text
}

#[tokio::test]
async fn a_shop_is_drawn_with_its_ways_and_a_hot_product() {
    let world = World::with_shop().await;
    world.stock_shop(40, 4000).await;
    world
        .sql("update order_lines set product_id = 7 where id % 2 = 1; analyze")
        .await;
    assert_snapshot!(shown(&world, SHOP).await);
}

#[tokio::test]
async fn what_was_never_analysed_and_has_no_index_is_said_so() {
    let world = World::with_shop().await;
    world
        .sql(
            "drop index orders_customer_id; drop index order_lines_product_id;
             alter table order_lines replica identity default",
        )
        .await;
    let file = world.config(SHOP);
    let output = world.walsift(&["plan", "--config", file.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(0));
    assert_snapshot!(String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap());
}

#[tokio::test]
async fn listeners_by_hand_and_messages_are_drawn_too() {
    let world = World::with_shop().await;
    world.stock_shop(4, 100).await;
    world.sql("create table rates (currency text primary key, rate numeric); create table settings (id int primary key); analyze").await;
    let config = "
        [syncs.orders]
        table = 'orders'
        sink = 'shop_api'
        document = { id = 'id', rate = \"(select rate from rates where currency = 'EUR')\" }
        [syncs.orders.changes]
        rates = { sql = 'select id from orders where note = any($1)', from = ['currency'] }
        settings = 'all'
        [syncs.orders.messages]
        'shop.orders' = true

        [syncs.totals]
        table = 'orders'
        sink = 'shop_api'
        sql = '''select o.id, json_build_object('total', sum(l.price)) as document
                   from orders o join order_lines l on l.order_id = o.id where o.id = any($1) group by o.id'''
        [syncs.totals.changes]
        orders = ['id']
        order_lines = ['order_id']";
    assert_snapshot!(shown(&world, config).await);
}

#[tokio::test]
async fn tables_between_partitions_and_composite_keys_are_drawn() {
    let world = World::new().await;
    world
        .sql(
            "create table books (shop int, id int, title text, primary key (shop, id)) partition by list (shop);
             create table books_1 partition of books for values in (1);
             create table authors (id int primary key, name text);
             create table book_authors (shop int, book int, author int references authors (id),
                                        primary key (shop, book, author), foreign key (shop, book) references books);
             create index on book_authors (author);
             insert into authors select n, 'A' from generate_series(1, 20) n;
             insert into books select 1, n, 'B' from generate_series(1, 200) n;
             insert into book_authors select 1, n, 1 + n % 20 from generate_series(1, 200) n;
             analyze",
        )
        .await;
    let config = "
        [sinks.shop_api]
        type = 'stdout'
        [syncs.books]
        table = 'books'
        sink = 'shop_api'
        [syncs.books.many.authors]
        through = 'book_authors'
        document = 'name'";
    assert_snapshot!(shown(&world, config).await);
}

#[tokio::test]
async fn facts_are_for_programs_too_and_their_statement_is_the_one_that_builds() {
    let world = World::with_shop().await;
    world.stock_shop(2, 10).await;
    let (status, text) = plan(&world, SHOP, &["orders", "--json"]).await;
    assert_eq!(status, Some(0));
    let facts: Value = serde_json::from_str(&text).unwrap();
    let sync = &facts["syncs"][0];
    assert_eq!(sync["sync"], "orders");
    assert_eq!(sync["key"], serde_json::json!(["id"]));
    let customers = sync["tables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|table| table["table"] == "customers")
        .unwrap();
    assert_eq!(
        customers["columns"],
        serde_json::json!(["id", "first_name", "last_name"])
    );
    assert_eq!(customers["ways"][0]["searches"][0]["index"], "orders_customer_id");
    let keys = vec!["3".to_owned()];
    let rows = world.query(sync["statement"].as_str().unwrap(), &[&keys]).await;
    let document: Value = serde_json::from_str(rows[0].get("document")).unwrap();
    assert_eq!(document["line_count"], 2);
}

#[tokio::test]
async fn a_sync_that_is_not_there_is_refused_with_those_that_are() {
    let world = World::with_shop().await;
    let file = world.config(SHOP);
    let output = world
        .walsift(&["plan", "--config", file.to_str().unwrap(), "ordres"])
        .await;
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "there is no sync `ordres`; there are: orders\n"
    );
}
