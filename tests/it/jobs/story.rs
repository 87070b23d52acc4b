//! What operators live through, from end to end.

use rustix::process::Signal;
use serde_json::{Value, json};
use walsift::demo::{Behaviour, Paths};

use super::HASTY;
use crate::guarantees::journal::{assert_one_at_a_time, requests};
use crate::guarantees::let_go;
use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World, eventually};

const ORDER: &str = "/orders/1";

/// Outcome, class, status and certainty of each try.
fn tries(story: &Value) -> Value {
    let tries = story["tries"].as_array().unwrap().iter();
    tries
        .map(|one| json!([one["outcome"], one["class"], one["status"], one["certain"]]))
        .collect()
}

fn assert_held_by(engine: &Engine, story: &Value) {
    let lease = &story["lease"];
    let owner = lease["owner"].as_str().unwrap();
    assert!(owner.contains(&format!("/{}/", engine.id())), "{lease}");
    assert_eq!((&story["state"], &lease["expired"]), (&json!("running"), &json!(false)));
    let [acquired, expires] = ["acquired_at", "expires_at"].map(|name| lease[name].as_str().unwrap());
    assert!(acquired < expires, "{lease}");
}

#[tokio::test]
async fn a_flaky_upstream_exhaustion_a_replay_a_duplicate_and_a_lost_worker() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let orders = SHOP.replace("table = \"orders\"", "table = \"orders\"\nhistory = \"all\"");
    let config = world.config(&format!("{orders}\n{HASTY}\n[engine]\nlease = \"5s\""));

    // A flaky upstream: tried again, and accepted.
    world.receiver().rule_for_next(2, Paths::All, Behaviour::answer(503));
    let engine = world.synced(&config).await;
    let flaky = world.job_in("succeeded").await;
    let failed = json!(["retry", "server_error", 503, false]);
    assert_eq!(
        tries(&world.show(&config, flaky).await),
        json!([failed, failed, ["delivered", null, 201, true]])
    );

    // 429 to exhaustion: a dead letter.
    world.receiver().rule(Paths::All, Behaviour::answer(429));
    world.sql("update orders set status = 'B'").await;
    world.settled().await;
    world.receiver().clear_rules();
    let dead = world.job_in("dead").await;
    let told = world.show(&config, dead).await;
    let limited = json!(["retry", "rate_limited", 429, true]);
    assert_eq!(tries(&told), json!([limited, limited, limited]));

    // A replay: a new job, linked, with the history as it was.
    let histories = async || (world.history(flaky).await, world.history(dead).await);
    let before = histories().await;
    let answers = world.jobs_json(&config, &["replay", &dead.to_string()], 0).await;
    let replay = answers["answers"][0]["job"].as_i64().unwrap();
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let told = world.show(&config, replay).await;
    assert_eq!((&told["replay_of"], &told["replay_attempt"]), (&json!(dead), &json!(3)));
    assert_eq!(tries(&told), json!([["delivered", null, 200, true]]));
    assert_eq!(histories().await, before);
    assert_eq!(world.show(&config, dead).await["superseded_by"], replay);

    // A duplicate: told so. The worker that has it in hand stops for longer than its lease.
    world.receiver().rule_for_next(1, Paths::All, Behaviour::Hold);
    world.sql("update orders set status = 'C'").await;
    let in_flight = |ledger: &walsift::demo::Ledger| ledger.in_flight() == 1;
    world.receiver().wait_until(DEADLINE, in_flight).await.unwrap();
    let active = world.job_in("running").await;
    let duplicate = world
        .jobs_json(&config, &["enqueue", "--sync", "orders", "--key", "1"], 1)
        .await;
    assert_eq!(duplicate["answers"][0]["outcome"], "active");
    assert_eq!(duplicate["answers"][0]["job"], active);
    assert_eq!(world.value::<i64>("select count(*) from walsift.job").await, 1);
    let told = world.show(&config, active).await;
    assert_held_by(&engine, &told);
    assert_eq!(told["uncertain"], false);

    // Its lease expires: another takes over, and as nobody knows what was done, sends it again.
    engine.pause().await;
    let expired = async || (world.show(&config, active).await["state"] == "pending").then_some(());
    eventually(DEADLINE, "the end of the lease", expired).await;
    let_go(&world).await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::Hold);
    let other = world.engine(&config);
    world.receiver().wait_until(DEADLINE, in_flight).await.unwrap();
    let told = world.show(&config, active).await;
    assert_held_by(&other, &told);
    assert_eq!(told["uncertain"], true);
    let_go(&world).await;
    world
        .wait_until_true(&format!(
            "select count(*) = 1 from walsift.finished_job where id = {active}"
        ))
        .await;
    let told = world.show(&config, active).await;
    assert_eq!(tries(&told), json!([["delivered", null, 200, true]]));
    engine.signal(Signal::CONT);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
    let sent = requests(world.receiver(), ORDER);
    let [.., first, second] = sent.as_slice() else {
        panic!("{sent:#?}")
    };
    assert!(first.body == second.body && first.version() < second.version());
    let correlations = [first, second].map(|request| request.header("x-correlation-id").unwrap());
    assert_eq!(correlations, [&told["correlation"], &told["correlation"]]);
}
