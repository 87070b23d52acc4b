//! A sink that is down, or asks for a pause, is left alone, and that costs its jobs nothing.

use std::time::Duration;

use walsift::demo::{Answer, Behaviour, Paths};

use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World, eventually};

/// Jobs that die at the third failure, and a breaker that opens before that. It looks often.
const SHORT_LIVED: &str = "
    [sinks.shop_api]
    timeout = \"5s\"
    retry   = { attempts = 3, base = \"10ms\", max = \"20ms\" }
    breaker = { failures = 2, cooldown = \"100ms\" }";

async fn open_is(engine: &Engine, wanted: u64) {
    let what = format!("walsift_sink_open {wanted}");
    eventually(DEADLINE, &what, async || {
        let open = engine.metric("walsift_sink_open", &[("sink", "shop_api")]).await;
        (open == wanted).then_some(())
    })
    .await;
}

/// Until every way of counting would have used up the budget of all of these jobs.
async fn an_outage(world: &World, orders: i64) {
    let tries = format!("select count(*) > 5 * {orders} and max(number) > 3 from walsift.attempt");
    world.wait_until_true(&tries).await;
}

async fn no_job_died(world: &World) {
    let given_up = "select count(*) from walsift.finished_job where state <> 'succeeded'";
    assert_eq!(world.value::<i64>(given_up).await, 0);
}

async fn survives(down: impl AsyncFnOnce(&World), up: impl AsyncFnOnce(&World)) {
    const ORDERS: u32 = 5;
    let world = World::with_shop().await;
    world.stock_shop(1, ORDERS).await;
    let config = world.config(&format!("{SHOP}{SHORT_LIVED}"));
    down(&world).await;
    let engine = world.engine(&config);
    open_is(&engine, 1).await;
    an_outage(&world, i64::from(ORDERS)).await;
    no_job_died(&world).await;
    assert_eq!(
        world.value::<i64>("select count(*) from walsift.job").await,
        i64::from(ORDERS)
    );

    up(&world).await;
    world.settled().await;

    open_is(&engine, 0).await;
    no_job_died(&world).await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn an_outage_of_the_sink_costs_no_job_its_life() {
    survives(
        async |world| world.receiver().stop().await,
        async |world| world.receiver().start().await.unwrap(),
    )
    .await;
}

#[tokio::test]
async fn a_key_that_was_revoked_costs_no_job_its_life() {
    survives(
        async |world| world.receiver().rule(Paths::All, Behaviour::answer(401)),
        async |world| world.receiver().clear_rules(),
    )
    .await;
}

#[tokio::test]
async fn a_sink_that_answers_nothing_but_errors_costs_no_job_its_life() {
    survives(
        async |world| world.receiver().rule(Paths::All, Behaviour::answer(503)),
        async |world| world.receiver().clear_rules(),
    )
    .await;
}

/// Too few try for the breaker to open.
#[tokio::test]
async fn a_single_job_outlives_an_outage() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let patience = "retry = { attempts = 3, base = \"10ms\", max = \"20ms\" }\nbreaker = { failures = 1000 }";
    let config = world.config(&format!("{SHOP}\n[sinks.shop_api]\n{patience}\n"));
    world.receiver().stop().await;
    let engine = world.engine(&config);
    world
        .wait_until_true("select to_regclass('walsift.attempt') is not null")
        .await;
    world.wait_until_true("select count(*) > 6 from walsift.attempt").await;
    open_is(&engine, 0).await;
    no_job_died(&world).await;
    world.receiver().start().await.unwrap();
    world.settled().await;
    no_job_died(&world).await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// The counterpart: as long as others are accepted it is the subject that fails.
#[tokio::test]
async fn a_subject_that_fails_alone_is_given_up() {
    let world = World::with_shop().await;
    world.stock_shop(1, 2).await;
    let retry = "retry = { attempts = 3, base = \"10ms\", max = \"20ms\" }";
    let config = world.config(&format!("{SHOP}\n[sinks.shop_api]\n{retry}\n"));
    world.receiver().rule(Paths::exact("/orders/1"), Behaviour::answer(503));
    let _engine = world.synced(&config).await;
    let states = "select string_agg(key || ' ' || state || ' ' || attempts, ', ') from walsift.finished_job";
    assert_eq!(world.value::<String>(states).await, "1 dead 3");
}

#[tokio::test]
async fn retry_after_quiets_the_whole_sink() {
    const ORDERS: u32 = 20;
    let world = World::with_shop().await;
    world.stock_shop(1, ORDERS).await;
    let headers = vec![("Retry-After".to_owned(), "2".to_owned())];
    let busy = Behaviour::Answer {
        status: 429,
        headers,
        body: String::new(),
    };
    world.receiver().rule_for_next(1, Paths::All, busy);
    let config = world.config(&format!("{SHOP}\n[sinks.shop_api]\nconcurrency = 1\n"));
    let _engine = world.synced(&config).await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    world.receiver().look(|ledger| {
        let [told, later @ ..] = ledger.journal() else {
            panic!("no requests")
        };
        assert_eq!((told.answer, later.len()), (Answer::Status(429), ORDERS as usize));
        let quiet = later[0].arrived - told.finished.unwrap();
        assert!(quiet >= Duration::from_secs(2), "{quiet:?}");
    });
    // Only the one that was told.
    assert_eq!(world.value::<i64>("select count(*) from walsift.attempt").await, 2);
}
