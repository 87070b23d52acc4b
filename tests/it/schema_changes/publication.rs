//! What is published while the tables change: never what would make the application's own writes fail.

use super::{CUSTOMERS, shop_and_customers};
use crate::world::{DEADLINE, SHOP_ORDERS, World, eventually};

#[tokio::test]
async fn old_values_that_are_no_longer_carried_pause_with_the_statement_that_mends_it() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let _engine = world.synced(&world.config(&shop_and_customers(&world))).await;
    world.sql("alter table order_lines replica identity default").await;
    let reason = world.paused("orders").await;
    let remedy = "alter table \"public\".\"order_lines\" replica identity using index \"order_lines_identity\";";
    assert!(reason.contains(remedy), "{reason}");
    world
        .sql("update order_lines set order_id = 7 where order_id = 2; delete from order_lines where order_id = 3")
        .await;
    world.sql(remedy).await;
    world.at_work("orders").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_table_without_a_replica_identity_is_published_no_longer() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let _engine = world.synced(&world.config(&shop_and_customers(&world))).await;
    world.sql("alter table orders replica identity nothing").await;
    let reason = world.paused("orders").await;
    assert!(reason.contains("no replica identity"), "{reason}");
    // The application writes again.
    let written = async || {
        let client = world.client().await;
        client.batch_execute("update orders set status = 'ours'").await.ok()
    };
    eventually(DEADLINE, "a write that is not rejected", written).await;
    world.sql("update customers set email = 'new'").await;
    world.converges(CUSTOMERS, "/customers/").await;
    world.sql("alter table orders replica identity default").await;
    world.at_work("orders").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    world.sql("update orders set status = 'published again'").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// Postgres does not take it for a replica identity.
#[tokio::test]
async fn a_table_with_a_deferrable_key_is_published_no_longer() {
    let world = World::new().await;
    world
        .sql("create table items (id bigint primary key, name text); insert into items values (1, 'one')")
        .await;
    let _engine = world.synced(&world.config(&super::items(&world, ""))).await;
    world
        .sql("alter table items drop constraint items_pkey, add primary key (id) deferrable")
        .await;
    world.paused("items").await;
    let written = async || {
        let client = world.client().await;
        client.batch_execute("update items set name = 'ours'").await.ok()
    };
    eventually(DEADLINE, "a write that is not rejected", written).await;
}

#[tokio::test]
async fn all_tables_without_a_replica_identity_leave_an_empty_publication() {
    let world = World::new().await;
    world
        .sql("create table items (id bigint primary key, name text); insert into items values (1, 'one')")
        .await;
    let _engine = world.synced(&world.config(&super::items(&world, ""))).await;
    world.sql("alter table items replica identity nothing").await;
    world.paused("items").await;
    let written = async || {
        let client = world.client().await;
        client.batch_execute("update items set name = 'ours'").await.ok()
    };
    eventually(DEADLINE, "a write that is not rejected", written).await;
    // With nobody at work the slot moves all the same.
    world.sql("alter table items replica identity full").await;
    world.at_work("items").await;
    world.settled().await;
    world
        .assert_converged("select '/items/' || id, to_jsonb(i) from items i", "/items/")
        .await;
}

#[tokio::test]
async fn a_table_that_somebody_has_taken_out_of_the_publication_is_put_back() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let _engine = world.synced(&world.config(&shop_and_customers(&world))).await;
    world.sql("alter publication walsift drop table orders").await;
    world.sql("update orders set status = 'unseen' where id = 3").await;
    world.converges(SHOP_ORDERS, "/orders/").await;
    world.sql("update orders set status = 'seen' where id = 4").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn tables_of_a_paused_sync_stay_published() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let _engine = world.synced(&world.config(&shop_and_customers(&world))).await;
    let published = "select string_agg(prrelid::text || prxmin, ',' order by prrelid)
                       from (select prrelid, xmin::text as prxmin from pg_publication_rel) r";
    let before: String = world.value(published).await;
    world.sql("alter table orders rename to renamed").await;
    world.paused("orders").await;
    world.sql("update customers set email = 'new'").await;
    world.converges(CUSTOMERS, "/customers/").await;
    assert_eq!(world.value::<String>(published).await, before);
    world.sql("alter table renamed rename to orders").await;
    world.at_work("orders").await;
    world.settled().await;
    assert_eq!(world.value::<String>(published).await, before);
}
