//! HTTP, by a configured `read`; and sinks that cannot be read.

use std::collections::BTreeMap;

use super::{audit, missed, raw};
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, http_client};

/// The shop, whose receiver shows what it holds.
pub fn readable(world: &World, sync: &str) -> std::path::PathBuf {
    let shop = SHOP.replacen("[syncs.orders]", &format!("[syncs.orders]\n{sync}"), 1);
    let url = world.receiver().url();
    world.config(&format!(
        "{shop}\n[sinks.shop_api]\nread = {{ url = '{url}/orders/{{id}}' }}"
    ))
}

async fn put(world: &World, path: &str, body: &'static str) {
    let url = format!("{}{path}", world.receiver().url());
    http_client().put(url).body(body).send().await.unwrap();
}

async fn delete(world: &World, path: &str) {
    let url = format!("{}{path}", world.receiver().url());
    http_client().delete(url).send().await.unwrap();
}

#[tokio::test]
async fn planted_faults_of_each_kind_are_found_named_and_repaired() {
    let world = World::with_shop().await;
    world.stock_shop(2, 9).await;
    let config = readable(&world, "");
    let _engine = world.synced(&config).await;
    audit(&world, &config, "orders", &[]).await.assert_clean();
    delete(&world, "/orders/1").await;
    put(&world, "/orders/2", "{\"id\": 2}").await;
    put(&world, "/orders/5", "<html>").await;
    let statements = "update orders set status = 'missed' where id = 3;
                      delete from orders where id = 4;
                      insert into orders (id, customer_id, status) values (50, 1, 'new')";
    missed(&world, &config, "orders", statements, 3).await;

    let wanted = BTreeMap::from([
        ("changed", vec!["3"]),
        ("gone", vec!["4"]),
        ("new", vec!["50"]),
        ("missing", vec!["1", "50"]),
        ("stale", vec!["2", "3", "5"]),
        ("orphaned", vec!["4"]),
    ]);
    let said = audit(&world, &config, "orders", &["--repair"]).await;
    assert_eq!((said.code, said.faults()), (Some(1), wanted), "{}", said.document);
    assert_eq!(said.count("repaired"), 6);
    world.settled().await;
    audit(&world, &config, "orders", &[]).await.assert_clean();
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_sink_that_cannot_be_read_says_so_and_source_and_state_are_compared() {
    let world = World::with_shop().await;
    world.stock_shop(2, 4).await;
    let config = world.config(SHOP);
    let _engine = world.synced(&config).await;
    delete(&world, "/orders/1").await;
    let said = audit(&world, &config, "orders", &[]).await;
    said.assert_clean();
    let unread = said.document["sinks"][0]["unread"].as_str().unwrap();
    assert!(unread.contains("read = { url"), "{unread}");

    missed(
        &world,
        &config,
        "orders",
        "update orders set status = 'missed' where id = 3",
        1,
    )
    .await;
    let (code, out, _) = raw(&world, &config, "orders", &[]).await;
    let wanted = "orders → shop_api\n  changed    3\n  the sink can't be read: nothing says how: `read = { url = \"…\" }` does; \
                  source and state alone were compared\n4 subjects: 3 in order, 1 changed\n";
    assert_eq!((code, out.as_str()), (Some(1), wanted));
}

#[tokio::test]
async fn ids_of_the_other_side_lead_to_what_it_holds() {
    let world = World::with_shop().await;
    world.stock_shop(2, 3).await;
    world.receiver().collect("/made");
    let url = world.receiver().url();
    let config = world.config(&format!(
        "{SHOP}\n[sinks.shop_api]\nurl = '{url}/made/{{remote_id}}'\ncreate = {{ url = '{url}/made' }}
         read = {{ url = '{url}/made/{{remote_id}}' }}"
    ));
    let _engine = world.synced(&config).await;
    audit(&world, &config, "orders", &[]).await.assert_clean();
    let row = "select key || ' ' || remote_id from walsift.state order by key limit 1";
    let named: String = world.value(row).await;
    let (key, id) = named.split_once(' ').unwrap();
    delete(&world, &format!("/made/{id}")).await;
    let said = audit(&world, &config, "orders", &["--repair"]).await;
    assert_eq!(said.faults(), BTreeMap::from([("missing", vec![key])]));
    world.settled().await;
    audit(&world, &config, "orders", &[]).await.assert_clean();
}

#[tokio::test]
async fn check_reaches_the_url_that_is_read() {
    let world = World::with_shop().await;
    let dead = crate::world::Proxy::before_address(world.receiver().address()).await;
    let config = world.config(&format!(
        "{SHOP}\n[sinks.shop_api]\nread = {{ url = 'http://{}/shown/{{id}}' }}",
        dead.address()
    ));
    let output = world.walsift(&["check", "--config", config.to_str().unwrap()]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    let wanted = format!("sink `shop_api`: HEAD http://{}/shown: 405", dead.address());
    assert!(said.contains(&wanted), "{said}");
}

#[tokio::test]
async fn it_says_why_there_is_no_verdict() {
    let world = World::with_shop().await;
    let config = readable(&world, "");
    let (code, _, err) = raw(&world, &config, "orders", &[]).await;
    assert!(code == Some(3) && err.contains("walsift has not run"), "{err}");
    let mut engine = world.synced(&config).await;
    for (arguments, wanted) in [
        (&["--sink", "other"][..], "has the sinks shop_api"),
        (&["--rate", "0"], "wanted: a number above 0"),
        (&["--resume"], "there is no audit of orders to go on with"),
    ] {
        let (code, _, err) = raw(&world, &config, "orders", arguments).await;
        assert!(code == Some(2) && err.contains(wanted), "{err}");
    }
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
}
