//! Changes that no document can see are dropped before anything is asked of the database.

use crate::world::{Engine, World};

/// Reads `status` of the orders, and of the lines and tags nothing but that they are there.
const ORDERS: &str = r#"
[syncs.orders]
table = "orders"
sink = "shop_api"
document = { id = "id", status = "status" }

[syncs.orders.many.lines]
table = "order_lines"
aggregate = { lines = "count(*)" }

[syncs.orders.many.tags]
aggregate = { tags = "count(*)" }
"#;

struct Shop {
    world: World,
    engine: Engine,
}

impl Shop {
    /// Orders with whole old rows, order lines with their order in the identity, tags with a key that begins with their order.
    async fn open() -> Shop {
        let world = World::with_shop().await;
        world
            .sql(
                "alter table orders replica identity full;
                 alter table orders alter note set storage external;
                 create table tags (order_id bigint references orders, name text, note text, weight int, primary key (order_id, name))",
            )
            .await;
        world.stock_shop(2, 3).await;
        world
            .sql(
                "insert into tags select id, 'new', 'a', 1 from orders;
                 update orders set note = repeat('x', 10000)",
            )
            .await;
        let engine = world.synced(&world.config(ORDERS)).await;
        Shop { world, engine }
    }

    /// What statements cause: the requests, how many subjects were built, and how many changes were irrelevant.
    async fn causes(&self, statements: &str) -> (Vec<String>, u64, u64) {
        let counts = async || {
            let built = self.engine.metric("walsift_subjects_built_total", &[]).await;
            let labels = [("sync", "orders"), ("reason", "irrelevant-columns")];
            (built, self.engine.metric("walsift_suppressed_total", &labels).await)
        };
        let (built, irrelevant) = counts().await;
        let requests = self.world.caused_by(statements).await;
        let (built_after, irrelevant_after) = counts().await;
        (requests, built_after - built, irrelevant_after - irrelevant)
    }
}

#[tokio::test]
async fn an_update_of_columns_that_nobody_reads_is_dropped() {
    let shop = Shop::open().await;
    let dropped = shop
        .causes("update orders set warehouse_code = 'W2', note = note || 'y'")
        .await;
    assert_eq!(dropped, (vec![], 0, 3));
    // Written, but not changed.
    let dropped = shop.causes("update orders set status = 'new' where id < 3").await;
    assert_eq!(dropped, (vec![], 0, 2));
    shop.world
        .wait_until_true("select coalesce(sum(value), 0) = 5 from walsift.tally where name = 'irrelevant-columns'")
        .await;
}

#[tokio::test]
async fn an_update_of_a_column_that_is_read_is_built() {
    let shop = Shop::open().await;
    let sent = shop
        .causes("update orders set status = 'sent', warehouse_code = 'W3' where id = 2")
        .await;
    assert_eq!(sent, (vec!["PUT /orders/2".to_owned()], 1, 0));
    let both = shop
        .causes("update orders set note = 'b'; update orders set status = 'back' where id = 1")
        .await;
    assert_eq!(both, (vec!["PUT /orders/1".to_owned()], 1, 3));
}

#[tokio::test]
async fn of_a_table_that_is_only_counted_nothing_but_its_keys_matter() {
    let shop = Shop::open().await;
    let dropped = shop.causes("update order_lines set qty = qty + 1, price = 0").await;
    assert_eq!(dropped, (vec![], 0, 6));
    let dropped = shop
        .causes("update tags set weight = 2, note = repeat('z', 10000)")
        .await;
    assert_eq!(dropped, (vec![], 0, 3));
    let moved = shop
        .causes("update tags set order_id = 2, name = 'moved' where order_id = 1")
        .await;
    assert_eq!(
        moved,
        (vec!["PUT /orders/1".to_owned(), "PUT /orders/2".to_owned()], 2, 0)
    );
    let gone = shop.causes("delete from tags where order_id = 3").await;
    assert_eq!(gone, (vec!["PUT /orders/3".to_owned()], 1, 0));
}

/// A large value that an update leaves alone is not in the stream, whatever the identity.
#[tokio::test]
async fn a_large_value_that_is_read_and_left_alone_has_not_changed() {
    let world = World::new().await;
    world
        .sql(
            "create table pages (id bigint primary key, body text, seen int not null default 0);
             alter table pages alter body set storage external;
             insert into pages values (1, repeat('x', 10000)), (2, 'short')",
        )
        .await;
    let config = world.config(
        "[syncs.pages]
         table = \"pages\"
         sink = \"shop_api\"
         document = { id = \"id\", body = \"body\" }",
    );
    let engine = world.synced(&config).await;

    let sent = world.caused_by("update pages set seen = seen + 1").await;
    assert!(sent.is_empty(), "{sent:?}");
    // Of the short one nobody knows what it was before.
    let irrelevant = [("sync", "pages"), ("reason", "irrelevant-columns")];
    let equal = [("sync", "pages"), ("reason", "equal")];
    assert_eq!(engine.metric("walsift_suppressed_total", &irrelevant).await, 1);
    assert_eq!(engine.metric("walsift_suppressed_total", &equal).await, 1);
    assert_eq!(
        world.caused_by("update pages set body = repeat('y', 10000)").await,
        ["PUT /orders/1", "PUT /orders/2"]
    );
}
