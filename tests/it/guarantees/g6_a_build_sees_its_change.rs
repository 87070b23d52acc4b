//! G6: a transaction can be decoded before new snapshots see it; a build for one of its changes uses a snapshot in which
//! it is visible.
//!
//! A commit that waits for a synchronous standby holds that window open. Here the standby is one that never comes, and
//! only one session waits for it.

use tokio::task::JoinHandle;
use walsift::demo::ClusterSettings;

use super::journal::{assert_one_at_a_time, requests_by_path};
use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World};

/// A world with two customers, each with two orders, all delivered.
async fn world_with_standby_missing(environment: &[(&str, &str)]) -> (World, Engine) {
    let settings = ClusterSettings::default()
        .with("synchronous_commit", "local")
        .with("synchronous_standby_names", "nobody");
    let world = World::apart(settings).await;
    world.shop().await;
    world.stock_shop(2, 4).await;
    let config = world.config(SHOP);
    let engine = world.engine_with(&config, environment);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    world.receiver().clear_journal();
    (world, engine)
}

/// Commits, but stays invisible until [`show`]. Returns once the commit is in the WAL.
async fn commit_unseen(world: &World, statements: &str) -> JoinHandle<()> {
    let session = world.connect().await;
    let statements = format!("begin; set local synchronous_commit = on; {statements}; commit");
    let task = tokio::spawn(async move { session.batch_execute(&statements).await.unwrap() });
    world
        .wait_until_true("select count(*) = 1 from pg_stat_activity where wait_event = 'SyncRep'")
        .await;
    task
}

/// The standby is no longer waited for.
async fn show(world: &World, unseen: JoinHandle<()>) {
    world.sql("alter system set synchronous_standby_names = ''").await;
    world.sql("select pg_reload_conf()").await;
    unseen.await.unwrap();
}

const SET_ASIDE: &str = "select count(*) > 0 from walsift.visit where xid is not null";

#[tokio::test]
async fn g6_a_change_that_is_decoded_before_it_is_visible_is_sent_when_it_is() {
    let (world, _engine) = world_with_standby_missing(&[]).await;
    let unseen = commit_unseen(&world, "update orders set status = 'unseen' where id = 1").await;
    world.wait_until_true(SET_ASIDE).await;

    // Nobody else waits for it.
    for id in [2, 3] {
        world
            .sql(&format!("update orders set status = 'seen' where id = {id}"))
            .await;
        world.receiver().wait_for_requests(id - 1, DEADLINE).await.unwrap();
    }
    assert!(!requests_by_path(world.receiver()).contains_key("/orders/1"));

    show(&world, unseen).await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let sent = requests_by_path(world.receiver());
    assert_eq!(sent.values().copied().collect::<Vec<_>>(), [1, 1, 1], "{sent:?}");
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g6_a_change_that_is_built_before_it_is_visible_is_never_sent() {
    let (world, _engine) = world_with_standby_missing(&[("FAILPOINTS", "visibility-guard=return")]).await;
    let unseen = commit_unseen(&world, "update orders set status = 'unseen' where id = 1").await;
    world.settled().await;
    show(&world, unseen).await;
    world.settled().await;
    let divergence = world.divergence(SHOP_ORDERS, "/orders/").await.unwrap();
    assert!(divergence.contains("stale (1):\n    /orders/1"), "{divergence}");
}

#[tokio::test]
async fn g6_a_look_up_for_a_change_waits_until_it_is_visible() {
    let (world, _engine) = world_with_standby_missing(&[]).await;
    // The order that the same transaction makes is found through its customer only if the look-up sees it.
    let unseen = commit_unseen(
        &world,
        "update customers set last_name = 'Lovelace' where id = 1;
         update orders set customer_id = 1 where id = 1;
         update products set name = 'unseen' where id = 2",
    );
    let unseen = unseen.await;
    world.wait_until_true(SET_ASIDE).await;
    world.sql("update customers set last_name = 'Seen' where id = 2").await;
    world.receiver().wait_for_requests(2, DEADLINE).await.unwrap();

    show(&world, unseen).await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g6_a_look_up_before_its_change_is_visible_misses_it_for_ever() {
    let (world, _engine) = world_with_standby_missing(&[("FAILPOINTS", "visibility-guard=return")]).await;
    let unseen = commit_unseen(&world, "update customers set last_name = 'Lovelace' where id = 1").await;
    world.settled().await;
    show(&world, unseen).await;
    world.settled().await;
    let divergence = world.divergence(SHOP_ORDERS, "/orders/").await.unwrap();
    assert!(divergence.contains("stale (2)"), "{divergence}");
}

/// The subject's own job cannot stand for the change that nobody sees yet.
#[tokio::test]
async fn g6_a_visible_change_does_not_cover_an_invisible_one_of_the_same_subject() {
    let (world, mut engine) = world_with_standby_missing(&[]).await;
    let unseen = commit_unseen(&world, "update order_lines set qty = 50 where order_id = 1").await;
    world.wait_until_true(SET_ASIDE).await;
    world.sql("update orders set status = 'seen' where id = 1").await;
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    // What is set aside outlives the process.
    engine.kill9();
    let config = world.config(SHOP);
    let _engine = world.engine(&config);

    show(&world, unseen).await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}
