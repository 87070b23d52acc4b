//! `check` tries whether somebody answers for each sink.

use serde_json::Value;

use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually};

async fn check(world: &World, arguments: &[&str], config: &str) -> (i32, String) {
    let file = world.config(config);
    let arguments = [&["check", "--config", file.to_str().unwrap()], arguments].concat();
    let output = world.walsift(&arguments).await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

#[tokio::test]
async fn a_sink_that_answers_is_said_to_without_being_sent_anything() {
    let world = World::with_shop().await;
    let (status, text) = check(&world, &[], SHOP).await;
    let url = world.receiver().url();
    let wanted = format!("sink `shop_api`: HEAD {url}/orders: 405 Method Not Allowed\nok: nothing stands in the way\n");
    assert_eq!((status, text), (0, wanted));
    assert_eq!(world.receiver().request_count(), 0);
    let (_, text) = check(&world, &["--skip-sinks"], SHOP).await;
    assert_eq!(text, "ok: nothing stands in the way\n");
}

#[tokio::test]
async fn a_sink_that_is_away_is_a_warning_and_does_not_keep_run_from_starting() {
    let world = World::with_shop().await;
    world.stock_shop(1, 2).await;
    world.receiver().stop().await;
    let (status, text) = check(&world, &[], SHOP).await;
    assert_eq!(status, 0, "{text}");
    let words = "warning: deliveries to the sink `shop_api` would fail: could not connect: ";
    assert!(text.contains(words) && text.contains("[sinks.shop_api]"), "{text}");

    let (status, text) = check(&world, &["--json"], SHOP).await;
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &json["errors"], &json["warnings"]), (0, &0.into(), &1.into()));
    let sink = &json["sinks"][0];
    assert_eq!(sink["sink"], "shop_api");
    let (tried, wrong) = (sink["tried"][0].as_str().unwrap(), sink["wrong"].as_str().unwrap());
    assert!(tried.starts_with("HEAD ") && tried.ends_with(wrong), "{text}");

    let engine = world.engine(&world.config(SHOP));
    let jobs = async || {
        let waiting = "select count(*) = 2 from walsift.job";
        let there = "select to_regclass('walsift.job') is not null";
        (world.value::<bool>(there).await && world.value::<bool>(waiting).await).then_some(())
    };
    eventually(DEADLINE, "jobs that wait", jobs).await;
    world.receiver().start().await.unwrap();
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    drop(engine);
}

#[tokio::test]
async fn sinks_that_print_have_nothing_to_try() {
    let world = World::with_shop().await;
    let config = SHOP.to_owned() + "[sinks.shop_api]\ntype = 'stdout'";
    assert_eq!(
        check(&world, &[], &config).await,
        (0, "ok: nothing stands in the way\n".to_owned())
    );
    let (_, text) = check(&world, &["--json"], &config).await;
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        json["sinks"],
        serde_json::json!([{ "sink": "shop_api", "tried": [], "wrong": null }])
    );
}
