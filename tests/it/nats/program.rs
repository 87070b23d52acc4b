//! The whole program: from the WAL to the stream.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bus::{Bus, Stored};
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually, field};

fn config(world: &World, bus: &Bus, keys: &str) -> PathBuf {
    world.config(&format!(
        "{SHOP}\n[sinks.shop_api]\ntype = 'nats'\nurl = '{}'\nsubject = 'shop.orders.{{id}}'
         breaker = {{ failures = 3, cooldown = '200ms' }}\n{keys}",
        bus.url()
    ))
}

/// The last message of each order is its document, or empty if it is gone.
async fn assert_converged(world: &World, bus: &Bus) {
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
            (path.replace("/orders/", "shop.orders."), json(row.get(1)))
        })
        .collect();
    let is_there = |message: &Stored| !message.payload.is_empty();
    let last = bus.last().await.into_values().filter(is_there);
    let held: BTreeMap<String, Value> = last.map(|message| (message.subject, json(&message.payload))).collect();
    assert_eq!(held, wanted);
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
async fn a_stream_follows_the_database_through_kills_of_both_programs() {
    let world = World::with_shop().await;
    world.stock_shop(3, 40).await;
    let mut bus = Bus::new().await;
    let file = config(&world, &bus, "retry = { attempts = 3, base = '50ms', max = '200ms' }");
    let mut engine = world.engine(&file);
    world.settled().await;
    assert_converged(&world, &bus).await;
    assert_eq!(bus.messages().await.len(), 40);

    world
        .sql(
            "update customers set last_name = 'Lovelace' where id = 1;
             update orders set note = 'in no document';
             delete from orders where id in (5, 6)",
        )
        .await;
    world.settled().await;
    assert_converged(&world, &bus).await;
    let last = bus.last().await;
    assert_eq!(last["shop.orders.5"].headers["Walsift-Operation"], "delete");

    bus.server.kill();
    world.sql("update orders set status = 'paid'").await;
    let away = |line: &Value| {
        field(line, "message").is_some_and(|message| message.contains("could not connect"))
            || field(line, "error").is_some_and(|error| error.contains("could not connect"))
    };
    engine.wait_for_log(DEADLINE, "the sink is away", away).await;
    engine.kill9();
    let _engine = world.engine(&file);
    bus.server.resume().await;
    world.settled().await;
    assert_converged(&world, &bus).await;
    assert_eq!(world.value::<i64>("select count(*) from walsift.job").await, 0);
}

#[tokio::test]
async fn a_stream_that_is_missing_and_a_password_that_is_wrong_wait_for_somebody_to_mend_them() {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let bus = Bus::bare("authorization { user: walsift, password: \"c0rrect-h0rse\" }").await;
    let password = world.folder().join("password");
    fs::write(&password, "wr0ng-h0rse").unwrap();
    let auth = format!(
        "auth = {{ basic = {{ user = 'walsift', password = 'file:{}' }} }}
retry = {{ attempts = 3, base = '50ms', max = '200ms' }}",
        password.display()
    );
    let file = config(&world, &bus, &auth);
    let (status, text) = walsift(&world, &["check"], &file).await;
    assert_eq!(status, Some(0), "{text}");
    let words = "warning: deliveries to the sink `shop_api` would fail: the server does not let us in";
    assert!(text.contains(words), "{text}");

    let engine = world.engine(&file);
    let open = |line: &Value| line.to_string().contains("Authorization Violation");
    engine.wait_for_log(DEADLINE, "the refusal", open).await;
    fs::write(&password, "c0rrect-h0rse").unwrap();
    let missing = |line: &Value| line.to_string().contains("no stream stores");
    engine.wait_for_log(DEADLINE, "the missing stream", missing).await;
    let (_, text) = walsift(&world, &["check"], &file).await;
    assert!(
        text.contains("no stream stores `shop.orders.*`") && text.contains("nats stream add"),
        "{text}"
    );
    let who = async_nats::ConnectOptions::with_user_and_password("walsift".to_owned(), "c0rrect-h0rse".to_owned());
    let jetstream = bus.jetstream_as(who).await;
    let stream = async_nats::jetstream::stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["shop.orders.*".to_owned()],
        ..Default::default()
    };
    jetstream.create_stream(stream).await.unwrap();
    let stored = async || (super::bus::stored(&jetstream).await.len() == 3).then_some(());
    eventually(DEADLINE, "three orders", stored).await;
    let (_, text) = walsift(&world, &["check"], &file).await;
    assert!(
        text.contains("asking which stream stores `shop.orders.*`: ORDERS\nok:"),
        "{text}"
    );
    let log = engine.log().concat();
    assert!(!log.contains("h0rse"), "{log}");
}

#[tokio::test]
async fn the_message_is_shown_as_it_would_be_published() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let bus = Bus::new().await;
    let file = config(&world, &bus, "stream = 'ORDERS'\nauth = { token = 'pssst-pssst' }");
    let (status, text) = walsift(
        &world,
        &["publish", "--dry-run", "--sync", "orders", "--key", "1"],
        &file,
    )
    .await;
    assert_eq!(status, Some(0), "{text}");
    let shown = "\n\nPUB shop.orders.1\nNATS/1.0\nNats-Msg-Id: walsift-orders-";
    assert!(text.contains(shown), "{text}");
    for line in ["\nNats-Expected-Stream: ORDERS\n", "\nWalsift-Key: 1\n", "\n\n{\"id\""] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let (status, printed) = walsift(&world, &["check", "--print-config"], &file).await;
    assert_eq!(status, Some(0), "{printed}");
    assert!(printed.contains("token = \"***\"") && !(printed + &text).contains("pssst"));
    assert!(bus.messages().await.is_empty());
}

#[tokio::test]
async fn an_order_that_the_stream_refuses_is_given_up_alone_and_goes_once_it_is_taken() {
    let world = World::with_shop().await;
    world.stock_shop(2, 20).await;
    let long = "update customers set last_name = repeat('x', 5000) where id = 2; \
                update orders set customer_id = 1; update orders set customer_id = 2 where id = 7";
    world.sql(long).await;
    let bus = Bus::bare("").await;
    let limited = |max_message_size| async_nats::jetstream::stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["shop.orders.*".to_owned()],
        max_message_size,
        ..Default::default()
    };
    bus.make(limited(4_096)).await;
    let file = config(&world, &bus, "");
    let _engine = world.engine(&file);
    world.settled().await;
    assert_eq!(bus.last().await.len(), 19);
    let job =
        "select f.key || ' ' || f.state || ' ' || a.outcome || ' ' || a.class || ' ' || a.certain || ' ' || a.message
                 from walsift.finished_job f join walsift.attempt a on a.job = f.id";
    let words = "7 failed rejected refused true message size exceeds maximum allowed (code 10054)";
    assert_eq!(world.value::<String>(job).await, words);

    bus.jetstream().await.update_stream(limited(-1)).await.unwrap();
    let (status, text) = walsift(&world, &["jobs", "retry", "--state", "failed", "--yes"], &file).await;
    assert_eq!(status, Some(0), "{text}");
    world.settled().await;
    assert_converged(&world, &bus).await;
}
