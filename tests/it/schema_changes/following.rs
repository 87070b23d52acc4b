//! Changes of the tables that change documents without changing a row, and those that change nothing.

use super::{generations, items};
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually};

#[tokio::test]
async fn a_column_added_to_a_whole_row_is_sent() {
    let world = World::new().await;
    world.sql("create table items (id bigint primary key, name text); insert into items select n, 'item' from generate_series(1, 3) n").await;
    let _engine = world.synced(&world.config(&items(&world, ""))).await;
    world.sql("alter table items add color text default 'red'").await;
    world
        .converges("select '/items/' || id, to_jsonb(i) from items i", "/items/")
        .await;
    world.sql("update items set color = 'blue' where id = 2").await;
    world.sql("alter table items drop name").await;
    world
        .converges("select '/items/' || id, to_jsonb(i) from items i", "/items/")
        .await;
}

#[tokio::test]
async fn a_column_that_no_document_reads_comes_and_goes_unnoticed() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let engine = world.synced(&world.config(SHOP)).await;
    world.receiver().clear_journal();
    world
        .sql("alter table orders add shelf text; update orders set shelf = 'A' where id = 1")
        .await;
    world
        .sql("alter table orders drop shelf; alter table customers drop email")
        .await;
    world.sql("update orders set status = 'paid' where id = 2").await;
    world.settled().await;
    assert_eq!(world.requests(), ["PUT /orders/2"]);
    assert_eq!(generations(&engine), 0);
}

#[tokio::test]
async fn a_value_added_to_an_enum_changes_nothing() {
    let world = World::new().await;
    world
        .sql("create type size as enum ('S'); create table items (id bigint primary key, size size); insert into items values (1, 'S')")
        .await;
    let engine = world.synced(&world.config(&items(&world, ""))).await;
    world.receiver().clear_journal();
    world.sql("alter type size add value 'L'").await;
    world.sql("insert into items values (2, 'L')").await;
    world.settled().await;
    assert_eq!(world.requests(), ["PUT /items/2"]);
    assert_eq!(generations(&engine), 0);
}

#[tokio::test]
async fn values_made_anew_by_a_change_of_type_are_sent() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let _engine = world.synced(&world.config(SHOP)).await;
    // The same type even: not a row of it is in the stream.
    world
        .sql("alter table order_lines alter price type numeric(12, 2) using price * 100")
        .await;
    world.converges(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn columns_that_exchange_their_names_are_noticed() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    world.sql("update orders set note = 'a note'").await;
    let _engine = world.synced(&world.config(SHOP)).await;
    world
        .sql("alter table orders rename note to other; alter table orders rename status to note; alter table orders rename other to status")
        .await;
    world.converges(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_link_of_another_type_goes_on() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let engine = world.synced(&world.config(SHOP)).await;
    world.sql("alter table orders alter customer_id type integer").await;
    eventually(DEADLINE, "another generation", async || {
        (generations(&engine) == 1).then_some(())
    })
    .await;
    world
        .sql("update customers set last_name = 'Lovelace' where id = 2")
        .await;
    world.converges(SHOP_ORDERS, "/orders/").await;
    world.sql("alter table orders alter customer_id type bigint").await;
    world
        .sql("update customers set last_name = 'Hopper' where id = 3; update orders set customer_id = 1 where id = 4")
        .await;
    world.converges(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_table_made_anew_under_its_name_is_read_from_then_on() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let _engine = world.synced(&world.config(SHOP)).await;
    world
        .sql(
            "create table fresh (like order_lines including all);
             alter table fresh add foreign key (order_id) references orders, add foreign key (product_id) references products;
             insert into fresh select id, order_id, product_id, qty + 1, price from order_lines where order_id <> 3;
             drop table order_lines;
             alter table fresh rename to order_lines;
             alter table order_lines replica identity full;",
        )
        .await;
    world.sql("update order_lines set qty = 70 where order_id = 4").await;
    world.converges(SHOP_ORDERS, "/orders/").await;
    world
        .sql("update order_lines set qty = 80 where order_id = 5; delete from order_lines where order_id = 6")
        .await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// Within a transaction, so that nobody ever sees it but the stream.
#[tokio::test]
async fn a_table_renamed_for_a_moment_is_still_the_same() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let engine = world.synced(&world.config(SHOP)).await;
    world
        .sql(
            "alter table orders rename to moment;
             update moment set status = 'moment' where id = 3;
             alter table moment rename to orders",
        )
        .await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(generations(&engine), 0);
}

#[tokio::test]
async fn a_column_of_a_link_renamed_for_a_moment_is_still_the_same() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let _engine = world.synced(&world.config(SHOP)).await;
    world
        .sql(
            "alter table order_lines rename order_id to moment;
             delete from order_lines where moment = 3;
             alter table order_lines rename moment to order_id",
        )
        .await;
    world.converges(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn rows_of_partitions_attached_and_detached_are_noticed() {
    let world = World::new().await;
    world
        .sql(
            "create table items (id bigint primary key, name text) partition by range (id);
             create table items_1 partition of items for values from (0) to (100);
             insert into items select n, 'item' from generate_series(1, 5) n;
             create table items_2 (id bigint primary key, name text);
             insert into items_2 select n, 'attached' from generate_series(101, 105) n;",
        )
        .await;
    let documents = "select '/items/' || id, to_jsonb(i) from items i";
    let engine = world.synced(&world.config(&items(&world, ""))).await;
    world
        .sql("alter table items attach partition items_2 for values from (100) to (200)")
        .await;
    world.converges(documents, "/items/").await;
    world.sql("update items set name = 'changed' where id = 102").await;
    world.converges(documents, "/items/").await;
    world.settled().await;
    // One that is made ahead of its rows changes no document.
    let before = generations(&engine);
    let built = async || {
        engine
            .metric("walsift_subjects_built_total", &[("sync", "items")])
            .await
    };
    let built_before = built().await;
    world.receiver().clear_journal();
    world
        .sql("create table items_3 partition of items for values from (200) to (300)")
        .await;
    let noticed = async || (generations(&engine) > before).then_some(());
    eventually(DEADLINE, "another generation", noticed).await;
    world.sql("insert into items values (201, 'new')").await;
    world.settled().await;
    world.assert_converged(documents, "/items/").await;
    assert_eq!(world.requests(), ["PUT /items/201"]);
    assert_eq!(built().await - built_before, 1);

    world.sql("alter table items detach partition items_1").await;
    world.converges(documents, "/items/").await;
}

/// A value that was mapped by the old plan may suit no column of the new one.
#[tokio::test]
async fn a_look_up_that_can_never_work_again_is_given_up_for_a_visit_of_all() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let engine = world.synced(&world.config(SHOP)).await;
    world
        .sql(
            "insert into walsift.visit (route, kind, node, argument, priority, created_at, run_at)
             select id, 'lookup', 'customer', '[\"no number\"]', 1, now(), now() from walsift.route",
        )
        .await;
    let is_stuck = async || (engine.admin("/readyz").await.0 != 200).then_some(());
    eventually(DEADLINE, "the look-up fails", is_stuck).await;
    world
        .sql("alter table customers alter column last_name type varchar(200) using upper(last_name)")
        .await;
    world.settled().await;
    world.converges(SHOP_ORDERS, "/orders/").await;
    let is_well = async || (engine.admin("/readyz").await.0 == 200).then_some(());
    eventually(DEADLINE, "all is well", is_well).await;
}
