//! A change of a row that many subjects depend on.

use std::time::Duration;

use walsift::demo::{Behaviour, Paths};

use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World};

/// More than a look-up may find within the stream, and many pages of a visit.
const ORDERS: u32 = 15_000;

/// A customer with [`ORDERS`] orders and one with a single order; nothing has been sent of any of them.
async fn hot_customer() -> (World, String) {
    let world = World::with_shop().await;
    world
        .sql(&format!(
            "insert into customers (first_name, last_name) values ('Ada', 'Byron'), ('Mary', 'Shelley');
             insert into orders (customer_id) select 1 from generate_series(1, {ORDERS});
             insert into orders (customer_id) values (2);
             analyze"
        ))
        .await;
    let body = SHOP.replace(
        "[syncs.orders]\n",
        "[engine]\nbatch = 100\n[syncs.orders]\ninitial = \"none\"\n",
    );
    (world, body)
}

/// Waits until the sink holds so many.
async fn held(world: &World, count: usize) {
    let enough = |ledger: &walsift::demo::Ledger| ledger.held().len() >= count;
    world.receiver().wait_until(DEADLINE, enough).await.unwrap();
}

async fn ready(world: &World, engine: &Engine) {
    world.settled().await;
    assert_eq!(engine.metric("walsift_published_total", &[]).await, 0);
}

#[tokio::test]
async fn live_changes_go_out_at_once_while_a_fan_out_runs() {
    let (world, body) = hot_customer().await;
    let engine = world.engine(&world.config(&body));
    ready(&world, &engine).await;
    world
        .sql("update customers set last_name = 'Lovelace' where id = 1")
        .await;
    held(&world, 3_000).await;

    let path = format!("/orders/{}", ORDERS + 1);
    for round in 0..3 {
        let before = world.receiver().look(|ledger| ledger.journal().len());
        world
            .sql(&format!(
                "update orders set status = 'live {round}' where customer_id = 2"
            ))
            .await;
        let arrived = |ledger: &walsift::demo::Ledger| {
            let since = ledger.journal().iter().skip(before);
            since.filter(|request| request.path == path).count() > 0
        };
        world.receiver().wait_until(DEADLINE, arrived).await.unwrap();
        let ahead = world.receiver().look(|ledger| {
            let mut since = ledger.journal().iter().skip(before);
            since.position(|request| request.path == path).unwrap()
        });
        // How long that takes is up to the machine; it is what was in hand already, and what went out while it was on its way.
        assert!(ahead < 2_000, "{ahead} others went first");
    }
    assert!(world.receiver().look(|ledger| ledger.held().len()) < ORDERS as usize);

    // Once more: it folds into what waits.
    world.sql("update customers set last_name = 'King' where id = 1").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// A sink that takes one after the other has hundreds waiting for it, all claimed and built; a live change goes first.
#[tokio::test]
async fn a_live_change_overtakes_what_waits_for_a_slow_sink() {
    let (world, body) = hot_customer().await;
    let engine = world.engine(&world.config(&format!("{body}\n[sinks.shop_api]\nconcurrency = 1")));
    ready(&world, &engine).await;
    world
        .receiver()
        .rule(Paths::All, Behaviour::Slow(Duration::from_millis(5)));
    world
        .sql("update customers set last_name = 'Lovelace' where id = 1")
        .await;
    held(&world, 300).await;

    let path = format!("/orders/{}", ORDERS + 1);
    let before = world.receiver().look(|ledger| ledger.journal().len());
    world
        .sql("update orders set status = 'live' where customer_id = 2")
        .await;
    let arrived =
        |ledger: &walsift::demo::Ledger| ledger.journal().iter().skip(before).any(|request| request.path == path);
    world.receiver().wait_until(DEADLINE, arrived).await.unwrap();
    let ahead = world.receiver().look(|ledger| {
        let mut since = ledger.journal().iter().skip(before);
        since.position(|request| request.path == path).unwrap()
    });
    assert!(ahead < 100, "{ahead} others went first");
}

#[tokio::test]
async fn a_fan_out_goes_on_where_it_was_when_the_process_was_killed() {
    let (world, body) = hot_customer().await;
    let config = world.config(&body);
    let mut engine = world.engine(&config);
    ready(&world, &engine).await;
    world
        .sql("update customers set last_name = 'Lovelace' where id = 1")
        .await;
    held(&world, 1_000).await;
    engine.kill9();
    let last_key: Option<String> = world.value("select last_key from walsift.visit").await;
    assert!(last_key.is_some());
    // What moves meanwhile is not missed either.
    world
        .sql("update orders set customer_id = 1 where customer_id = 2")
        .await;

    let _engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// Whoever leads to a hot row only after its subjects were asked for must be found by the next change of it, even if the first
/// visit has not come anywhere yet.
#[tokio::test]
async fn who_comes_to_a_hot_row_while_its_fan_out_begins_is_not_missed() {
    let (world, body) = hot_customer().await;
    let engine = world.engine(&world.config(&body));
    ready(&world, &engine).await;
    // The first step has to wait for this: it finds its subjects and cannot write them down.
    let mut client = world.connect().await;
    let obstacle = client.transaction().await.unwrap();
    obstacle
        .batch_execute(
            "insert into walsift.job (route, key, priority, run_at, created_at)
             select id, '1', 3, now(), now() from walsift.route",
        )
        .await
        .unwrap();
    world
        .sql("update customers set last_name = 'Lovelace' where id = 1")
        .await;
    world
        .wait_until_true(
            "select count(*) > 0 from pg_stat_activity
              where datname = current_database() and wait_event_type = 'Lock' and query like '%insert into job%'",
        )
        .await;
    world.sql("insert into orders (customer_id) values (1)").await;
    held(&world, 1).await;
    world.sql("update customers set last_name = 'King' where id = 1").await;
    world
        .wait_until_true("select count(*) = 2 from walsift.visit where kind = 'lookup'")
        .await;
    obstacle.rollback().await.unwrap();
    // The one that nobody has asked for so far.
    world
        .sql("update customers set last_name = 'Godwin' where id = 2")
        .await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// Keys of several columns, in an order of their own; and one hot value among many others in one transaction.
#[tokio::test]
async fn a_hot_row_does_not_hold_up_the_others_of_its_transaction() {
    let world = World::new().await;
    world
        .sql(
            "create table kinds (id int primary key, name text);
             create table parts (region text, n int, kind_id int references kinds, primary key (region, n));
             insert into kinds select n, 'k' from generate_series(1, 300) n;
             insert into parts select 'r' || n % 3, n, 1 from generate_series(1, 12000) n;
             insert into parts select 'x', n, n from generate_series(2, 300) n;
             create index on parts (kind_id);
             analyze",
        )
        .await;
    let config = world.config(&format!(
        "[sinks.shop_api]
         type = \"http\"
         url = \"{}/parts/{{region}}/{{n}}\"
         [syncs.parts]
         table = \"parts\"
         sink = \"shop_api\"
         initial = \"none\"
         document = {{ kind = \"kind.name\" }}
         [syncs.parts.one.kind]
         table = \"kinds\"",
        world.receiver().url()
    ));
    let _engine = world.synced(&config).await;
    world.receiver().rule(Paths::prefix("/parts/r"), Behaviour::answer(503));
    world.sql("update kinds set name = 'l'").await;
    // All but the hot one's.
    held(&world, 299).await;
    world
        .wait_until_true("select count(*) = 1 from walsift.visit where kind = 'lookup' and argument = '[\"1\"]'")
        .await;
    world.receiver().clear_rules();
    world.settled().await;
    let oracle = "select '/parts/' || p.region || '/' || p.n, jsonb_build_object('kind', k.name) from parts p join kinds k on k.id = p.kind_id";
    world.assert_converged(oracle, "/parts/").await;
}

/// No row is hot, but all of them together lead to more subjects than the stream may hold in memory.
#[tokio::test]
async fn what_many_rows_lead_to_does_not_have_to_fit_into_memory() {
    let world = World::new().await;
    world
        .sql(
            "create table kinds (id int primary key, name text);
             create table parts (id int primary key, kind_id int references kinds);
             insert into kinds select n, 'k' from generate_series(0, 1999) n;
             insert into parts select n, n % 2000 from generate_series(1, 30000) n;
             create index on parts (kind_id);
             analyze",
        )
        .await;
    let config = world.config(&format!(
        "[engine]
         memory = \"16MiB\"
         [sinks.shop_api]
         type = \"http\"
         url = \"{}/parts/{{id}}\"
         [syncs.parts]
         table = \"parts\"
         sink = \"shop_api\"
         initial = \"none\"
         document = {{ kind = \"kind.name\" }}
         [syncs.parts.one.kind]
         table = \"kinds\"",
        world.receiver().url()
    ));
    let _engine = world.synced(&config).await;
    world.receiver().rule(Paths::prefix("/parts/"), Behaviour::answer(503));
    world.sql("update kinds set name = 'l'").await;
    world
        .wait_until_true("select count(*) > 0 from walsift.job where priority = 3")
        .await;
    let at_once: i64 = world.value("select count(*) from walsift.job where priority = 1").await;
    assert!((16_384..30_000).contains(&at_once), "{at_once} at once");
    world.receiver().clear_rules();
    world.settled().await;
    let oracle =
        "select '/parts/' || p.id, jsonb_build_object('kind', k.name) from parts p join kinds k on k.id = p.kind_id";
    world.assert_converged(oracle, "/parts/").await;
}
