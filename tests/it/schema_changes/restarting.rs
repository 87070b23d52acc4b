//! A start while the tables are not as they should be.

use super::{CUSTOMERS, shop_and_customers};
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World};

#[tokio::test]
async fn a_start_after_a_migration_that_broke_one_sync_goes_on_with_the_others() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let config = world.config(&shop_and_customers(&world));
    let mut engine = world.synced(&config).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world.sql("alter table orders rename column status to state").await;
    world
        .sql("update customers set email = 'night'; update orders set state = 'unseen'")
        .await;

    let engine = world.engine(&config);
    let reason = world.paused("orders").await;
    assert!(reason.contains("status"), "{reason}");
    world.converges(CUSTOMERS, "/customers/").await;
    assert_eq!(engine.admin("/readyz").await.0, 503);
    world.sql("alter table orders rename column state to status").await;
    world.at_work("orders").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(engine.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn a_configuration_that_was_changed_and_does_not_fit_is_refused() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let body = shop_and_customers(&world);
    let mut engine = world.synced(&world.config(&body)).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let mistaken = body.replace("\"status\"", "\"statsu\"");
    assert_ne!(mistaken, body);
    let mut engine = world.engine(&world.config(&mistaken));
    assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(2));
    assert!(engine.log().iter().any(|line| line.contains("statsu")));
}

#[tokio::test]
async fn a_sync_that_was_added_and_does_not_fit_is_refused() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let body = shop_and_customers(&world);
    let mut engine = world.synced(&world.config(&body)).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let more = format!("{body}\n[syncs.more]\ntable = \"nowhere\"\nsink = \"crm\"");
    let mut engine = world.engine(&world.config(&more));
    assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(2));
    assert!(engine.log().iter().any(|line| line.contains("nowhere")));
}

/// Columns that no document reads come and go: while a process runs, while none does, and between two processes.
#[tokio::test]
async fn columns_that_nothing_reads_come_and_go_without_any_work() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    world
        .sql("alter table order_lines add column passing text; alter table orders add column passing text")
        .await;
    let config = world.config(SHOP);
    let mut engine = world.synced(&config).await;
    world
        .sql("alter table order_lines drop column passing; alter table customers add column passing text")
        .await;
    assert_eq!(
        world
            .caused_by("update order_lines set qty = qty + 1 where order_id = 3")
            .await,
        ["PUT /orders/3"]
    );
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    world
        .sql("alter table orders drop column passing; alter table products add column passing text")
        .await;
    let next = world.synced(&config).await;
    assert_eq!(
        world
            .caused_by("update products set name = 'Tea' where id = 1")
            .await
            .len(),
        7
    );
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    for line in engine
        .log()
        .iter()
        .skip_while(|line| !line.contains("reading the slot"))
        .chain(&next.log())
    {
        assert!(
            !line.contains("every subject") && !line.contains("cannot build"),
            "{line}"
        );
    }
}

/// The catalogue still has the column when it is read, and no longer when Postgres is asked about the statements.
#[tokio::test]
async fn a_column_that_goes_during_a_start_does_not_matter_if_no_document_reads_it() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    world.sql("alter table order_lines add shelf text").await;
    let migration = world.connect().await;
    let drops = "begin; alter table order_lines drop shelf";
    migration.batch_execute(drops).await.unwrap();
    let _engine = world.engine(&world.config(SHOP));
    let waits = "select count(*) > 0 from pg_locks where not granted and relation = 'order_lines'::regclass";
    world.wait_until_true(waits).await;
    migration.batch_execute("commit").await.unwrap();
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}
