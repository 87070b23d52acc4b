//! The shop at work: every promise of the demo, from the statement to the requests that it causes.

use serde_json::Value;

use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World};

/// A stocked shop, everything in it published.
struct Shop {
    engine: Engine,
    world: World,
}

impl Shop {
    /// Customers and products 1 to 5, orders 1 to 20. Orders 4, 9, 14 and 19 are those of customer 5.
    async fn open() -> Shop {
        let world = World::with_shop().await;
        world.stock_shop(5, 20).await;
        let engine = world.synced(&world.config(SHOP)).await;
        world.assert_converged(SHOP_ORDERS, "/orders/").await;
        Shop { engine, world }
    }

    /// The requests that these statements cause; afterwards the receiver holds what the shop yields.
    async fn after(&self, statements: &str) -> Vec<String> {
        let requests = self.world.caused_by(statements).await;
        self.world.assert_converged(SHOP_ORDERS, "/orders/").await;
        requests
    }

    async fn suppressed(&self, reason: &str) -> u64 {
        let labels = [("sync", "orders"), ("reason", reason)];
        self.engine.metric("walsift_suppressed_total", &labels).await
    }
}

fn puts(orders: impl IntoIterator<Item = u32>) -> Vec<String> {
    let mut requests: Vec<String> = orders.into_iter().map(|id| format!("PUT /orders/{id}")).collect();
    requests.sort();
    requests
}

#[tokio::test]
async fn the_first_start_sends_every_order_once_and_the_second_sends_nothing() {
    let mut shop = Shop::open().await;
    assert_eq!(shop.world.requests(), puts(1..=20));

    shop.engine.terminate();
    assert_eq!(shop.engine.wait_exit(DEADLINE).await.code(), Some(0));
    shop.world.receiver().clear_journal();
    let config = shop.world.config(SHOP);
    let _engine = shop.world.synced(&config).await;
    assert_eq!(shop.world.requests(), [""; 0]);
}

#[tokio::test]
async fn a_change_of_status_is_one_request_with_the_whole_order() {
    let shop = Shop::open().await;
    let before = shop.world.receiver().look(|ledger| ledger.held()["/orders/7"].version);
    let requests = shop.after("update orders set status = 'paid' where id = 7").await;
    assert_eq!(requests, puts([7]));

    let request = shop.world.receiver().look(|ledger| ledger.journal()[0].clone());
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let wanted = serde_json::json!({
        "id": 7, "order_status": "paid", "customer_full_name": "Ada 3 Byron",
        "lines": [{"product": "Tea 4", "qty": 1, "price": 3.50}, {"product": "Tea 5", "qty": 2, "price": 3.50}],
        "total": 10.50, "line_count": 2
    });
    assert_eq!(body, wanted);
    let members = [
        "id",
        "order_status",
        "customer_full_name",
        "lines",
        "total",
        "line_count",
    ];
    let places = members.map(|name| request.body.find(&format!("\"{name}\"")).unwrap());
    assert!(places.is_sorted(), "not in the order of the file: {}", request.body);
    assert!(
        request.body.contains("10.50"),
        "not as Postgres writes it: {}",
        request.body
    );

    let header = |name| request.header(name).unwrap_or_else(|| panic!("no header {name}"));
    assert_eq!(header("walsift-sync"), "orders");
    assert_eq!(header("walsift-key"), "7");
    assert_eq!(header("walsift-operation"), "upsert");
    assert_eq!(header("content-type"), "application/json");
    assert!(request.version() > before, "{:?} after {before:?}", request.version());
    let idempotency_key = header("idempotency-key");
    assert!(
        idempotency_key.starts_with("walsift-orders-") && idempotency_key.ends_with(header("walsift-version")),
        "{idempotency_key}"
    );
    let trace = format!("00-{}-", header("x-correlation-id"));
    assert!(header("traceparent").starts_with(&trace), "{}", header("traceparent"));
}

#[tokio::test]
async fn the_same_value_again_sends_nothing() {
    let shop = Shop::open().await;
    let before = shop.suppressed("equal").await;
    let requests = shop.after("update orders set status = status where id = 7").await;
    assert_eq!(requests, [""; 0]);
    assert_eq!(shop.suppressed("equal").await, before + 1);
    // There and back, then a marker: what comes for it came after all that the others would have caused.
    let there_and_back = "update orders set status = 'x' where id = 7; update orders set status = 'new' where id = 7;
                          update orders set status = 'marker' where id = 8";
    assert_eq!(shop.after(there_and_back).await, puts([8]));
    assert_eq!(shop.suppressed("equal").await, before + 2);
}

#[tokio::test]
async fn a_column_that_no_document_reads_sends_nothing() {
    let shop = Shop::open().await;
    let statements = "update orders set warehouse_code = 'W2', note = 'moved'; update customers set email = 'a@b.c';
                      update products set price = price + 1; update orders set status = 'marker' where id = 8";
    assert_eq!(shop.after(statements).await, puts([8]));
}

#[tokio::test]
async fn a_renamed_customer_resends_that_customers_orders_and_nobody_elses() {
    let shop = Shop::open().await;
    let requests = shop
        .after("update customers set last_name = 'Lovelace' where id = 5")
        .await;
    assert_eq!(requests, puts([4, 9, 14, 19]));
}

#[tokio::test]
async fn a_renamed_product_resends_the_orders_it_was_bought_in() {
    let shop = Shop::open().await;
    let bought: Vec<i64> = shop
        .world
        .query("select distinct order_id from order_lines where product_id = 2", &[])
        .await
        .iter()
        .map(|row| row.get(0))
        .collect();
    let requests = shop.after("update products set name = 'Earl Grey' where id = 2").await;
    assert_eq!(requests, puts(bought.into_iter().map(|id| u32::try_from(id).unwrap())));
}

#[tokio::test]
async fn an_order_that_changes_hands_takes_the_other_name() {
    let shop = Shop::open().await;
    assert_eq!(
        shop.after("update orders set customer_id = 1 where id = 4").await,
        puts([4])
    );
    // And is the first customer's from now on.
    let requests = shop
        .after("update customers set first_name = 'Mary' where id = 5")
        .await;
    assert_eq!(requests, puts([9, 14, 19]));
    let requests = shop
        .after("update customers set first_name = 'Grace' where id = 1")
        .await;
    assert_eq!(requests, puts([4, 5, 10, 15, 20]));
}

#[tokio::test]
async fn a_new_order_is_sent_with_its_lines_in_one_request() {
    let shop = Shop::open().await;
    let requests = shop
        .after(
            "insert into orders (id, customer_id) values (100, 1);
             insert into order_lines (order_id, product_id, qty, price) values (100, 1, 2, 3), (100, 2, 1, 4)",
        )
        .await;
    assert_eq!(requests, puts([100]));
}

#[tokio::test]
async fn a_line_changes_its_order() {
    let shop = Shop::open().await;
    let one_line = "id = (select min(id) from order_lines where order_id = 3)";
    let changed = shop
        .after(&format!("update order_lines set qty = 9 where {one_line}"))
        .await;
    assert_eq!(changed, puts([3]));
    let deleted = shop.after(&format!("delete from order_lines where {one_line}")).await;
    assert_eq!(deleted, puts([3]));
    let added = shop
        .after("insert into order_lines (order_id, product_id, price) values (3, 1, 1)")
        .await;
    assert_eq!(added, puts([3]));
}

#[tokio::test]
async fn a_line_that_moves_changes_both_orders() {
    let shop = Shop::open().await;
    let requests = shop
        .after("update order_lines set order_id = 6 where id = (select min(id) from order_lines where order_id = 3)")
        .await;
    assert_eq!(requests, puts([3, 6]));
}

#[tokio::test]
async fn a_deleted_order_is_one_delete() {
    let shop = Shop::open().await;
    // Its lines go with it.
    assert_eq!(
        shop.after("delete from orders where id = 3").await,
        ["DELETE /orders/3"]
    );
    let request = shop.world.receiver().look(|ledger| ledger.journal()[0].clone());
    assert_eq!(
        (request.header("walsift-operation"), request.body.as_str()),
        (Some("delete"), "")
    );
    assert_eq!(request.header("walsift-key"), Some("3"));
    assert_eq!(request.header("content-type"), None);
}

#[tokio::test]
async fn an_order_that_was_never_published_is_not_deleted_either() {
    let world = World::with_shop().await;
    world.stock_shop(5, 20).await;
    let config = world.config(&SHOP.replace("sink  =", "initial = \"none\"\nsink  ="));
    let engine = world.synced(&config).await;
    assert_eq!(world.requests(), [""; 0]);

    let requests = world
        .caused_by("delete from orders where id = 3; update orders set status = 'marker' where id = 8")
        .await;
    assert_eq!(requests, puts([8]));
    let filtered = [("sync", "orders"), ("reason", "filtered")];
    assert_eq!(engine.metric("walsift_suppressed_total", &filtered).await, 1);
}

#[tokio::test]
async fn an_order_that_comes_and_goes_within_a_transaction_sends_nothing() {
    let shop = Shop::open().await;
    let requests = shop
        .after(
            "insert into orders (id, customer_id) values (100, 1);
             insert into order_lines (order_id, product_id, price) values (100, 1, 1);
             delete from orders where id = 100;
             update orders set status = 'marker' where id = 8",
        )
        .await;
    assert_eq!(requests, puts([8]));
}

#[tokio::test]
async fn an_order_that_comes_and_goes_while_nobody_reads_sends_nothing() {
    let mut shop = Shop::open().await;
    shop.engine.terminate();
    shop.engine.wait_exit(DEADLINE).await;
    shop.world
        .sql("insert into orders (id, customer_id) values (100, 1)")
        .await;
    shop.world.sql("delete from orders where id = 100").await;
    shop.world.receiver().clear_journal();
    let config = shop.world.config(SHOP);
    let _engine = shop.world.synced(&config).await;
    assert_eq!(shop.world.requests(), [""; 0]);
}

#[tokio::test]
async fn ten_thousand_updates_of_few_orders_are_one_request_for_each_that_differs() {
    let shop = Shop::open().await;
    let requests = shop
        .after(
            "do $$ begin
                 for i in 1..10000 loop
                     update orders set status = 'seen ' || i where id = 1 + i % 7;
                 end loop;
                 -- This one ends as it began.
                 update orders set status = 'new' where id = 7;
             end $$",
        )
        .await;
    assert_eq!(requests, puts(1..=6));
}

#[tokio::test]
async fn what_is_rolled_back_sends_nothing() {
    let shop = Shop::open().await;
    let requests = shop
        .after(
            "begin; savepoint before; update orders set status = 'gone'; delete from orders where id = 1;
             rollback to before; update orders set status = 'kept' where id = 2; commit",
        )
        .await;
    assert_eq!(requests, puts([2]));
    shop.world.receiver().clear_journal();
    shop.world
        .sql("begin; update orders set status = 'gone'; delete from orders where id = 1; rollback")
        .await;
    assert_eq!(
        shop.after("update orders set status = 'marker' where id = 8").await,
        puts([8])
    );
}

#[tokio::test]
async fn an_order_with_a_new_key_is_deleted_under_the_old_one() {
    let world = World::with_shop().await;
    world
        .sql(
            "alter table order_lines drop constraint order_lines_order_id_fkey,
             add foreign key (order_id) references orders on update cascade",
        )
        .await;
    world.stock_shop(5, 20).await;
    let _engine = world.synced(&world.config(SHOP)).await;
    let requests = world.caused_by("update orders set id = 300 where id = 3").await;
    assert_eq!(requests, ["DELETE /orders/3", "PUT /orders/300"]);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    // All of them by one: most take the key of another.
    let requests = world
        .caused_by("update orders set id = id + 1000; update orders set id = id - 999")
        .await;
    let deletes = [1, 4, 300].map(|id| format!("DELETE /orders/{id}"));
    let mut wanted = puts([2, 3, 301].into_iter().chain(5..=21));
    wanted.extend(deletes);
    wanted.sort();
    assert_eq!(requests, wanted);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_key_used_again_at_once_is_an_update() {
    let shop = Shop::open().await;
    let requests = shop
        .after("delete from orders where id = 3; insert into orders (id, customer_id, status) values (3, 1, 'again')")
        .await;
    assert_eq!(requests, puts([3]));
    // The same order anew is no difference at all.
    let requests = shop
        .after("delete from orders where id = 3; insert into orders (id, customer_id, status) values (3, 1, 'again')")
        .await;
    assert_eq!(requests, [""; 0]);
    assert_eq!(
        shop.after("delete from orders where id = 3").await,
        ["DELETE /orders/3"]
    );
    let requests = shop.after("insert into orders (id, customer_id) values (3, 1)").await;
    assert_eq!(requests, puts([3]));
}

#[tokio::test]
async fn a_truncate_of_the_lines_empties_every_order_that_had_some() {
    let shop = Shop::open().await;
    // Two without lines are revisited as well, and found equal.
    let emptied = shop.after("delete from order_lines where order_id in (1, 2)").await;
    assert_eq!(emptied, puts([1, 2]));
    let before = shop.suppressed("equal").await;
    assert_eq!(shop.after("truncate order_lines").await, puts(3..=20));
    assert_eq!(shop.suppressed("equal").await, before + 2);
}

#[tokio::test]
async fn a_truncate_of_the_orders_deletes_every_order_that_was_published() {
    let shop = Shop::open().await;
    let requests = shop
        .after("truncate orders cascade; insert into orders (id, customer_id) values (3, 1), (100, 1)")
        .await;
    let mut wanted: Vec<String> = (1..=20)
        .filter(|id| *id != 3)
        .map(|id| format!("DELETE /orders/{id}"))
        .chain(puts([3, 100]))
        .collect();
    wanted.sort();
    assert_eq!(requests, wanted);
}

#[tokio::test]
async fn a_transaction_larger_than_the_memory_is_read_in_pieces() {
    let world = World::with_shop().await;
    world.stock_shop(5, 5).await;
    let config = world.config(&format!("{SHOP}\n[engine]\nmemory = \"1MiB\""));
    let _engine = world.synced(&config).await;
    // Its touches alone amount to twice what a batch may hold.
    let requests = world
        .caused_by(
            "insert into orders (id, customer_id) select n, 1 + n % 5 from generate_series(1001, 4000) n;
             insert into order_lines (order_id, product_id, price) select n, 1, 1 from generate_series(1001, 4000) n;
             update orders set status = 'paid' where id > 1000; delete from orders where id > 3990",
        )
        .await;
    assert_eq!(requests.len(), 2990);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}
