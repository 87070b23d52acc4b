//! Syncs that cannot work with the tables as they are.

use serde_json::Value;
use walsift::demo::{Behaviour, ClusterSettings, Paths};

use super::{CUSTOMERS, generations, items, shop_and_customers};
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually};

/// Runs the statements, waits for the pause of `orders`, and answers with its reason.
async fn broken_by(world: &World, statements: &str) -> String {
    world.sql(statements).await;
    world.paused("orders").await
}

#[tokio::test]
async fn a_column_that_goes_pauses_its_sync_with_a_reason_and_no_other() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let config = world.config(&shop_and_customers(&world));
    let engine = world.synced(&config).await;
    world.receiver().clear_journal();
    let reason = broken_by(&world, "alter table orders rename column status to state").await;
    assert!(reason.contains("status"), "{reason}");

    // Everywhere where people look.
    assert_eq!(engine.metric("walsift_sync_paused", &[("sync", "orders")]).await, 1);
    assert_eq!(engine.metric("walsift_sync_paused", &[("sync", "customers")]).await, 0);
    let (code, ready) = engine.admin("/readyz").await;
    assert_eq!(code, 503);
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let shown = ready["reasons"]["sync orders"].as_str().unwrap();
    assert!(shown.contains(&reason), "{shown}");
    let status = async |json: &[&str]| {
        let arguments = [&["status", "--config", config.to_str().unwrap()], json].concat();
        String::from_utf8(world.walsift(&arguments).await.stdout).unwrap()
    };
    assert!(status(&[]).await.contains(&format!("\n  paused      {reason}\n")));
    let routes: Value = serde_json::from_str(&status(&["--json"]).await).unwrap();
    assert_eq!(routes["routes"][1]["paused"], reason.as_str());
    assert_eq!(routes["routes"][0]["paused"], Value::Null);

    // The other one goes on, with changes that both depend on.
    world
        .sql("update customers set first_name = 'Grace', email = 'grace@example.com'")
        .await;
    world
        .sql("update orders set state = 'unseen' where id = 3; delete from orders where id = 4")
        .await;
    world.converges(CUSTOMERS, "/customers/").await;
    assert!(
        world.requests().iter().all(|request| request.contains("/customers/")),
        "{:?}",
        world.requests()
    );

    world.sql("alter table orders rename column state to status").await;
    world.at_work("orders").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(world.buried().await, 0);
    assert_eq!(engine.metric("walsift_sync_paused", &[("sync", "orders")]).await, 0);
    assert_eq!(engine.admin("/readyz").await.0, 200);
    let said = engine
        .log()
        .iter()
        .filter(|line| line.contains("the sync is paused"))
        .count();
    assert_eq!(said, 1, "said once");
}

#[tokio::test]
async fn jobs_of_a_paused_sync_wait() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let config = world.config(&format!(
        "{SHOP}\n[sinks.shop_api]\nretry = {{ attempts = 2, base = \"10ms\", max = \"10ms\" }}"
    ));
    let _engine = world.synced(&config).await;
    // In one transaction, so that the changes are there before anybody can notice.
    let reason = broken_by(
        &world,
        "update orders set note = 'x'; update orders set status = 'late'; alter table orders drop column status cascade",
    )
    .await;
    assert!(reason.contains("status"), "{reason}");
    assert_eq!(world.buried().await, 0);
    world
        .sql("alter table orders add status text not null default 'again'")
        .await;
    world.at_work("orders").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(world.buried().await, 0);
}

#[tokio::test]
async fn a_table_renamed_and_back_has_lost_no_change_meanwhile() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let _engine = world.synced(&world.config(&shop_and_customers(&world))).await;
    let reason = broken_by(&world, "alter table order_lines rename to lines").await;
    assert!(reason.contains("order_lines"), "{reason}");
    world
        .sql("update lines set qty = 17 where order_id = 2; delete from lines where order_id = 3; update lines set order_id = 6 where order_id = 5")
        .await;
    world.sql("update customers set email = 'new'").await;
    world.converges(CUSTOMERS, "/customers/").await;
    world.sql("alter table lines rename to order_lines").await;
    world.at_work("orders").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_key_whose_values_have_another_form_pauses_until_it_has_the_old_one() {
    let world = World::new().await;
    world.sql("create table items (id integer primary key, name text); insert into items select n, 'item' from generate_series(1, 9) n").await;
    let engine = world.synced(&world.config(&items(&world, ""))).await;
    // A wider type: the subjects have the same names, and their documents are equal.
    world.receiver().clear_journal();
    world.sql("alter table items alter id type bigint").await;
    eventually(DEADLINE, "another generation", async || {
        (generations(&engine) == 1).then_some(())
    })
    .await;
    world.at_work("items").await;
    world.sql("insert into items values (5000000000, 'large')").await;
    world.settled().await;
    assert_eq!(world.requests(), ["PUT /items/5000000000"]);

    world.sql("alter table items alter id type numeric(20, 2)").await;
    let reason = world.paused("items").await;
    assert!(reason.contains("key"), "{reason}");
    world.sql("update items set name = 'unseen' where id = 3").await;
    world.sql("alter table items alter id type bigint").await;
    world.at_work("items").await;
    world.settled().await;
    world
        .assert_converged("select '/items/' || id, to_jsonb(i) from items i", "/items/")
        .await;
    assert_eq!(world.requests(), ["PUT /items/3", "PUT /items/5000000000"]);
}

#[tokio::test]
async fn a_row_that_is_no_longer_the_only_one_pauses() {
    let world = World::new().await;
    world
        .sql(
            "create table items (id bigint primary key, name text);
             create table ratings (id bigint primary key, item_id bigint not null references items, stars int);
             create unique index ratings_item on ratings (item_id);
             alter table ratings replica identity full;
             insert into items select n, 'item' from generate_series(1, 3) n;
             insert into ratings select n, n, 5 from generate_series(1, 3) n",
        )
        .await;
    let config = items(
        &world,
        "document = { name = \"name\", stars = \"rating.stars\" }
         [syncs.items.one.rating]
         table = \"ratings\"
         on    = { item_id = \"id\" }",
    );
    let _engine = world.synced(&world.config(&config)).await;
    world.sql("drop index ratings_item").await;
    let reason = world.paused("items").await;
    assert!(reason.contains("several rows of `ratings`"), "{reason}");
    world.sql("update ratings set stars = 1 where item_id = 2").await;
    world.sql("create unique index on ratings (item_id)").await;
    world.at_work("items").await;
    world.settled().await;
    let documents = "select '/items/' || i.id, jsonb_build_object('name', i.name, 'stars', r.stars)
                       from items i join ratings r on r.item_id = i.id";
    world.assert_converged(documents, "/items/").await;
    assert_eq!(world.buried().await, 0);
}

#[tokio::test]
async fn privileges_revoked_pause_with_the_grant_that_mends_it() {
    let world = World::apart(ClusterSettings::default()).await;
    let database: String = world.value("select current_database()::text").await;
    world
        .sql(&format!(
            "create role app login replication; grant all on database {database} to app; alter schema public owner to app"
        ))
        .await;
    world.sql("set role app").await;
    world.shop().await;
    world.stock_shop(2, 5).await;
    world.sql("reset role").await;
    let url = world.url().replacen("postgres@", "app@", 1);
    let config = world.config(&format!("{SHOP}\n[source]\nurl = \"{url}\""));
    let _engine = world.synced(&config).await;
    world.sql("revoke select on products from app").await;
    let reason = world.paused("orders").await;
    let grant = "grant select on \"public\".\"products\" to \"app\";";
    assert!(reason.contains(grant), "{reason}");
    world.sql("update products set name = 'unseen'").await;
    assert_eq!(world.buried().await, 0);
    world.sql(grant).await;
    world.at_work("orders").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;

    // A schema that may not be used hides its tables.
    world
        .sql("revoke usage on schema public from app, public; alter schema public owner to postgres")
        .await;
    let reason = world.paused("orders").await;
    assert!(reason.contains("there is no table `orders`"), "{reason}");
    world.sql("grant usage on schema public to app").await;
    world.at_work("orders").await;
}

/// Where the name of a table says its schema, Postgres rejects the very question.
#[tokio::test]
async fn a_schema_that_may_not_be_used_pauses_who_names_it() {
    let world = World::apart(ClusterSettings::default()).await;
    let database: String = world.value("select current_database()::text").await;
    world
        .sql(&format!(
            "create role app login replication; grant all on database {database} to app;
             create schema stock; grant all on schema stock to app; set role app;
             create table stock.items (id bigint primary key, name text); insert into stock.items values (1, 'one');
             reset role"
        ))
        .await;
    let url = world.url().replacen("postgres@", "app@", 1);
    let body = items(&world, "").replace("\"items\"", "\"stock.items\"");
    let config = world.config(&format!("{body}\n[source]\nurl = \"{url}\""));
    let _engine = world.synced(&config).await;
    world.sql("revoke all on schema stock from app").await;
    let reason = world.paused("items").await;
    assert!(reason.contains("permission denied for schema stock"), "{reason}");
    world.sql("update stock.items set name = 'unseen'").await;
    world.sql("grant usage on schema stock to app").await;
    world.at_work("items").await;
    world.settled().await;
    let documents = "select '/items/' || id, to_jsonb(i) from stock.items i";
    world.assert_converged(documents, "/items/").await;
}

/// What only fails as it runs is not seen beforehand.
#[tokio::test]
async fn a_function_that_no_longer_works_pauses_until_it_does() {
    let world = World::new().await;
    world
        .sql(
            "create table items (id bigint primary key, name text);
             create table labels (label text);
             create function label(text) returns text language plpgsql stable as
             $$ begin return $1 || (select max(label) from labels); end $$;
             insert into items select n, 'item' from generate_series(1, 9) n;
             insert into labels values ('!')",
        )
        .await;
    let config = world.config(&items(&world, "document = { name = \"label(name)\" }"));
    let engine = world.synced(&config).await;
    world.sql("alter table labels rename to moved").await;
    world.sql("update items set name = 'late' where id < 5").await;
    let reason = world.paused("items").await;
    assert!(reason.contains("labels"), "{reason}");
    let gauge = async || engine.metric("walsift_sync_paused", &[("sync", "items")]).await;
    assert_eq!(gauge().await, 1);
    assert_eq!(world.buried().await, 0);
    world.sql("alter table moved rename to labels").await;
    world.at_work("items").await;
    world.settled().await;
    let documents = "select '/items/' || id, jsonb_build_object('name', label(name)) from items";
    world.assert_converged(documents, "/items/").await;
    assert_eq!((gauge().await, generations(&engine)), (0, 0));
}

#[tokio::test]
async fn what_is_in_flight_is_neither_lost_nor_sent_again() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let engine = world.synced(&world.config(&shop_and_customers(&world))).await;
    world.receiver().clear_journal();
    world.receiver().rule(Paths::exact("/customers/1"), Behaviour::Hold);
    world.sql("update customers set email = 'held' where id = 1").await;
    let held = |ledger: &walsift::demo::Ledger| ledger.in_flight() == 1;
    world.receiver().wait_until(DEADLINE, held).await.unwrap();
    broken_by(&world, "alter table orders rename column status to state").await;
    // A statement that is rejected shows before the tables are looked at.
    let next = async || (generations(&engine) == 1).then_some(());
    eventually(DEADLINE, "the next generation", next).await;
    // The next generation delivers while the last one still waits for its answer.
    world.sql("update customers set email = 'quick' where id = 2").await;
    let delivered =
        |ledger: &walsift::demo::Ledger| ledger.body("/customers/2").is_some_and(|body| body.contains("quick"));
    world.receiver().wait_until(DEADLINE, delivered).await.unwrap();
    world.receiver().clear_rules();
    world.receiver().release();
    world.converges(CUSTOMERS, "/customers/").await;
    world.sql("alter table orders rename column state to status").await;
    world.at_work("orders").await;
    world.settled().await;
    assert_eq!(world.requests(), ["PUT /customers/1", "PUT /customers/2"]);
    assert_eq!(generations(&engine), 2);
}

/// A lock makes everything wait, and in the end time out. That says nothing of the tables.
#[tokio::test]
async fn a_lock_pauses_nothing() {
    let world = World::with_shop().await;
    world.stock_shop(3, 10).await;
    let engine = world.synced(&world.config(&shop_and_customers(&world))).await;
    let locking = world.connect().await;
    locking
        .batch_execute("begin; lock table orders in access exclusive mode")
        .await
        .unwrap();
    // Makes the engine judge of all syncs, those that read the locked table among them.
    world.sql("alter table customers add vip boolean").await;
    let waits = async || {
        let waiting = "select count(*) from pg_locks where not granted and relation = 'orders'::regclass";
        (world.value::<i64>(waiting).await > 0).then_some(())
    };
    eventually(DEADLINE, "the engine waiting for the lock", waits).await;
    let gave_up = async || {
        let waiting = "select count(*) from pg_locks where not granted and relation = 'orders'::regclass";
        (world.value::<i64>(waiting).await == 0).then_some(())
    };
    eventually(DEADLINE, "the engine giving up", gave_up).await;
    eventually(DEADLINE, "the engine trying again", waits).await;
    let paused = "select count(*) from walsift.route where paused is not null";
    assert_eq!(world.value::<i64>(paused).await, 0);
    locking.batch_execute("rollback").await.unwrap();
    world.sql("update orders set status = 'after'").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert!(!engine.log().iter().any(|line| line.contains("the sync is paused")));
}
