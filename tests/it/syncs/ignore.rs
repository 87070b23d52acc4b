//! `ignore`: members that are sent but not compared.

use crate::world::{DEADLINE, World};

fn config(ignore: &str) -> String {
    format!(
        "[syncs.orders]
         table    = \"orders\"
         sink     = \"shop_api\"
         ignore   = {ignore}
         document = {{ id = \"id\", status = \"status\", inner = {{ note = \"note\", code = \"warehouse_code\" }} }}"
    )
}

const ORDERS: &str = "
    select '/orders/' || id,
           jsonb_build_object('id', id, 'status', status, 'inner', jsonb_build_object('note', note, 'code', warehouse_code))
      from orders";

#[tokio::test]
async fn what_is_ignored_causes_nothing_and_is_sent_with_the_rest() {
    let world = World::with_shop().await;
    world.stock_shop(1, 2).await;
    let file = world.config(&config("[\"/inner/note\"]"));
    let _engine = world.synced(&file).await;

    assert_eq!(world.caused_by("update orders set note = 'x'").await, [""; 0]);
    assert!(world.divergence(ORDERS, "/orders/").await.is_some());

    let caused = world
        .caused_by("update orders set note = 'y', status = 'paid' where id = 1")
        .await;
    assert_eq!(caused, ["PUT /orders/1"]);
    let caused = world
        .caused_by("update orders set warehouse_code = 'W2' where id = 2")
        .await;
    assert_eq!(caused, ["PUT /orders/2"]);
    world.assert_converged(ORDERS, "/orders/").await;
}

/// What was compared before with other eyes is looked at again, once.
#[tokio::test]
async fn a_change_of_what_is_ignored_visits_every_subject() {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let mut engine = world.synced(&world.config(&config("[]"))).await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;

    let mut engine = world.synced(&world.config(&config("[\"/inner\"]"))).await;
    assert_eq!(world.caused_by("update orders set note = 'x'").await, [""; 0]);
    engine.terminate();
    engine.wait_exit(DEADLINE).await;

    // No longer ignored: what was held back is sent.
    let _engine = world.synced(&world.config(&config("[]"))).await;
    world.assert_converged(ORDERS, "/orders/").await;
    assert_eq!(world.caused_by("update orders set note = 'x'").await, [""; 0]);
}
