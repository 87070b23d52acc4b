//! Logical messages: an application names subjects itself, and what Walsift wrote itself sends nothing more.

use std::time::Duration;

use crate::world::{DEADLINE, Engine, World, field};

/// Its documents change with the `clock`, which is in no publication: only a message says so.
async fn clocked() -> (World, Engine) {
    let world = World::with_shop().await;
    world.stock_shop(1, 5).await;
    world.sql("create table clock as select 1 as now").await;
    let config = world.config(
        "[syncs.orders]
         table = \"orders\"
         sink = \"shop_api\"
         document = { id = \"id\", now = \"shop_now()\" }
         messages = { \"shop.orders\" = true }",
    );
    world
        .sql("create function shop_now() returns int language sql as 'select now from clock'")
        .await;
    let engine = world.synced(&config).await;
    world.sql("update clock set now = now + 1").await;
    (world, engine)
}

/// A message in a transaction of its own.
fn message(transactional: bool, content: &str) -> String {
    format!("select pg_logical_emit_message({transactional}, 'shop.orders', '{content}')")
}

#[tokio::test]
async fn a_message_names_one_subject_or_several() {
    let (world, _engine) = clocked().await;
    assert_eq!(world.caused_by(&message(true, "[2]")).await, ["PUT /orders/2"]);
    let several = world.caused_by(&message(true, r#"[["1"], [3], [77]]"#)).await;
    assert_eq!(several, ["PUT /orders/1", "PUT /orders/3"]);
    // Nothing has changed since.
    assert!(world.caused_by(&message(true, "[2]")).await.is_empty());
}

#[tokio::test]
async fn a_message_belongs_to_its_transaction_or_to_none() {
    let (world, _engine) = clocked().await;
    let rolled_back = format!("begin; {}; {}; rollback", message(true, "[1]"), message(false, "[2]"));
    assert_eq!(world.caused_by(&rolled_back).await, ["PUT /orders/2"]);
    let committed = format!(
        "begin; update clock set now = now + 1; {}; commit",
        message(true, "[1]")
    );
    assert_eq!(world.caused_by(&committed).await, ["PUT /orders/1"]);
}

#[tokio::test]
async fn keys_of_several_columns_come_as_arrays() {
    let world = World::new().await;
    world
        .sql(
            "create table prices (region text, sku uuid, amount int, primary key (region, sku));
             create table rates as select 1 as rate;
             insert into prices values ('de:1', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 5), ('fr', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 7)",
        )
        .await;
    world
        .sql("create function rate() returns int language sql as 'select rate from rates'")
        .await;
    let config = world.config(&format!(
        "[sinks.shop_api]
         type = \"http\"
         url = \"{}/prices/{{region}}/{{sku}}\"
         [syncs.prices]
         table = \"prices\"
         sink = \"shop_api\"
         document = {{ amount = \"amount * rate()\" }}
         messages = {{ prices = true }}",
        world.receiver().url()
    ));
    let _engine = world.synced(&config).await;
    let sent = world
        .caused_by(
            "update rates set rate = 2;
             select pg_logical_emit_message(true, 'prices', '[[\"de:1\", \"A0EEBC999C0B4EF8BB6D6BB9BD380A11\"], [\"es\", \"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"]]')",
        )
        .await;
    assert_eq!(sent, ["PUT /prices/de%3A1/a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]);
}

#[tokio::test]
async fn a_malformed_message_is_said_and_counted_and_stops_nothing() {
    let (world, engine) = clocked().await;
    let sent = world
        .caused_by(&format!(
            "{}; {}; {}",
            message(true, "no json, and long it is, ".repeat(20).as_str()),
            message(true, "[1, 2]"),
            message(true, "[4]")
        ))
        .await;
    assert_eq!(sent, ["PUT /orders/4"]);
    let malformed = [("sync", "orders")];
    assert_eq!(engine.metric("walsift_messages_malformed_total", &malformed).await, 2);
    let warning = engine
        .wait_for_log(Duration::from_secs(5), "a warning", |line| {
            field(line, "message").is_some_and(|message| message.starts_with("a message names no subjects"))
        })
        .await;
    assert_eq!(field(&warning, "prefix"), Some("shop.orders"));
    assert_eq!(field(&warning, "content").map(str::len), Some(80));
}

#[tokio::test]
async fn ten_thousand_messages_in_one_transaction_send_each_subject_once() {
    let (world, _engine) = clocked().await;
    let sent = world
        .caused_by(
            "select pg_logical_emit_message(true, 'shop.orders', json_build_array(1 + n % 5)::text) from generate_series(1, 10000) n",
        )
        .await;
    assert_eq!(sent, (1..=5).map(|id| format!("PUT /orders/{id}")).collect::<Vec<_>>());
}

/// A writer of messages that concern nobody must not make this program write.
#[tokio::test]
async fn messages_of_others_write_no_progress() {
    let (world, _engine) = clocked().await;
    world
        .sql(
            "create table writes ();
             create function count_write() returns trigger language plpgsql as 'begin insert into public.writes default values; return null; end';
             create trigger count_writes after update on walsift.progress execute function public.count_write()",
        )
        .await;
    world.receiver().clear_journal();
    for transactional in ["true", "false"].into_iter().cycle().take(40) {
        world
            .sql(&format!(
                "select pg_logical_emit_message({transactional}, 'other', 'x')"
            ))
            .await;
    }
    // Once this one has caused something, those before have been read.
    world.sql(&message(false, "[3]")).await;
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    assert_eq!(world.value::<i64>("select count(*) from writes").await, 1);
}

/// Two syncs of the same table, each to a place of its own.
#[tokio::test]
async fn what_a_sync_wrote_itself_is_news_to_the_others_only() {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let config = world.config(&format!(
        "[sinks.other]
         type = \"http\"
         url = \"{}/other/{{id}}\"
         [syncs.orders]
         table = \"orders\"
         sink = \"shop_api\"
         [syncs.others]
         table = \"orders\"
         sink = \"other\"",
        world.receiver().url()
    ));
    let engine = world.synced(&config).await;
    let own = |slot: &str, sync: &str, statements: &str| {
        format!(
            "begin; select pg_logical_emit_message(true, 'walsift.after_publish', '{slot}/{sync}'); {statements}; commit"
        )
    };
    let sent = world
        .caused_by(&own(
            world.slot(),
            "orders",
            "update orders set status = 'a' where id < 3",
        ))
        .await;
    assert_eq!(sent, ["PUT /other/1", "PUT /other/2"]);
    let filtered = [("sync", "orders"), ("reason", "filtered")];
    assert_eq!(engine.metric("walsift_suppressed_total", &filtered).await, 2);

    // Neither another installation's, nor one that comes too late, nor the transaction after it.
    let both = ["PUT /orders/3", "PUT /other/3"];
    let others = own("another", "orders", "update orders set status = 'b' where id = 3");
    assert_eq!(world.caused_by(&others).await, both);
    let late = own(world.slot(), "orders", "").replace("begin;", "begin; update orders set status = 'c' where id = 3;");
    assert_eq!(world.caused_by(&late).await, both);
    assert_eq!(
        world.caused_by("update orders set status = 'd' where id = 3").await,
        both
    );
    assert_eq!(engine.metric("walsift_suppressed_total", &filtered).await, 2);
}
