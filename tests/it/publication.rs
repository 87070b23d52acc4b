//! What the publication shows, and that it never makes the application's own writes fail for long.

use std::time::Duration;

use tokio::time::Instant;

use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually};

const LISTS: &str = "\n[source]\ncolumn_lists = true\n";

impl World {
    /// Not on Postgres 14.
    async fn has_column_lists(&self) -> bool {
        self.major().await >= 15
    }

    /// How many tables are published with a column list, and how many without.
    async fn published(&self) -> (i64, i64) {
        // Version 14 has no such column of the catalogue.
        let count = "count(*) filter (where to_jsonb(r) ->> 'prattrs' is";
        let statement = format!("select {count} not null), {count} null) from pg_publication_rel r");
        let row = self.query_one(&statement, &[]).await;
        (row.get(0), row.get(1))
    }

    /// The columns that the publication shows of a table.
    async fn shown(&self, table: &str) -> Vec<String> {
        self.value(&format!(
            "select attnames::text[] from pg_publication_tables where pubname = 'walsift' and tablename = '{table}'"
        ))
        .await
    }

    /// Waits until the publication shows these.
    async fn wait_until_shown(&self, table: &str, columns: &[&str]) {
        eventually(DEADLINE, "other columns shown", async || {
            (self.shown(table).await == columns).then_some(())
        })
        .await;
    }
}

/// From Postgres 15 on.
#[tokio::test]
async fn columns_that_do_not_count_are_left_out_where_that_is_wanted() {
    let world = World::with_shop().await;
    if !world.has_column_lists().await {
        return;
    }
    world
        .sql(
            "alter table customers add code text not null, add nick text, add twice bigint generated always as (id * 2) stored;
             create unique index on customers (code);
             create unique index on customers (nick);
             create unique index on customers (lower(email))",
        )
        .await;
    world.stock_shop(0, 0).await;
    world
        .sql("insert into customers (first_name, last_name, code) values ('Ada', 'Byron', 'a')")
        .await;
    world.sql("insert into products (name) values ('Tea'), ('Milk')").await;
    world.sql("insert into orders (customer_id) values (1), (1)").await;
    world
        .sql("insert into order_lines (order_id, product_id, price) values (1, 1, 2), (2, 2, 1)")
        .await;
    let config = world.config(&format!("{SHOP}{LISTS}"));
    let _engine = world.synced(&config).await;

    // Whatever could become the identity is in: a unique index over columns that are never null.
    assert_eq!(
        world.shown("customers").await,
        ["id", "first_name", "last_name", "code"]
    );
    assert_eq!(world.shown("orders").await, ["id", "status", "customer_id"]);
    assert_eq!(world.shown("products").await, ["id", "name"]);
    // Nothing could be left out.
    assert_eq!(
        world.shown("order_lines").await,
        ["id", "order_id", "product_id", "qty", "price"]
    );
    assert_eq!(world.published().await, (3, 1));

    let sent = world
        .caused_by(
            "update customers set email = 'x@y'; update products set price = 9; update orders set note = 'n', warehouse_code = 'w';
             update orders set status = 'sent' where id = 2",
        )
        .await;
    assert_eq!(sent, ["PUT /orders/2"]);
    let moved = world
        .caused_by(
            "update order_lines set order_id = 1, qty = 5 where id = 2; update customers set last_name = 'Lovelace'",
        )
        .await;
    assert_eq!(moved, ["PUT /orders/1", "PUT /orders/2"]);
    let gone = world.caused_by("delete from orders where id = 2").await;
    assert_eq!(gone, ["DELETE /orders/2"]);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// From Postgres 15 on.
#[tokio::test]
async fn tables_may_be_published_with_their_schema() {
    let world = World::with_shop().await;
    if world.major().await < 15 {
        return;
    }
    world.stock_shop(1, 1).await;
    world
        .sql("create publication walsift for tables in schema public with (publish_via_partition_root = true)")
        .await;
    let _engine = world
        .synced(&world.config(&format!("{SHOP}\n[source]\nmanage = false\n")))
        .await;
    let sent = world.caused_by("update orders set status = 'sent'").await;
    assert_eq!(sent, ["PUT /orders/1"]);

    world
        .sql("alter publication walsift drop tables in schema public")
        .await;
    world
        .wait_until_true("select count(*) = 1 from walsift.route where paused like '%does not show every table%'")
        .await;
    world
        .sql("update orders set status = 'unseen'; alter publication walsift add tables in schema public")
        .await;
    world
        .wait_until_true("select count(*) = 0 from walsift.route where paused is not null")
        .await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn tables_are_published_whole_unless_lists_are_wanted() {
    let world = World::with_shop().await;
    let mut engine = world.synced(&world.config(&format!("{SHOP}{LISTS}"))).await;
    // Where there can be none, asking for them does no harm.
    let wanted = if world.has_column_lists().await { (3, 1) } else { (0, 4) };
    assert_eq!(world.published().await, wanted);
    engine.kill9();
    // Nothing was missed by it.
    world.stock_shop(1, 1).await;
    let _engine = world.synced(&world.config(SHOP)).await;
    assert_eq!(world.published().await, (0, 4));
    assert_eq!(
        world
            .value::<i64>("select count(*) from walsift.backfill where cause <> 'first'")
            .await,
        0
    );
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// From Postgres 15 on.
#[tokio::test]
async fn an_identity_that_changes_is_covered_again_within_seconds() {
    let world = World::with_shop().await;
    if !world.has_column_lists().await {
        return;
    }
    world.stock_shop(2, 2).await;
    let _engine = world.synced(&world.config(&format!("{SHOP}{LISTS}"))).await;
    let whole = ["id", "status", "customer_id", "warehouse_code", "note"];

    world.sql("alter table orders replica identity full").await;
    let since = Instant::now();
    // Until it has been noticed, Postgres rejects this.
    eventually(DEADLINE, "an update of the application's own", async || {
        world
            .connect()
            .await
            .batch_execute("update orders set status = 'full'")
            .await
            .ok()
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    world.wait_until_shown("orders", &whole).await;

    // One that an index already there makes possible is covered from the first.
    world.sql("alter table orders replica identity default").await;
    world.wait_until_shown("orders", &["id", "status", "customer_id"]).await;
    world
        .sql("alter table orders alter warehouse_code set not null; create unique index by_code on orders (warehouse_code, id)")
        .await;
    world
        .wait_until_shown("orders", &["id", "status", "customer_id", "warehouse_code"])
        .await;
    world
        .sql("alter table orders replica identity using index by_code; update orders set warehouse_code = 'W9', status = 'index'")
        .await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// A column of a list goes with its whole table, if told to.
#[tokio::test]
async fn a_table_that_left_the_publication_comes_back_and_is_visited() {
    let world = World::with_shop().await;
    world.stock_shop(2, 2).await;
    let _engine = world.synced(&world.config(&format!("{SHOP}{LISTS}"))).await;
    world.receiver().clear_journal();
    let cut = "alter publication walsift drop table customers; update customers set last_name = 'Unseen'";
    world.sql(cut).await;

    world.receiver().wait_for_requests(2, DEADLINE).await.unwrap();
    if world.has_column_lists().await {
        assert_eq!(world.shown("customers").await, ["id", "first_name", "last_name"]);
    }
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// From Postgres 15 on.
#[tokio::test]
async fn lists_of_a_publication_that_is_not_ours_are_checked() {
    let world = World::with_shop().await;
    if !world.has_column_lists().await {
        return;
    }
    let options = "with (publish_via_partition_root = true)";
    world
        .sql(&format!(
            "create publication walsift for table orders (id, status), customers (id), products (id, name), order_lines (order_id, product_id) {options}"
        ))
        .await;
    let config = world.config(&format!("{SHOP}\n[source]\nmanage = false\n"));
    let output = world.walsift(&["check", "--config", config.to_str().unwrap()]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains(r#"publication "walsift" leaves out id of "public"."order_lines""#),
        "{said}"
    );
    assert!(!said.contains(r#"of "public"."orders""#), "{said}");
    let mending: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("alter publication") || ["begin;", "commit;"].contains(line))
        .collect();
    assert_eq!(mending.len(), 4, "{said}");

    world.sql(&mending.join("\n")).await;
    let output = world.walsift(&["check", "--config", config.to_str().unwrap()]).await;
    assert_eq!(
        output.status.code(),
        Some(0),
        "{:?}",
        String::from_utf8_lossy(&output.stdout)
    );
    world.stock_shop(1, 1).await;
    world.sql("update order_lines set order_id = order_id").await;
}
