//! `walsift jobs cancel`.

use serde_json::json;
use walsift::demo::{Behaviour, Paths};

use super::{HASTY, shop_of_one};
use crate::guarantees::let_go;
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World, eventually};

const SLOW: &str = "[sinks.shop_api]\nretry = { base = \"1h\", max = \"1h\" }";

#[tokio::test]
async fn a_canceled_job_is_kept_and_its_change_is_sent_with_the_next() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(&format!("{SHOP}\n{SLOW}"));
    let _engine = world.synced(&config).await;
    world.receiver().clear_journal();
    world.receiver().rule_for_next(1, Paths::All, Behaviour::answer(429));
    world.sql("update orders set status = 'B'").await;
    world
        .wait_until_true("select count(*) = 1 from walsift.job where attempts = 1")
        .await;
    let job = world.job_in("pending").await;

    let said = world.jobs(&config, &["cancel", &job.to_string()]).await;
    assert_eq!((said.code, said.out), (Some(0), format!("job {job}: canceled\n")));
    world.settled().await;

    assert_eq!(world.requests(), ["PUT /orders/1"]);
    let story = world.show(&config, job).await;
    assert_eq!((&story["state"], &story["attempts"]), (&json!("canceled"), &json!(1)));
    assert_eq!(story["tries"][0]["class"], "rate_limited");
    // It was certain, and what the sink holds is known.
    assert!(story["accepted"]["digest"].is_string(), "{story}");
    let again = world.jobs_json(&config, &["cancel", &job.to_string()], 1).await;
    assert_eq!(
        again,
        json!({"answers": [{"asked": job.to_string(), "outcome": "over", "state": "canceled"}]})
    );
    assert_eq!(
        world.caused_by("update orders set status = 'C'").await,
        ["PUT /orders/1"]
    );
    world.assert_converged(SHOP_ORDERS, "/orders/").await;

    // Whoever thinks better of it may have it done.
    let retried = world.jobs_json(&config, &["retry", &job.to_string()], 0).await;
    assert_eq!(retried["answers"][0]["outcome"], "enqueued");
    world.settled().await;
}

#[tokio::test]
async fn a_running_job_is_left_to_its_worker() {
    let (world, config, _engine) = shop_of_one("").await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::Hold);
    world.sql("update orders set status = 'B'").await;
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    let job = world.job_in("running").await;
    let answers = world.jobs_json(&config, &["cancel", &job.to_string()], 1).await;
    let answer = &answers["answers"][0];
    assert_eq!(answer["outcome"], "running");
    assert!(answer["until"].as_str().unwrap() > world.show(&config, job).await["created_at"].as_str().unwrap());
    let facts = world.jobs_json(&config, &["cancel", "--key", "1", "--yes"], 0).await;
    assert_eq!(facts, json!({"matched": 1, "done": true, "outcomes": {"running": 1}}));
    let_go(&world).await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// B was sent and applied by a process that died. With its job the knowledge must not go that nobody knows what the sink holds:
/// when the row goes back to A, A is sent.
#[tokio::test]
async fn canceling_what_a_lost_worker_had_in_hand_leaves_the_sink_in_doubt() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(&format!("{SHOP}\n{HASTY}\n[engine]\nlease = \"5s\""));
    let mut engine = world.engine_with(&config, &[("FAILPOINTS", "publish-after-send=1*off->return")]);
    world.settled().await;
    world.sql("update orders set status = 'B'").await;
    engine.wait_exit(DEADLINE).await;
    assert!(world.receiver().body("/orders/1").unwrap().contains("\"B\""));
    let job: i64 = world.value("select id from walsift.job").await;
    // As long as its lease lasts nobody can know that it is lost.
    let canceled = async || {
        let said = world.jobs(&config, &["cancel", &job.to_string()]).await;
        (said.code == Some(0)).then_some(())
    };
    eventually(DEADLINE, "the end of the lease", canceled).await;
    let story = world.show(&config, job).await;
    assert_eq!(
        (&story["state"], &story["accepted"]["digest"]),
        (&json!("canceled"), &json!(null))
    );
    let text = world.jobs(&config, &["show", &job.to_string()]).await.out;
    assert!(
        text.contains("  sink holds   nobody knows what; what is built next is sent in any case\n"),
        "{text}"
    );

    world.sql("update orders set status = 'new'").await;
    let _engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn many_are_canceled_once_somebody_says_yes() {
    let world = World::with_shop().await;
    world.stock_shop(1, 15).await;
    world.receiver().rule(Paths::All, Behaviour::answer(429));
    let config = world.config(&format!("{SHOP}\n{SLOW}"));
    let _engine = world.engine(&config);
    world.receiver().wait_for_requests(15, DEADLINE).await.unwrap();
    world
        .wait_until_true("select count(*) = 15 from walsift.job where attempts > 0")
        .await;
    let filters = ["cancel", "--class", "rate_limited"];
    let said = world.jobs(&config, &filters).await;
    let told = "15 jobs would be canceled; nothing was done without --yes\n";
    assert_eq!((said.code, said.out.as_str()), (Some(2), told));
    let said = world.jobs(&config, &[&filters[..], &["--yes"]].concat()).await;
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "15 jobs matched\n      15  canceled\n")
    );
    let listed = world.jobs_json(&config, &["list", "--state", "canceled"], 0).await;
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 15);
}
