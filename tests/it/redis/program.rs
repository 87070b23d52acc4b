//! The whole program: from the WAL to the keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use redis::Commands;
use serde_json::Value;

use super::cache::Cache;
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually};

fn config(world: &World, url: &str) -> PathBuf {
    world.config(&format!(
        "{SHOP}\n[sinks.shop_api]\ntype = 'redis'\nurl = '{url}'\nkey = 'order:{{id}}'
         breaker = {{ failures = 3, cooldown = '200ms' }}
         retry = {{ attempts = 3, base = '50ms', max = '200ms' }}"
    ))
}

/// Each order has its document under its key, and nothing else is there.
async fn assert_converged(world: &World, cache: &Cache) {
    let rows = world
        .query(
            &format!("select path, document::text from ({SHOP_ORDERS}) as expected(path, document)"),
            &[],
        )
        .await;
    let wanted: BTreeMap<String, Value> = rows
        .iter()
        .map(|row| {
            let path: String = row.get(0);
            (path.replace("/orders/", "order:"), json(row.get(1)))
        })
        .collect();
    let mut client = cache.client();
    let keys: Vec<String> = client.keys("order:*").unwrap();
    let held = keys.into_iter().map(|key| {
        let document: String = client.get(&key).unwrap();
        (key, json(&document))
    });
    assert_eq!(held.collect::<BTreeMap<_, _>>(), wanted);
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn walsift(world: &World, arguments: &[&str], config: &Path) -> (Option<i32>, String) {
    let output = world
        .walsift(&[arguments, &["--config", config.to_str().unwrap()]].concat())
        .await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}

#[tokio::test]
async fn two_processes_keep_keys_in_step_though_memory_runs_out_and_one_is_killed() {
    let world = World::with_shop().await;
    world.stock_shop(3, 40).await;
    let cache = Cache::new().await;
    let file = config(&world, &cache.url());
    let mut first = world.engine(&file);
    let _second = world.engine(&file);
    world.settled().await;
    assert_converged(&world, &cache).await;

    cache.tell::<()>("CONFIG SET maxmemory 1");
    world
        .sql("update orders set status = 'paid'; delete from orders where id in (5, 6)")
        .await;
    let gone = async || (cache.tell::<i64>("EXISTS order:5 order:6") == 0).then_some(());
    eventually(DEADLINE, "the deletes", gone).await;
    first.kill9();
    cache.tell::<()>("CONFIG SET maxmemory 0");
    world.settled().await;
    assert_converged(&world, &cache).await;
    assert_eq!(world.value::<i64>("select count(*) from walsift.job").await, 0);
}

#[tokio::test]
async fn a_password_that_is_wrong_waits_for_somebody_to_mend_it_and_nothing_dies() {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let cache = Cache::with(&["--requirepass", "c0rrect-h0rse"]).await;
    let url = world.folder().join("url");
    let write = |password: &str| fs::write(&url, cache.url().replace("//", &format!("//:{password}@"))).unwrap();
    write("wr0ng-h0rse");
    let file = config(&world, &format!("file:{}", url.display()));
    let (status, text) = walsift(&world, &["check"], &file).await;
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("deliveries to the sink `shop_api` would fail: WRONGPASS"),
        "{text}"
    );

    let engine = world.engine(&file);
    let refused = |line: &Value| line.to_string().contains("WRONGPASS");
    engine.wait_for_log(DEADLINE, "the refusal", refused).await;
    write("c0rrect-h0rse");
    world.settled().await;
    let failed = "select count(*) from walsift.finished_job where state = 'failed'";
    assert_eq!(world.value::<i64>(failed).await, 0);
    let (_, text) = walsift(&world, &["check"], &file).await;
    assert!(text.contains(": let in\nok:"), "{text}");

    let (status, text) = walsift(
        &world,
        &["publish", "--dry-run", "--sync", "orders", "--key", "1"],
        &file,
    )
    .await;
    assert_eq!(status, Some(0), "{text}");
    for line in [
        "\nEVALSHA put.lua\n",
        "\n  key: order:1\n",
        "\n  what: set\n",
        "\n  document: {\"id\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let (_, printed) = walsift(&world, &["check", "--print-config"], &file).await;
    let log = engine.log().concat();
    assert!(!(log + &text + &printed).contains("h0rse"));
}
