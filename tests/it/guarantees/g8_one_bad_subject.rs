//! G8: one bad subject stops nobody else: not the stream, not its sync, not its batch.

use walsift::demo::{Behaviour, Paths};

use super::burst::Burst;
use super::journal::{assert_one_at_a_time, requests};
use super::{brisk_shop, let_go};
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually};

/// The finished jobs of a subject: state, attempts, and how many attempts are on record.
async fn finished(world: &World, key: &str) -> Vec<(String, i16, i64)> {
    let statement = "
        select state, attempts, (select count(*) from walsift.attempt a where a.job = f.id)
          from walsift.finished_job f where key = $1 order by id";
    let rows = world.query(statement, &[&key]).await;
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test]
async fn g8_an_order_that_is_always_refused_holds_up_no_other() {
    let world = World::with_shop().await;
    world.stock_shop(5, 100).await;
    let config = world.config(&brisk_shop());
    world.receiver().rule(
        Paths::exact("/orders/42"),
        Behaviour::Answer {
            status: 422,
            headers: Vec::new(),
            body: "no such warehouse".to_owned(),
        },
    );
    let _engine = world.engine(&config);
    let mut burst = Burst::new(8, 5, 41);
    burst.transactions(&world, 50).await;
    world.settled().await;

    let divergence = world.divergence(SHOP_ORDERS, "/orders/").await.unwrap();
    assert!(divergence.contains("missing (1):\n    /orders/42 "), "{divergence}");
    assert!(
        !divergence.contains("stale") && !divergence.contains("left over"),
        "{divergence}"
    );
    let jobs = finished(&world, "42").await;
    assert!(!jobs.is_empty());
    assert!(jobs.iter().all(|job| *job == ("failed".to_owned(), 1, 1)), "{jobs:?}");
    let attempt = world
        .query_one(
            "select a.outcome, a.class, a.status, a.certain, a.message from walsift.attempt a limit 1",
            &[],
        )
        .await;
    assert_eq!(
        (
            attempt.get::<_, &str>(0),
            attempt.get::<_, &str>(1),
            attempt.get::<_, i16>(2),
            attempt.get::<_, bool>(3)
        ),
        ("rejected", "refused", 422, true)
    );
    assert!(attempt.get::<_, &str>(4).contains("no such warehouse"));

    world.receiver().clear_rules();
    world.sql("update orders set status = 'mended' where id = 42").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g8_a_document_that_cannot_be_built_concerns_its_subject_only() {
    const SHARES: &str =
        "select '/shares/' || id, jsonb_build_object('id', id, 'share', 100 / n) from shares where n <> 0";
    let world = World::new().await;
    world.sql("create table shares (id int primary key, n int); insert into shares select g, g from generate_series(1, 300) g").await;
    let config = world.config(&format!(
        r#"
        [syncs.shares]
        table    = "shares"
        sink     = "shop_api"
        document = {{ id = "id", share = "100 / n" }}
        [sinks.shop_api]
        type  = "http"
        url   = "{}/shares/{{id}}"
        retry = {{ attempts = 3, base = "10ms", max = "50ms" }}"#,
        world.receiver().url()
    ));
    world.sql("update shares set n = 0 where id = 42").await;
    let _engine = world.engine(&config);
    world.settled().await;

    world.assert_converged(SHARES, "/shares/").await;
    assert_eq!(finished(&world, "42").await, [("dead".to_owned(), 3, 3)]);
    assert_eq!(
        world
            .value::<i64>("select count(*) from walsift.finished_job where key <> '42'")
            .await,
        0
    );
    let attempt = world
        .query_one(
            "select class, certain, message from walsift.attempt where number = 3",
            &[],
        )
        .await;
    assert_eq!((attempt.get::<_, &str>(0), attempt.get::<_, bool>(1)), ("build", true));
    assert!(attempt.get::<_, &str>(2).contains("22012"));

    world.sql("update shares set n = 7 where id = 42").await;
    world.settled().await;
    world.assert_converged(SHARES, "/shares/").await;
    assert_eq!(world.receiver().look(|ledger| ledger.held().len()), 300);
}

#[tokio::test]
async fn g8_a_sync_whose_statement_breaks_does_not_stop_the_other() {
    const PARTS: &str = "select '/parts/' || id, jsonb_build_object('id', id, 'size', size) from parts";
    let world = World::with_shop().await;
    world.stock_shop(3, 20).await;
    world
        .sql("create table parts (id int primary key, size int); insert into parts values (1, 1), (2, 2)")
        .await;
    let config = world.config(&format!(
        r#"{SHOP}
        [syncs.parts]
        table    = "parts"
        sink     = "parts_api"
        document = {{ id = "id", size = "size" }}
        [sinks.parts_api]
        type = "http"
        url  = "{}/parts/{{id}}""#,
        world.receiver().url()
    ));
    let engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(PARTS, "/parts/").await;

    world.sql("alter table parts rename size to extent").await;
    world.sql("update parts set extent = 5").await;
    world.sql("update customers set last_name = 'Lovelace'").await;
    let converged = async || world.divergence(SHOP_ORDERS, "/orders/").await.is_none().then_some(());
    eventually(DEADLINE, "the orders converged", converged).await;
    let ill = async || (engine.admin("/readyz").await.1.contains("sync parts")).then_some(());
    eventually(DEADLINE, "somebody is told", ill).await;
    world.sql("update orders set status = 'still going'").await;
    eventually(DEADLINE, "the orders converged again", converged).await;

    world.sql("alter table parts rename extent to size").await;
    world.settled().await;
    world.assert_converged(PARTS, "/parts/").await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(engine.admin("/readyz").await.0, 200);
}

/// A receiver that hangs on some orders takes up places, but not all of them.
#[tokio::test]
async fn g8_orders_on_which_the_receiver_hangs_leave_room_for_others() {
    let world = World::with_shop().await;
    world.stock_shop(3, 60).await;
    let config = world.config(&format!("{SHOP}\n[sinks.shop_api]\nconcurrency = 4"));
    for id in [7, 8, 9] {
        world
            .receiver()
            .rule(Paths::exact(format!("/orders/{id}")), Behaviour::Hold);
    }
    let _engine = world.engine(&config);
    let all_but_three = |ledger: &walsift::demo::Ledger| ledger.held().len() == 57;
    world.receiver().wait_until(DEADLINE, all_but_three).await.unwrap();
    assert!(
        requests(world.receiver(), "/orders/8")
            .iter()
            .all(|request| request.finished.is_none())
    );

    world.receiver().clear_rules();
    let_go(&world).await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// What cannot be looked up waits in visits, and hundreds of those wait for nobody but themselves.
#[tokio::test]
async fn g8_look_ups_that_cannot_work_do_not_starve_the_visits_of_others() {
    const CARS: &str = "select '/cars/' || id, jsonb_build_object('id', id, 'label', label) from cars";
    let world = World::new().await;
    world
        .sql(
            "create table owners (id int primary key, name text);
             create table houses (id int primary key, owner_id int references owners);
             create index on houses (owner_id);
             create table cars (id int primary key, label text);
             create table switch ();
             create function switched_on(int[]) returns int[] language plpgsql stable as
             $$ begin perform from switch; return $1; end $$;
             insert into owners select n, 'owner' from generate_series(1, 1000) n;
             insert into houses select n, n from generate_series(1, 10) n;
             insert into cars select n, 'car' from generate_series(1, 10) n",
        )
        .await;
    let config = world.config(&format!(
        r#"
        [syncs.houses]
        table    = "houses"
        sink     = "houses_api"
        document = {{ id = "id", owner = "(select name from owners o where o.id = owner_id)" }}
        [syncs.houses.changes]
        owners = {{ sql = "select id from houses where owner_id = any(switched_on($1))", from = ["id"] }}
        [syncs.cars]
        table    = "cars"
        sink     = "cars_api"
        document = {{ id = "id", label = "label" }}
        [sinks.houses_api]
        type = "http"
        url  = "{0}/houses/{{id}}"
        [sinks.cars_api]
        type = "http"
        url  = "{0}/cars/{{id}}""#,
        world.receiver().url()
    ));
    let _engine = world.engine(&config);
    world.settled().await;
    // What only fails as it runs pauses nobody.
    world.sql("alter table switch rename to broken").await;
    // One batch may take several of them.
    let mut owner = 0;
    eventually(DEADLINE, "hundreds of visits", async || {
        for _ in 0..20 {
            owner = owner % 1_000 + 1;
            world
                .sql(&format!("update owners set name = 'other' where id = {owner}"))
                .await;
        }
        world
            .value::<bool>("select count(*) > 250 from walsift.visit")
            .await
            .then_some(())
    })
    .await;

    world.sql("truncate cars").await;
    let gone = async || world.divergence(CARS, "/cars/").await.is_none().then_some(());
    eventually(DEADLINE, "the cars are gone", gone).await;

    world.sql("alter table broken rename to switch").await;
    world.settled().await;
    world
        .assert_converged(
            "select '/houses/' || h.id, jsonb_build_object('id', h.id, 'owner', name) from houses h, owners o where o.id = owner_id",
            "/houses/",
        )
        .await;
}
