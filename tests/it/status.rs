//! `walsift status`.

use serde_json::{Value, json};

use crate::world::{DEADLINE, SHOP, World, eventually};

async fn status(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let file = world.config(SHOP);
    let output = world
        .walsift(&[&["status", "--config", file.to_str().unwrap()], arguments].concat())
        .await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[tokio::test]
async fn status_before_the_first_run_says_so() {
    let world = World::with_shop().await;
    let (code, text) = status(&world, &[]).await;
    assert_eq!(code, Some(3));
    assert_eq!(
        text,
        "there is no state yet: walsift has not run with this configuration\n"
    );
}

#[tokio::test]
async fn status_tells_what_was_done_and_what_was_not_sent() {
    let world = World::with_shop().await;
    world.stock_shop(5, 20).await;
    let mut engine = world.synced(&world.config(SHOP)).await;
    world
        .caused_by("update orders set status = 'paid' where id <= 3; update orders set note = 'x' where id in (4, 5)")
        .await;
    world.caused_by("delete from orders where id = 1; insert into orders (id, customer_id) values (90, 1); delete from orders where id = 90").await;
    let wanted = json!({
        "sync": "orders", "sink": "shop_api", "paused": null, "sync_paused_since": null, "sink_paused_since": null,
        "jobs": {"pending": 0, "running": 0, "failing": 0, "failed": 0, "dead": 0}, "oldest_seconds": null,
        "published": {"upsert": 23, "delete": 1}
    });
    // Tallies are written about once a second.
    let route = async || {
        let (code, text) = status(&world, &["--json"]).await;
        assert_eq!(code, Some(0), "{text}");
        let status: Value = serde_json::from_str(&text).unwrap();
        let route = status["routes"][0].as_object().unwrap().clone();
        let counted = route["published"] == wanted["published"] && route["suppressed"]["filtered"] == 1;
        counted.then_some((status, route))
    };
    let (whole, mut route) = eventually(DEADLINE, "the numbers", route).await;
    let suppressed = route.remove("suppressed").unwrap();
    assert_eq!(Value::Object(route), wanted);
    // Changes of `note` alone, and the order that came and went. Its insert and its delete, and the lines of the one
    // deleted, were folded into jobs that were there.
    assert_eq!((&suppressed["equal"], &suppressed["filtered"]), (&json!(2), &json!(1)));
    assert_eq!(
        (&whole["visits"], &whole["slot"]["active"], &whole["slot"]["standing"]),
        (&json!(0), &json!(true), &json!("safe"))
    );
    assert_eq!(whole["slot"]["name"], world.slot());

    let (code, text) = status(&world, &[]).await;
    assert_eq!(code, Some(0));
    assert!(
        text.starts_with(&format!("slot {}: being read, at ", world.slot())),
        "{text}"
    );
    let (_, rest) = text.split_once('\n').unwrap();
    let covered = suppressed["covered"].as_i64().unwrap();
    assert_eq!(
        rest,
        format!(
            "\norders → shop_api\n  jobs        0 pending, 0 running, 0 failing, 0 failed, 0 dead\n  \
             published   1 delete, 23 upsert\n  suppressed  {covered} covered, 2 equal, 1 filtered\n"
        )
    );

    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let (_, text) = status(&world, &[]).await;
    assert!(
        text.starts_with(&format!("slot {}: read by nobody, at ", world.slot())),
        "{text}"
    );
}

#[tokio::test]
async fn status_counts_what_waits_for_a_sink_that_is_down() {
    let world = World::with_shop().await;
    world.stock_shop(5, 20).await;
    let engine = world.synced(&world.config(SHOP)).await;
    world
        .receiver()
        .rule(walsift::demo::Paths::All, walsift::demo::Behaviour::answer(503));
    world.receiver().clear_journal();
    world.sql("update orders set status = 'paid' where id <= 3").await;
    let waiting = async || {
        let (_, text) = status(&world, &["--json"]).await;
        let status: Value = serde_json::from_str(&text).unwrap();
        let jobs = &status["routes"][0]["jobs"];
        let waiting = jobs["pending"].as_i64().unwrap() + jobs["running"].as_i64().unwrap();
        (waiting == 3 && jobs["failing"] == 3).then_some(status)
    };
    let waiting = eventually(DEADLINE, "three jobs that have failed before", waiting).await;
    assert!(waiting["routes"][0]["oldest_seconds"].as_f64().unwrap() > 0.0);
    drop(engine);
}
