//! Redis: keys by `GET`, and a `SCAN` for orphans.

use std::collections::BTreeMap;

use super::{audit, missed};
use crate::redis::cache::Cache;
use crate::world::{SHOP, World};

fn config(world: &World, cache: &Cache, sync: &str, sink: &str) -> std::path::PathBuf {
    let url = cache.url();
    let shop = SHOP.replacen("[syncs.orders]", &format!("[syncs.orders]\n{sync}"), 1);
    world.config(&format!(
        "{shop}\n[sinks.shop_api]\ntype = 'redis'\nurl = '{url}'\n{sink}"
    ))
}

#[tokio::test]
async fn planted_faults_of_each_kind_are_found_named_and_repaired() {
    let (world, cache) = (World::with_shop().await, Cache::new().await);
    world.stock_shop(2, 9).await;
    let config = config(&world, &cache, "", "key = 'order:{id}'");
    let _engine = world.synced(&config).await;
    audit(&world, &config, "orders", &[]).await.assert_clean();

    let tell = |command: &str| cache.tell::<redis::Value>(command);
    tell("DEL order:1");
    tell("SET order:2 {\"id\":2}");
    tell("SET order:77 {}");
    tell("SET order:x {}");
    tell("DEL order:5");
    tell("RPUSH order:5 a");
    let statements = "update orders set status = 'missed' where id = 3;
                      delete from orders where id = 4;
                      insert into orders (id, customer_id, status) values (50, 1, 'new')";
    missed(&world, &config, "orders", statements, 3).await;

    let wanted = BTreeMap::from([
        ("changed", vec!["3"]),
        ("gone", vec!["4"]),
        ("new", vec!["50"]),
        ("missing", vec!["1", "50"]),
        ("stale", vec!["2", "3"]),
        ("orphaned", vec!["4", "77"]),
        ("unreadable", vec!["5"]),
    ]);
    let said = audit(&world, &config, "orders", &["--repair"]).await;
    assert_eq!((said.code, said.faults()), (Some(1), wanted), "{}", said.document);
    assert_eq!(
        (said.count("repaired"), said.count("strangers")),
        (6, 1),
        "{}",
        said.document
    );
    world.settled().await;
    tell("DEL order:5");
    let said = audit(&world, &config, "orders", &["--repair"]).await;
    assert_eq!(said.faults(), BTreeMap::from([("missing", vec!["5"])]));
    world.settled().await;
    audit(&world, &config, "orders", &[]).await.assert_clean();
    assert!(cache.tell::<bool>("EXISTS order:x"), "it is none of ours");
}

#[tokio::test]
async fn more_keys_than_a_page_are_scanned_and_of_composite_ones_the_subject_is_won_back() {
    let (world, cache) = (World::new().await, Cache::new().await);
    world
        .sql(
            "create table orders (area text, id int, name text, primary key (area, id));
             insert into orders select 'a:' || n % 3, n, 'thing' from generate_series(1, 1300) n",
        )
        .await;
    let url = cache.url();
    let config = world.config(&format!(
        "[syncs.orders]\ntable = 'orders'\nsink = 'shop_api'
         [sinks.shop_api]\ntype = 'redis'\nurl = '{url}'\nkey = '[o]:{{area}}:{{id}}'"
    ));
    let _engine = world.synced(&config).await;
    audit(&world, &config, "orders", &[]).await.assert_clean();
    cache.tell::<()>("SET [o]:a%3A9:7 {}");
    cache.tell::<()>("SET o:a%3A9:8 {}");
    let said = audit(&world, &config, "orders", &["--repair"]).await;
    assert_eq!(said.faults(), BTreeMap::from([("orphaned", vec![r"a\:9:7"])]));
    assert_eq!(said.count("subjects"), 1_301);
    world.settled().await;
    assert!(!cache.tell::<bool>("EXISTS [o]:a%3A9:7"));
    assert!(cache.tell::<bool>("EXISTS o:a%3A9:8"));
}

#[tokio::test]
async fn what_expires_is_not_missed_and_what_is_ignored_is_not_compared() {
    let (world, cache) = (World::with_shop().await, Cache::new().await);
    world.stock_shop(2, 4).await;
    let sync = "deletes = 'ignore'\nignore = ['/order_status']";
    let config = config(&world, &cache, sync, "key = 'order:{id}'\nexpire = '1h'");
    let _engine = world.synced(&config).await;
    cache.tell::<()>("DEL order:1");
    let document: String = cache.tell("GET order:2");
    let altered = document.replace("\"order_status\"", "\"order_status\":0,\"x\"");
    assert_ne!(altered, document);
    let kept = altered.replace("\"x\":", "\"y\":");
    cache.tell::<()>(&format!("SET order:2 {}", kept.replace(' ', "")));
    // The source has it no more, and the sink keeps it.
    world.sql("delete from orders where id = 3").await;
    world.settled().await;
    let said = audit(&world, &config, "orders", &[]).await;
    assert_eq!(
        said.faults(),
        BTreeMap::from([("stale", vec!["2"])]),
        "{}",
        said.document
    );
    let detail = &said.document["sinks"][0]["faults"]["stale"]["samples"][0]["detail"];
    assert!(!detail.to_string().contains("order_status"), "{detail}");
    assert_eq!(said.document["sinks"][0]["notes"].as_array().unwrap().len(), 2);
}
