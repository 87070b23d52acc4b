//! An audit as a piece of work: at a rate, ended in the middle, gone on with.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::{audit, raw};
use crate::elastic::search::Search;
use crate::world::{DEADLINE, Engine, World, eventually};

fn begin(world: &World, config: &Path, arguments: &[&str]) -> Engine {
    let mut command = Command::new(env!("CARGO_BIN_EXE_walsift"));
    command.current_dir(world.folder());
    command
        .args(["audit", "things", "--config"])
        .arg(config)
        .args(arguments);
    Engine::spawn(command)
}

#[tokio::test]
async fn it_goes_on_where_it_was_ended_and_keeps_what_it_has_found() {
    let search = Search::with(900).await;
    let config = search.config("");
    let world = &search.world;
    let _engine = search.synced(&config).await;
    let tamper = |id: &str, source: Option<&serde_json::Value>| {
        search
            .elastic
            .change(|cluster| cluster.index_mut("things").unwrap().tamper(id, source));
    };
    tamper("1", Some(&json!({})));
    // In the order of the state, far behind.
    tamper("99", None);
    let beyond = |key: &str| format!("select coalesce(bool_or(last_key > '{key}'), false) from walsift.audit");

    let mut running = begin(world, &config, &["--rate", "100"]);
    world.wait_until_true(&beyond("10")).await;
    running.signal(Signal::INT);
    let status = running.wait_exit(DEADLINE).await;
    assert_eq!(status.code(), Some(3), "{:?}", running.log());
    assert!(
        running.log().concat().contains("with --resume it goes on here"),
        "{:?}",
        running.log()
    );
    // Whoever began anew would not find that any more.
    tamper("1", Some(&json!({ "id": 1, "name": "thing 1", "amount": "1" })));

    let mut running = begin(world, &config, &["--rate", "100", "--resume"]);
    world.wait_until_true(&beyond("3")).await;
    running.kill9();

    let said = audit(world, &config, "things", &["--resume", "--repair"]).await;
    let wanted = BTreeMap::from([("missing", vec!["99"]), ("stale", vec!["1"])]);
    assert_eq!((said.code, said.faults()), (Some(1), wanted), "{}", said.document);
    let counts = ["subjects", "faulty", "repaired"].map(|name| said.count(name));
    assert_eq!(counts, [900, 2, 1], "{}", said.document);
    search.converges().await;

    let (code, _, err) = raw(world, &config, "things", &["--resume"]).await;
    assert!(
        code == Some(2) && err.contains("no audit of things to go on with"),
        "{err}"
    );
    audit(world, &config, "things", &[]).await.assert_clean();
}

#[tokio::test]
async fn no_more_subjects_are_looked_at_than_the_rate_lets_through() {
    let search = Search::with(60).await;
    let config = search.config("");
    let _engine = search.synced(&config).await;
    let begun = Instant::now();
    audit(&search.world, &config, "things", &["--rate", "30"])
        .await
        .assert_clean();
    // The first page at once; then the second, and the ids of the index.
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_scan_that_the_server_has_forgotten_begins_anew_when_it_is_gone_on_with() {
    let search = Search::with(60).await;
    let config = search.config("");
    let _engine = search.synced(&config).await;
    let mut running = begin(&search.world, &config, &["--rate", "20"]);
    let begun = || (search.elastic.scrolls() == 1).then_some(());
    eventually(DEADLINE, "a scan", async || begun()).await;
    search.elastic.forget_scrolls();
    assert_eq!(running.wait_exit(DEADLINE).await.code(), Some(3));
    assert!(
        running.log().concat().contains("No search context found"),
        "{:?}",
        running.log()
    );
    let said = audit(&search.world, &config, "things", &["--resume"]).await;
    said.assert_clean();
    assert_eq!(said.count("subjects"), 60);
}

#[tokio::test]
async fn another_audit_of_the_same_takes_the_place_of_the_first() {
    let search = Search::with(300).await;
    let config = search.config("");
    let _engine = search.synced(&config).await;
    let mut first = begin(&search.world, &config, &["--rate", "20"]);
    search
        .world
        .wait_until_true("select coalesce(bool_or(last_key is not null), false) from walsift.audit")
        .await;
    audit(&search.world, &config, "things", &[]).await.assert_clean();
    let status = first.wait_exit(DEADLINE).await;
    assert_eq!(status.code(), Some(3));
    assert!(
        first.log().concat().contains("another audit of it has begun"),
        "{:?}",
        first.log()
    );
}
