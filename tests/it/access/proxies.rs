//! Proxies, by the usual variables of the environment.

use crate::world::{SHOP, SHOP_ORDERS, World};

#[tokio::test]
async fn a_proxy_is_asked_for_whoever_is_not_on_this_machine() {
    for variable in ["HTTP_PROXY", "ALL_PROXY"] {
        let world = World::with_shop().await;
        world.stock_shop(1, 2).await;
        // Nobody knows such a host; the receiver takes what is meant for it.
        let config = format!("{SHOP}\n[sinks.shop_api]\ntype = 'http'\nurl = 'http://shop.invalid/orders/{{id}}'");
        let proxy = world.receiver().url();
        let _engine = world.engine_with(&world.config(&config), &[(variable, &proxy)]);
        world.settled().await;
        world.assert_converged(SHOP_ORDERS, "/orders/").await;
    }
}

#[tokio::test]
async fn a_sink_on_this_machine_needs_no_proxy() {
    let world = World::with_shop().await;
    world.stock_shop(1, 2).await;
    // Nobody listens there.
    let proxies = [
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ];
    let _engine = world.engine_with(&world.config(SHOP), &proxies);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}
