//! Beside live changes: what is on its way is no fault.

use std::cell::Cell;

use walsift::demo::{Behaviour, Paths};

use super::audit;
use super::http::readable;
use crate::world::{DEADLINE, SHOP_ORDERS, World};

#[tokio::test]
async fn a_healthy_busy_system_comes_out_clean() {
    let world = World::with_shop().await;
    world.stock_shop(20, 600).await;
    let config = readable(&world, "");
    let _engine = world.synced(&config).await;
    let is_over = Cell::new(false);
    let writes = async {
        let mut round = 0_u32;
        while !is_over.get() {
            round += 1;
            write(&world, round).await;
            // No faster than it is delivered.
            world.wait_until_true("select count(*) < 20 from walsift.job").await;
        }
        round
    };
    let audits = async {
        for _ in 0..3 {
            let said = audit(&world, &config, "orders", &[]).await;
            said.assert_clean();
            assert!(said.count("subjects") >= 590);
            assert!(said.count("in_order") > said.count("in_flight"), "{}", said.document);
        }
        is_over.set(true);
    };
    let (rounds, ()) = tokio::join!(writes, audits);
    assert!(rounds > 10);
    world.settled().await;
    let said = audit(&world, &config, "orders", &[]).await;
    said.assert_clean();
    assert_eq!(said.count("in_flight"), 0);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// Changes a few orders, brings one and takes one away; now and then a customer changes, and with it all of its orders.
async fn write(world: &World, round: u32) {
    let (changed, new) = (round * 7 % 590 + 1, 10_000 + round);
    // Other than before in one round of ten.
    let name = round / 10;
    let statements = format!(
        "update orders set status = 'round {round}' where id between {changed} and {changed} + 4;
         insert into orders (id, customer_id, status) values ({new}, 1, 'new');
         delete from orders where id = {new} - 10;
         update customers set last_name = 'Byron {name}' where id = {name} % 20 + 1"
    );
    world.sql(&statements).await;
}

#[tokio::test]
async fn a_first_load_that_has_not_come_by_is_no_fault() {
    let world = World::with_shop().await;
    world.stock_shop(2, 30).await;
    let config = readable(&world, "");
    world.receiver().rule(Paths::All, Behaviour::Hold);
    let _engine = world.engine(&config);
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    let said = audit(&world, &config, "orders", &["--repair"]).await;
    said.assert_clean();
    assert_eq!((said.count("in_flight"), said.count("repaired")), (30, 0));
    world.receiver().clear_rules();
    world.receiver().release();
    world.settled().await;
}

#[tokio::test]
async fn jobs_that_rest_are_in_flight_and_what_is_wrong_besides_is_found() {
    let world = World::with_shop().await;
    world.stock_shop(2, 10).await;
    let config = readable(&world, "");
    let _engine = world.synced(&config).await;
    let file = config.to_str().unwrap();
    world.walsift(&["pause", "--sync", "orders", "--config", file]).await;
    world.sql("update orders set status = 'waits' where id <= 3").await;
    world.wait_until_true("select count(*) = 3 from walsift.job").await;
    let url = format!("{}/orders/9", world.receiver().url());
    crate::world::http_client().delete(url).send().await.unwrap();
    let said = audit(&world, &config, "orders", &[]).await;
    assert_eq!(said.faults(), [("missing", vec!["9"])].into());
    assert_eq!((said.count("in_flight"), said.count("in_order")), (3, 6));
}

#[tokio::test]
async fn what_nobody_reads_is_in_flight() {
    let world = World::with_shop().await;
    world.stock_shop(2, 5).await;
    let config = readable(&world, "");
    let mut engine = world.synced(&config).await;
    engine.kill9();
    world.sql("update orders set status = 'unread' where id = 2").await;
    let said = audit(&world, &config, "orders", &[]).await;
    said.assert_clean();
    assert_eq!(said.count("in_flight"), 1);
}
