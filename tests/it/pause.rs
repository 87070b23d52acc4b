//! `walsift pause` and `walsift resume`.

use std::path::Path;

use serde_json::{Value, json};
use walsift::demo::{Behaviour, Ledger, Paths, Receiver};

use crate::guarantees::journal::{assert_one_at_a_time, requests_by_path};
use crate::guarantees::let_go;
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually, field};

/// Exit status, and what it said.
async fn walsift(world: &World, config: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let arguments = [arguments, &["--config", config.to_str().unwrap()]].concat();
    let output = world.walsift(&arguments).await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

async fn status(world: &World, config: &Path) -> Value {
    let (_, text) = walsift(world, config, &["status", "--json"]).await;
    serde_json::from_str(&text).unwrap()
}

async fn wait_for_jobs(world: &World, count: usize) {
    let jobs = format!("select count(*) = {count} from walsift.job");
    world.wait_until_true(&jobs).await;
}

#[tokio::test]
async fn a_sync_that_rests_sends_nothing_until_it_is_resumed_whoever_starts_meanwhile() {
    let world = World::with_shop().await;
    world.stock_shop(2, 20).await;
    let config = world.config(SHOP);
    let mut engine = world.synced(&config).await;
    let (code, text) = walsift(&world, &config, &["pause", "--sync", "orders"]).await;
    let wanted = "sync orders is paused: its jobs wait until `walsift resume --sync orders`\n";
    assert_eq!((code, text.as_str()), (Some(0), wanted));
    world.receiver().clear_journal();
    world.sql("update orders set status = 'first'").await;
    wait_for_jobs(&world, 20).await;
    world.sql("update orders set status = 'second'").await;

    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let mut engine = world.engine(&config);
    world
        .sql("update orders set status = 'third'; insert into orders (customer_id) values (1)")
        .await;
    wait_for_jobs(&world, 21).await;
    let shown = async || (engine.metric("walsift_paused", &[("sync", "orders")]).await == 1).then_some(());
    eventually(DEADLINE, "the metric", shown).await;

    let route = status(&world, &config).await["routes"][0].clone();
    let since = route["sync_paused_since"].as_str().unwrap();
    assert_eq!(
        (&route["paused"], &route["sink_paused_since"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&route["jobs"]["pending"], &route["jobs"]["running"]),
        (&json!(21), &json!(0))
    );
    let (_, text) = walsift(&world, &config, &["status"]).await;
    assert!(
        text.contains(&format!("  paused      by hand since {since}: sync orders\n")),
        "{text}"
    );
    let (code, text) = walsift(&world, &config, &["pause", "--sync", "orders"]).await;
    assert_eq!(
        (code, text),
        (Some(0), format!("sync orders has been paused since {since}\n"))
    );

    let (code, text) = walsift(&world, &config, &["resume", "--sync", "orders"]).await;
    assert_eq!(
        (code, text),
        (Some(0), format!("sync orders goes on; it was paused since {since}\n"))
    );
    world.settled().await;
    // Whatever had been sent meanwhile would make for two requests.
    let requests = requests_by_path(world.receiver());
    assert!(
        requests.len() == 21 && requests.values().all(|&count| count == 1),
        "{requests:?}"
    );
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
}

#[tokio::test]
async fn a_sink_that_rests_leaves_the_others_alone() {
    let world = World::with_shop().await;
    world.stock_shop(1, 10).await;
    let other = Receiver::new().await.unwrap();
    let config = world.config(&format!(
        "[syncs.orders]
         table    = \"orders\"
         sinks    = [\"shop_api\", \"other\"]
         document = {{ id = \"id\", status = \"status\" }}
         [sinks.other]
         type = \"http\"
         url  = \"{}/orders/{{id}}\"",
        other.url()
    ));
    let _engine = world.synced(&config).await;
    let (code, text) = walsift(&world, &config, &["pause", "--sink", "shop_api", "--json"]).await;
    let said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &said["paused"], &said["changed"]),
        (Some(0), &json!(true), &json!(true))
    );
    world.receiver().clear_journal();
    world.sql("update orders set status = 'paid'").await;
    let paid = |ledger: &Ledger| ledger.held().values().filter(|held| held.body.contains("paid")).count() == 10;
    other.wait_until(DEADLINE, paid).await.unwrap();
    wait_for_jobs(&world, 10).await;
    assert_eq!(world.receiver().request_count(), 0);
    let routes = status(&world, &config).await["routes"].clone();
    let rests: Vec<(&str, bool)> = (routes.as_array().unwrap().iter())
        .map(|route| (route["sink"].as_str().unwrap(), route["sink_paused_since"].is_string()))
        .collect();
    assert_eq!(rests, [("other", false), ("shop_api", true)]);

    walsift(&world, &config, &["resume", "--sink", "shop_api"]).await;
    world.receiver().wait_until(DEADLINE, paid).await.unwrap();
}

/// Whatever a process has claimed already would otherwise still be sent, a slow sink's for minutes.
#[tokio::test]
async fn what_is_under_way_is_finished_and_what_only_waits_for_it_is_let_go_of() {
    const CONCURRENCY: usize = 4;
    let world = World::with_shop().await;
    world.stock_shop(1, 50).await;
    let sink = format!("[sinks.shop_api]\nconcurrency = {CONCURRENCY}\ntimeout = \"60s\"");
    let config = world.config(&format!("{SHOP}\n{sink}"));
    world.receiver().rule(Paths::All, Behaviour::Hold);
    let engine = world.engine(&config);
    let places_taken = |ledger: &Ledger| ledger.in_flight() == CONCURRENCY;
    world.receiver().wait_until(DEADLINE, places_taken).await.unwrap();
    world
        .wait_until_true("select (select count(worker) from walsift.job) + (select coalesce(sum(cardinality(keys)), 0) from walsift.chunk) > 10")
        .await;

    walsift(&world, &config, &["pause", "--sink", "shop_api"]).await;
    // The process has to hear of it before a place becomes free.
    let heard = |line: &Value| field(line, "message") == Some("the sync is paused by hand");
    engine.wait_for_log(DEADLINE, "the pause", heard).await;
    world.receiver().clear_rules();
    let_go(&world).await;
    world.wait_until_true("select count(worker) = 0 from walsift.job").await;
    world.wait_until_true("select count(*) = 0 from walsift.chunk").await;
    assert_eq!(world.receiver().request_count(), CONCURRENCY);
    wait_for_jobs(&world, 50 - CONCURRENCY).await;

    walsift(&world, &config, &["resume", "--sink", "shop_api"]).await;
    world.settled().await;
    let requests = requests_by_path(world.receiver());
    assert!(requests.values().all(|&count| count == 1), "{requests:?}");
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn names_that_there_are_not_are_refused_and_what_does_not_rest_is_said() {
    let world = World::with_shop().await;
    let config = world.config(SHOP);
    let (code, text) = walsift(&world, &config, &["pause", "--sync", "orders"]).await;
    assert_eq!((code, text.contains("no state yet")), (Some(3), true), "{text}");
    drop(world.synced(&config).await);

    let refused = |what: &str| format!("there is no {what}\n");
    for (arguments, wanted) in [
        (
            ["pause", "--sync", "shop_api"],
            refused("sync `shop_api`; there are: orders"),
        ),
        (
            ["pause", "--sink", "orders"],
            refused("sink `orders`; there are: shop_api"),
        ),
        (
            ["resume", "--sync", "ordres"],
            refused("sync `ordres`; there are: orders"),
        ),
    ] {
        assert_eq!(walsift(&world, &config, &arguments).await, (Some(2), wanted));
    }
    for arguments in [
        &["pause"][..],
        &["resume"],
        &["pause", "--sync", "orders", "--sink", "shop_api"],
    ] {
        let (code, text) = walsift(&world, &config, arguments).await;
        assert_eq!(code, Some(2), "{text}");
    }
    let (code, text) = walsift(&world, &config, &["resume", "--sink", "shop_api"]).await;
    assert_eq!((code, text.as_str()), (Some(0), "sink shop_api is not paused\n"));
    // What is no longer configured can still be resumed.
    world
        .sql("insert into walsift.pause values ('sync', 'gone', now())")
        .await;
    let (code, text) = walsift(&world, &config, &["resume", "--sync", "gone"]).await;
    assert!(code == Some(0) && text.starts_with("sync gone goes on"), "{text}");
}
