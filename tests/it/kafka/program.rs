//! All of Walsift against Kafka.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::door::Door;
use crate::servers::kafka::{Kafka, TOPIC};
use crate::world::{DEADLINE, World, eventually};

async fn things() -> World {
    let world = World::new().await;
    world
        .sql("create table things (id int primary key, name text); insert into things values (1, 'one'), (2, 'two')")
        .await;
    world
}

fn config(world: &World, brokers: &str, keys: &str) -> PathBuf {
    world.config(&format!(
        "[syncs.things]\ntable = 'things'\nsink = 'shop_api'
         [sinks.shop_api]\ntype = 'kafka'\nbrokers = '{brokers}'\ntopic = '{TOPIC}'\n{keys}"
    ))
}

async fn said(world: &World, arguments: &[&str], config: &Path) -> (Option<i32>, String) {
    let output = world
        .walsift(&[arguments, &["--config", config.to_str().unwrap()]].concat())
        .await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[tokio::test]
async fn a_subject_s_messages_are_in_one_partition_and_their_versions_rise() {
    let (world, kafka) = (things().await, Kafka::start());
    let _engine = world.engine(&config(&world, &kafka.brokers(), "compression = 'zstd'"));
    world.settled().await;
    for round in 0..3 {
        world.sql(&format!("update things set name = name || {round}")).await;
        world.settled().await;
    }
    world
        .sql("update things set name = name; delete from things where id = 2")
        .await;
    world.settled().await;
    let mut by_key: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for message in kafka.received().await {
        by_key.entry(message.key.clone()).or_default().push(message);
    }
    assert_eq!(by_key["1"].len(), 4);
    assert_eq!(by_key["2"].len(), 5);
    for messages in by_key.values() {
        let version = |at: usize| messages[at].headers["walsift-version"].parse::<i64>().unwrap();
        for at in 1..messages.len() {
            assert_eq!(messages[at].partition, messages[0].partition);
            assert!(version(at - 1) < version(at));
        }
    }
    let last = by_key["2"].last().unwrap();
    assert_eq!(
        (&last.value, last.headers["walsift-operation"].as_str()),
        (&None, "delete")
    );
    assert_eq!(
        kafka.compacted().await,
        BTreeMap::from([("1".to_owned(), r#"{"id":1,"name":"one012"}"#.to_owned())])
    );
}

#[tokio::test]
async fn check_asks_for_the_topic() {
    let (world, kafka) = (things().await, Kafka::start());
    let brokers = kafka.brokers();
    let (status, text) = said(&world, &["check"], &config(&world, &brokers, "")).await;
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains(&format!("sink `shop_api`: topic {TOPIC} at {brokers}: 3 partitions\n")),
        "{text}"
    );

    kafka.down();
    let (status, text) = said(&world, &["check"], &config(&world, &brokers, "")).await;
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("warning: deliveries to the sink `shop_api` would fail: "),
        "{text}"
    );

    // Each by itself is a value that librdkafka takes.
    let slow = "properties = { 'linger.ms' = '60000' }";
    let (status, text) = said(&world, &["check"], &config(&world, &brokers, slow)).await;
    assert_ne!(status, Some(0), "{text}");
    assert!(text.contains("linger.ms"), "{text}");
    let unknown = "properties = { 'linger' = '1' }";
    let (status, text) = said(&world, &["check"], &config(&world, &brokers, unknown)).await;
    assert_ne!(status, Some(0), "{text}");
    assert!(text.contains("`linger`"), "{text}");
}

#[tokio::test]
async fn a_dry_run_shows_the_message_and_sends_nothing() {
    let (world, kafka) = (things().await, Kafka::start());
    let config = config(&world, &kafka.brokers(), "");
    let (status, text) = said(
        &world,
        &["publish", "--dry-run", "--sync", "things", "--key", "1"],
        &config,
    )
    .await;
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("topic: things\nkey: 1\n") && text.contains("\n\n{\"id\":1,\"name\":\"one\"}"),
        "{text}"
    );
    assert!(kafka.received().await.is_empty());
}

#[tokio::test]
async fn a_wrong_password_costs_nothing_but_time_and_is_never_said() {
    let (world, kafka) = (things().await, Kafka::start());
    let door = Door::before(&kafka, "pssst-the-right-one", None).await;
    let file = world.folder().join("password");
    fs::write(&file, "pssst-the-wrong-one").unwrap();
    let keys = format!(
        "auth = {{ plain = {{ user = 'walsift', password = 'file:{}' }} }}
         retry = {{ attempts = 3, base = '20ms', max = '50ms' }}\nbreaker = {{ failures = 2, cooldown = '200ms' }}",
        file.display()
    );
    let engine = world.engine(&config(&world, &door.address.to_string(), &keys));
    eventually(DEADLINE, "an attempt", async || {
        let there = "select to_regclass('walsift.attempt') is not null";
        let tried = "select string_agg(a::text, ' ') from walsift.attempt a";
        if !world.value::<bool>(there).await {
            return None;
        }
        let tried: String = world.value::<Option<String>>(tried).await?;
        assert!(tried.contains("configuration") && !tried.contains("pssst"), "{tried}");
        Some(())
    })
    .await;
    fs::write(&file, "pssst-the-right-one").unwrap();
    world.settled().await;
    assert_eq!(kafka.compacted().await.len(), 2);
    let given_up = "select count(*) from walsift.finished_job where state <> 'succeeded'";
    assert_eq!(world.value::<i64>(given_up).await, 0);
    assert!(!engine.log().concat().contains("pssst"), "{:#?}", engine.log());
}
