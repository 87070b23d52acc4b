//! A sink is sent as much at a time as it bears.

use std::time::Duration;

use walsift::demo::{Answer, Behaviour, Paths};

use crate::world::{SHOP, SHOP_ORDERS, World};

/// What the sink bears at a time.
const BEARS: usize = 4;

#[tokio::test]
async fn a_sink_that_refuses_more_than_it_bears_is_pressed_no_further() {
    const ORDERS: u32 = 600;
    let world = World::with_shop().await;
    world.stock_shop(1, ORDERS).await;
    let time = Duration::from_millis(10);
    world
        .receiver()
        .rule(Paths::All, Behaviour::Bears { requests: BEARS, time });
    let sink = "[sinks.shop_api]\nconcurrency = 64\nretry = { base = \"10ms\", max = \"500ms\" }";
    let config = world.config(&format!("{SHOP}\n{sink}"));
    let engine = world.synced(&config).await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let given_up = "select count(*) from walsift.finished_job where state <> 'succeeded'";
    assert_eq!(world.value::<i64>(given_up).await, 0);
    let places = engine.metric("walsift_sink_concurrency", &[("sink", "shop_api")]).await;
    assert!((1..=2 * BEARS as u64).contains(&places), "{places} places");
    let refused = world.receiver().look(|ledger| {
        let refused = ledger
            .journal()
            .iter()
            .filter(|request| request.answer == Answer::Status(429));
        refused.count()
    });
    assert!(refused > 0 && refused < ORDERS as usize / 2, "{refused} were refused");
}
