//! `rate_limit` is kept by all processes together.

use std::time::Instant;

use crate::world::{SHOP, SHOP_ORDERS, World};

const RATE: f64 = 20.0;

/// A second's worth that was not used may come at once; and the shares may be wrong for a while, when one joins.
const AT_ONCE: f64 = 3.0 * RATE;

#[tokio::test]
async fn two_processes_keep_a_rate_together() {
    const ORDERS: u32 = 200;
    let world = World::with_shop().await;
    world.stock_shop(1, ORDERS).await;
    let config = world.config(&format!("{SHOP}\n[sinks.shop_api]\nrate_limit = \"20/s\"\n"));
    let engines = [world.engine(&config), world.engine(&config)];
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let arrivals: Vec<Instant> = world
        .receiver()
        .look(|ledger| ledger.journal().iter().map(|request| request.arrived).collect());
    assert_eq!(arrivals.len(), ORDERS as usize);
    for (first, begin) in arrivals.iter().enumerate() {
        for (last, end) in arrivals.iter().enumerate().skip(first) {
            let most = AT_ONCE + RATE * (*end - *begin).as_secs_f64();
            let sent = u32::try_from(last - first).unwrap();
            assert!(f64::from(sent) <= most, "{sent} requests in {:?}", *end - *begin);
        }
    }
    for engine in engines {
        assert!(
            engine.metric("walsift_published_total", &[]).await > 0,
            "one did nothing"
        );
    }
}
