//! Subjects that the other side names.

use std::path::PathBuf;

use walsift::demo::{Behaviour, Paths};

use crate::world::{DEADLINE, World};

fn config(world: &World, keys: &str) -> PathBuf {
    let url = world.receiver().url();
    world.config(&format!(
        "[syncs.things]\ntable = 'things'\nsink = 'names'\n[sinks.names]\ntype = 'http'\nurl = '{url}/made/{{remote_id}}'
         create = {{ url = '{url}/made' }}\nretry = {{ base = '10ms' }}\n{keys}"
    ))
}

async fn things() -> World {
    let world = World::new().await;
    world
        .sql("create table things (id int primary key, name text); insert into things values (7, 'Tea')")
        .await;
    world.receiver().collect("/made");
    world
}

fn held(world: &World) -> Vec<String> {
    world.receiver().look(|ledger| {
        ledger
            .held()
            .iter()
            .map(|(path, held)| format!("{path} {}", held.body))
            .collect()
    })
}

#[tokio::test]
async fn a_subject_goes_by_the_id_that_it_was_given() {
    let world = things().await;
    let _engine = world.synced(&config(&world, "")).await;
    assert_eq!(held(&world), [r#"/made/1 {"id":7,"name":"Tea"}"#]);
    assert_eq!(
        world.caused_by("update things set name = 'Mate'").await,
        ["PUT /made/1"]
    );
    assert_eq!(held(&world), [r#"/made/1 {"id":7,"name":"Mate"}"#]);
    assert_eq!(world.caused_by("delete from things").await, ["DELETE /made/1"]);
    assert_eq!(held(&world), [""; 0]);
    assert_eq!(
        world.caused_by("insert into things values (7, 'Tea')").await,
        ["POST /made"]
    );
    assert_eq!(held(&world), [r#"/made/2 {"id":7,"name":"Tea"}"#]);
}

#[tokio::test]
async fn what_the_other_side_has_lost_is_made_anew() {
    let world = things().await;
    let _engine = world.synced(&config(&world, "")).await;
    world
        .receiver()
        .rule_for_next(1, Paths::exact("/made/1"), Behaviour::answer(404));
    let caused = world.caused_by("update things set name = 'Mate'").await;
    assert_eq!(caused, ["POST /made", "PUT /made/1"]);
    assert_eq!(
        world.caused_by("update things set name = 'Chai'").await,
        ["PUT /made/2"]
    );
}

#[tokio::test]
async fn a_create_that_nobody_answered_is_tried_again_under_the_same_idempotency_key() {
    let world = things().await;
    world
        .receiver()
        .rule_for_next(1, Paths::exact("/made"), Behaviour::ApplyThenCut);
    let _engine = world.synced(&config(&world, "")).await;
    let keys: Vec<String> = world.receiver().look(|ledger| {
        let creates = ledger.requests("/made");
        creates
            .filter_map(|request| request.header("idempotency-key").map(str::to_owned))
            .collect()
    });
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    assert_eq!(
        world.caused_by("update things set name = 'Mate'").await,
        ["PUT /made/2"]
    );
}

/// Nobody knows under which id; it is not lost sight of.
#[tokio::test]
async fn g4_a_create_that_was_applied_and_never_answered_is_not_taken_for_nothing() {
    let world = things().await;
    world
        .receiver()
        .rule_for_next(1, Paths::exact("/made"), Behaviour::ApplyThenHang);
    let engine = world.engine(&config(&world, "timeout = '1s'"));
    world
        .receiver()
        .wait_until(DEADLINE, |ledger| ledger.in_flight() == 1)
        .await
        .unwrap();
    world.sql("delete from things").await;
    world.settled().await;
    assert_eq!(world.requests(), ["POST /made"]);
    let (state, message): (String, String) = {
        let row = world
            .query_one(
                "select j.state, a.message from walsift.finished_job j join walsift.attempt a on a.job = j.id
                  where j.state = 'failed' order by a.number desc limit 1",
                &[],
            )
            .await;
        (row.get(0), row.get(1))
    };
    assert_eq!(state, "failed");
    assert!(message.contains("nobody knows by which id"), "{message}");
    drop(engine);
}
