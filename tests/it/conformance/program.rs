//! The whole program against each sink: a Postgres, a process that is killed, a server that dies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Rig, SECRET};
use crate::world::{DEADLINE, Engine, World, eventually};

/// Enough that something is under way whenever something dies.
const THINGS: u32 = 2_000;

/// Tries follow each other at once, and a sink that is back is noticed at once.
const PATIENCE: &str = "timeout = '5s'
    retry = { attempts = 5, base = '20ms', max = '100ms' }
    breaker = { failures = 3, cooldown = '200ms' }";

async fn things() -> World {
    let world = World::new().await;
    world
        .sql(&format!(
            "create table things (area text, id text, name text, primary key (area, id));
             insert into things select 'a', n, 'thing' from generate_series(1, {THINGS}) n"
        ))
        .await;
    world
}

fn config<R: Rig>(world: &World, rig: &R) -> PathBuf {
    let patience = if R::HAS_TERMS { PATIENCE } else { "" };
    world.config(&format!(
        "[syncs.things]\ntable = 'things'\nsink = 'shop_api'\n[sinks.shop_api]\n{patience}\n{}",
        rig.sink()
    ))
}

fn start(world: &World, config: &Path, rig: &impl Rig) -> Engine {
    let engine = world.engine(config);
    rig.follow(&engine);
    engine
}

/// What the sink should hold.
async fn wanted(world: &World) -> BTreeSet<String> {
    let rows = "select json_build_object('area', area, 'id', id, 'name', name)::text from things";
    let rows = world.query(rows, &[]).await;
    rows.iter().map(|row| canonical(row.get(0))).collect()
}

fn canonical(document: &str) -> String {
    serde_json::from_str::<Value>(document).unwrap().to_string()
}

async fn assert_converged(world: &World, rig: &impl Rig) {
    world.settled().await;
    let held: BTreeSet<String> = rig.held().await.iter().map(|text| canonical(text)).collect();
    let wanted = wanted(world).await;
    let (missing, left_over): (Vec<_>, Vec<_>) =
        (wanted.difference(&held).collect(), held.difference(&wanted).collect());
    assert!(
        missing.is_empty() && left_over.is_empty(),
        "{} missing, such as {:?}; {} left over, such as {:?}",
        missing.len(),
        missing.first(),
        left_over.len(),
        left_over.first()
    );
}

async fn no_job_was_given_up(world: &World) {
    let given_up = "select count(*) from walsift.finished_job where state <> 'succeeded'";
    assert_eq!(world.value::<i64>(given_up).await, 0);
}

/// Until so many are delivered.
async fn delivered(engine: &Engine, least: u64) {
    let what = format!("{least} deliveries");
    eventually(DEADLINE, &what, async || (sent(engine).await >= least).then_some(())).await;
}

/// How many documents a process has delivered.
async fn sent(engine: &Engine) -> u64 {
    let labels = [("sink", "shop_api"), ("operation", "upsert")];
    engine.metric("walsift_published_total", &labels).await
}

const CHANGES: &str = "update things set name = 'changed' where id::int % 7 = 0;
    delete from things where id::int % 11 = 0;
    insert into things select 'b', n, 'new' from generate_series(1, 50) n";

/// A first load, changes, deletes, and what is deleted and comes back; nothing is said of the secret.
pub async fn converges<R: Rig>() {
    let (world, rig) = (things().await, R::start().await);
    let engine = start(&world, &config(&world, &rig), &rig);
    assert_converged(&world, &rig).await;
    world.sql(CHANGES).await;
    assert_converged(&world, &rig).await;
    world
        .sql("insert into things values ('a', '11', 'back'); delete from things where area = 'b'")
        .await;
    assert_converged(&world, &rig).await;
    no_job_was_given_up(&world).await;
    assert!(!engine.log().concat().contains(SECRET), "{:#?}", engine.log());
}

/// In the middle of a load. Nothing is given up, and nobody has to do anything.
pub async fn converges_though_the_server_dies<R: Rig>() {
    let (world, mut rig) = (things().await, R::start().await);
    let engine = start(&world, &config(&world, &rig), &rig);
    delivered(&engine, 1).await;
    rig.down().await;
    world.sql(CHANGES).await;
    let open = async || {
        let open = engine.metric("walsift_sink_open", &[("sink", "shop_api")]).await;
        (open == 1).then_some(())
    };
    eventually(DEADLINE, "the sink is left alone", open).await;
    rig.up().await;
    assert_converged(&world, &rig).await;
    no_job_was_given_up(&world).await;
}

/// `kill -9` in the middle of a load, and again in the middle of changes. What is on record is not sent again.
pub async fn converges_though_walsift_is_killed<R: Rig>() {
    let (world, rig) = (things().await, R::start().await);
    let config = config(&world, &rig);
    let mut engine = start(&world, &config, &rig);
    delivered(&engine, 1).await;
    engine.kill9();
    let left = left_to_send(&world).await;
    let mut engine = start(&world, &config, &rig);
    assert_converged(&world, &rig).await;
    delivered(&engine, left).await;
    assert_eq!(sent(&engine).await, left);
    world.sql(CHANGES).await;
    delivered(&engine, left + 1).await;
    engine.kill9();
    let _engine = start(&world, &config, &rig);
    assert_converged(&world, &rig).await;
    no_job_was_given_up(&world).await;
}

/// Of how many it is not on record that they were delivered.
async fn left_to_send(world: &World) -> u64 {
    // What the process that was killed has committed may still be on its way.
    let no_session = "select count(*) = 0 from pg_stat_activity
                       where datname = current_database() and application_name = 'walsift'";
    world.wait_until_true(no_session).await;
    let on_record: i64 = world.value("select count(digest) from walsift.state").await;
    u64::from(THINGS) - u64::try_from(on_record).unwrap()
}

/// One subject is given up with its try on record; all others pass, and it does once it is taken.
pub async fn gives_up_what_is_refused<R: Rig>() {
    let (world, rig) = (things().await, R::start().await);
    rig.refuse("42").await;
    let config = config(&world, &rig);
    let _engine = start(&world, &config, &rig);
    world.settled().await;
    assert_eq!(rig.held().await.len(), THINGS as usize - 1);
    let job = "select f.key || ' ' || f.state || ' ' || a.outcome || ' ' || a.certain
                 from walsift.finished_job f join walsift.attempt a on a.job = f.id";
    assert_eq!(world.value::<String>(job).await, "a:42 failed rejected true");
    rig.mend().await;
    let config = config.to_str().unwrap();
    let retried = world
        .walsift(&["jobs", "retry", "--config", config, "--state", "failed", "--yes"])
        .await;
    assert!(retried.status.success(), "{retried:?}");
    assert_converged(&world, &rig).await;
}
