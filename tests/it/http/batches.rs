//! Many documents in one request.

use std::path::PathBuf;

use walsift::demo::{Behaviour, Paths};

use crate::world::World;

const THINGS: &str = "select '/bulk/' || id, jsonb_build_object('id', id, 'name', name) from things";

async fn things(refused: &[&str]) -> World {
    let world = World::new().await;
    world
        .sql(
            "create table things (id int primary key, name text);
             insert into things select n, 'thing ' || n from generate_series(1, 300) n",
        )
        .await;
    world.receiver().bulk("/bulk", refused);
    world
}

fn config(world: &World, batch: &str) -> PathBuf {
    let url = world.receiver().url();
    world.config(&format!(
        "[syncs.things]\ntable = 'things'\nsink = 'bulk'\n[sinks.bulk]\ntype = 'http'\nmethod = 'POST'\nurl = '{url}/bulk'
         retry = {{ base = '10ms' }}\nbatch = {{ {batch} }}"
    ))
}

/// Keys of the subjects that were given up.
async fn given_up(world: &World) -> Vec<String> {
    let rows = world
        .query(
            "select key from walsift.finished_job where state in ('failed', 'dead') order by key",
            &[],
        )
        .await;
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn many_go_together_and_changes_and_deletes_follow() {
    for batch in ["results = '/items', max = 50", "format = 'ndjson'"] {
        let world = things(&[]).await;
        let _engine = world.synced(&config(&world, batch)).await;
        world.assert_converged(THINGS, "/bulk/").await;
        let requests = world.requests().len();
        assert!((1..150).contains(&requests), "{requests} requests for 300 subjects");
        world
            .caused_by("update things set name = 'other' where id % 2 = 0; delete from things where id % 3 = 0")
            .await;
        world.assert_converged(THINGS, "/bulk/").await;
    }
}

#[tokio::test]
async fn g8_one_that_is_refused_stops_no_other_of_its_batch() {
    let world = things(&["7", "200"]).await;
    let _engine = world.synced(&config(&world, "results = '/items'")).await;
    assert_eq!(given_up(&world).await, ["200", "7"]);
    world.sql("delete from things where id in (7, 200)").await;
    world.settled().await;
    world.assert_converged(THINGS, "/bulk/").await;
}

/// Without results the other side can only refuse all that came with it.
#[tokio::test]
async fn g8_a_batch_that_is_refused_as_a_whole_is_sent_again_in_parts() {
    let world = things(&[]).await;
    world.receiver().bulk_all_or_nothing("/bulk", &["7", "200"]);
    let _engine = world.synced(&config(&world, "max = 100")).await;
    assert_eq!(given_up(&world).await, ["200", "7"]);
    world.sql("delete from things where id in (7, 200)").await;
    world.settled().await;
    world.assert_converged(THINGS, "/bulk/").await;
}

#[tokio::test]
async fn g8_a_batch_that_was_cut_off_is_tried_again_one_by_one() {
    let world = things(&[]).await;
    world
        .receiver()
        .rule_for_next(2, Paths::exact("/bulk"), Behaviour::ApplyThenCut);
    let _engine = world.synced(&config(&world, "results = '/items'")).await;
    assert_eq!(given_up(&world).await, [""; 0]);
    world.assert_converged(THINGS, "/bulk/").await;
}
