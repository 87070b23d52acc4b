//! What goes together in one request, and when.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use walsift::demo::{Behaviour, Paths, Request};

use crate::guarantees::let_go;
use crate::world::{DEADLINE, World, eventually};

const THINGS: &str = "select '/bulk/' || id, jsonb_build_object('id', id, 'name', name) from things";

async fn things() -> World {
    let world = World::new().await;
    world
        .sql(
            "create table things (id int primary key, name text);
             insert into things select n, 'thing' from generate_series(1, 60) n",
        )
        .await;
    world.receiver().bulk("/bulk", &[]);
    world
}

fn config(world: &World, sink: &str) -> PathBuf {
    let url = world.receiver().url();
    world.config(&format!(
        "[syncs.things]\ntable = 'things'\nsink = 'bulk'\n[sinks.bulk]\ntype = 'http'\nmethod = 'POST'\nurl = '{url}/bulk'
         timeout = '60s'\n{sink}"
    ))
}

/// The subjects in a request, each as often as it is there.
fn keys(request: &Request) -> Vec<String> {
    let items: Vec<Value> = serde_json::from_str(&request.body).unwrap();
    items.iter().map(|item| item["key"].to_string()).collect()
}

#[tokio::test]
async fn a_batch_waits_for_no_company_and_fills_while_the_sink_is_busy() {
    let world = things().await;
    let sink = "concurrency = 1\nbatch = { max = 1000, results = '/items' }";
    let engine = world.synced(&config(&world, sink)).await;
    let built = engine.metric("walsift_subjects_built_total", &[]).await;
    world.receiver().clear_journal();
    world.receiver().rule(Paths::All, Behaviour::Hold);
    world.sql("update things set name = 'first' where id = 1").await;
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    world.sql("update things set name = 'rest' where id > 1").await;
    let all_built = async || {
        let now_built = engine.metric("walsift_subjects_built_total", &[]).await;
        (now_built >= built + 60).then_some(())
    };
    eventually(DEADLINE, "a document of every thing", all_built).await;

    world.receiver().clear_rules();
    let_go(&world).await;
    world.settled().await;

    world.assert_converged(THINGS, "/bulk/").await;
    let sizes: Vec<usize> = world
        .receiver()
        .look(|ledger| ledger.journal().iter().map(|request| keys(request).len()).collect());
    assert_eq!((sizes[0], sizes.iter().sum()), (1, 60), "{sizes:?}");
    // The last of what was built may have come a little later.
    assert!(sizes.len() <= 4, "{sizes:?}");
}

#[tokio::test]
async fn g5_no_subject_is_twice_in_a_batch_or_in_two_at_once() {
    let world = things().await;
    let sink = "concurrency = 8\nbatch = { max = 10, results = '/items' }";
    world
        .receiver()
        .rule(Paths::All, Behaviour::Slow(Duration::from_millis(5)));
    let _engine = world.synced(&config(&world, sink)).await;
    for round in 0..40 {
        world
            .sql(&format!(
                "update things set name = 'round {round}' where id % 3 <> {round} % 3"
            ))
            .await;
    }
    world.settled().await;

    world.assert_converged(THINGS, "/bulk/").await;
    world.receiver().look(|ledger| {
        let requests: Vec<(&Request, Vec<String>)> = ledger
            .journal()
            .iter()
            .map(|request| (request, keys(request)))
            .collect();
        assert!(requests.iter().any(|(_, keys)| keys.len() > 1), "nothing went together");
        for (at, (request, keys)) in requests.iter().enumerate() {
            assert!(keys.len() <= 10);
            let distinct: BTreeSet<&String> = keys.iter().collect();
            assert_eq!(distinct.len(), keys.len(), "a subject twice in {request:?}");
            let meanwhile = requests[at + 1..]
                .iter()
                .take_while(|(later, _)| later.arrived < request.finished.unwrap());
            for (other, others) in meanwhile {
                assert!(
                    others.iter().all(|key| !distinct.contains(key)),
                    "at once: {request:?} and {other:?}"
                );
            }
        }
    });
}
