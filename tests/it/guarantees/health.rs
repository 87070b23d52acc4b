//! What an orchestrator is told.

use walsift::demo::{ClusterSettings, Shutdown};

use super::brisk_shop;
use crate::world::{DEADLINE, SHOP_ORDERS, World, eventually};

#[tokio::test]
async fn health_says_what_is_wrong_while_postgres_is_down_and_recovers_by_itself() {
    let world = World::apart(ClusterSettings::default()).await;
    world.shop().await;
    world.stock_shop(2, 10).await;
    let config = world.config(&brisk_shop());
    world.cluster().halt(Shutdown::Fast).await.unwrap();
    let engine = world.engine(&config);
    let not_ready = async || {
        let (status, body) = engine.admin("/readyz").await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let reasons = body["reasons"].as_object().unwrap();
        (status == 503 && reasons.values().any(|reason| reason != "starting")).then_some(body)
    };
    let ready = async || (engine.admin("/readyz").await.0 == 200).then_some(());

    let body = eventually(DEADLINE, "not ready before postgres is there", not_ready).await;
    assert_eq!(body["ready"], false);
    assert_eq!(engine.admin("/healthz").await, (200, "ok\n".to_owned()));
    world.cluster().resume().await.unwrap();
    eventually(DEADLINE, "ready", ready).await;
    world.settled().await;

    world.cluster().kill().await.unwrap();
    eventually(DEADLINE, "not ready while postgres is down", not_ready).await;
    assert_eq!(engine.admin("/healthz").await.0, 200);
    world.cluster().resume().await.unwrap();
    eventually(DEADLINE, "ready again", ready).await;
    world.sql("update orders set status = 'back'").await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}
