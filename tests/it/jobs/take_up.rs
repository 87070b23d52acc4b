//! `walsift jobs retry` and `replay`.

use serde_json::{Value, json};
use walsift::demo::{Behaviour, Paths};

use super::{dead_letter, numbers, shop_of_one};
use crate::guarantees::journal::requests;
use crate::guarantees::let_go;
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World};

#[tokio::test]
async fn a_pending_job_is_due_now() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(&format!(
        "{SHOP}\n[sinks.shop_api]\nretry = {{ base = \"1h\", max = \"1h\" }}"
    ));
    world.receiver().rule_for_next(1, Paths::All, Behaviour::answer(503));
    let _engine = world.engine(&config);
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    world
        .wait_until_true("select count(*) = 1 from walsift.job where attempts = 1 and run_at > now()")
        .await;
    let job = world.job_in("pending").await;
    let shown = world.jobs(&config, &["list"]).await.out;
    assert!(
        shown.contains("due in ") && shown.contains("server_error, 503"),
        "{shown}"
    );

    let said = world.jobs(&config, &["retry", &job.to_string()]).await;
    assert_eq!((said.code, said.out), (Some(0), format!("job {job}: due now\n")));

    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    let story = world.show(&config, job).await;
    let (state, tries) = (&story["state"], story["tries"].as_array().unwrap().len());
    assert_eq!((state, tries), (&json!("succeeded"), 2));
}

#[tokio::test]
async fn a_dead_letter_is_followed_by_a_job_that_sends_what_is_true_now_and_closes_it() {
    let (world, config, _engine, dead) = dead_letter().await;
    let before = world.history(dead).await;
    world.receiver().clear_journal();

    let answers = world.jobs_json(&config, &["retry", &dead.to_string()], 0).await;
    let follower = answers["answers"][0]["job"].as_i64().unwrap();
    assert_eq!(
        answers,
        json!({"answers": [{"asked": dead.to_string(), "outcome": "enqueued", "job": follower}]})
    );
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(world.requests(), ["PUT /orders/1"]);
    let story = world.show(&config, follower).await;
    let told = ["state", "asked", "forced", "replay_of", "replay_attempt"].map(|name| story[name].clone());
    assert_eq!(json!(told), json!(["succeeded", true, false, dead, null]));
    assert_eq!(story["tries"][0]["outcome"], "delivered");
    assert_eq!(world.history(dead).await, before);
    let old = world.show(&config, dead).await;
    assert_eq!(old["replayed_by"], json!([{"id": follower, "state": "succeeded"}]));
    assert_eq!(
        (&old["state"], &old["superseded_by"]),
        (&json!("dead"), &json!(follower))
    );
    // It waits for nobody any more.
    assert_eq!(world.count(&config, "orders", "/jobs/dead").await, 0);
    let open = world.jobs_json(&config, &["list", "--open"], 0).await;
    assert_eq!(open["jobs"], json!([]));
}

/// A change that makes the subject what the sink holds closes the letter, and a retry after that has nothing to send.
#[tokio::test]
async fn a_retry_of_what_the_sink_holds_sends_nothing_and_is_kept_to_say_so() {
    let (world, config, _engine, dead) = dead_letter().await;
    assert!(world.caused_by("update orders set status = 'new'").await.is_empty());
    let closed = world.show(&config, dead).await;
    assert!(closed["superseded_by"].is_i64(), "{closed}");

    let answers = world.jobs_json(&config, &["retry", &dead.to_string()], 0).await;
    let follower = answers["answers"][0]["job"].as_i64().unwrap();
    world.settled().await;

    assert!(world.requests().is_empty());
    let story = world.show(&config, follower).await;
    assert_eq!(
        (&story["state"], &story["suppressed"]),
        (&json!("succeeded"), &json!("equal"))
    );
    assert_eq!((&story["attempts"], &story["tries"]), (&json!(0), &json!([])));
    let text = world.jobs(&config, &["show", &follower.to_string()]).await.out;
    assert!(text.contains("  not sent     equal\n"), "{text}");
}

#[tokio::test]
async fn a_replay_sends_even_what_is_equal_and_leaves_the_old_job_as_it_was() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(&SHOP.replace("table = \"orders\"", "table = \"orders\"\nhistory = \"all\""));
    let _engine = world.synced(&config).await;
    let old = world.job_in("succeeded").await;
    let stored = "select to_jsonb(f)::text from walsift.finished_job f where id = $1";
    let row: String = world.query_one(stored, &[&old]).await.get(0);
    let before = world.history(old).await;

    let said = world.jobs(&config, &["replay", &old.to_string()]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    world.settled().await;

    let sent = requests(world.receiver(), "/orders/1");
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].body, sent[1].body);
    assert!(sent[1].version() > sent[0].version());
    let header = |at: usize, name| sent[at].header(name).unwrap().to_owned();
    for name in ["idempotency-key", "x-correlation-id"] {
        assert_ne!(header(0, name), header(1, name));
    }
    let replay = world
        .jobs_json(&config, &["show", &header(1, "x-correlation-id")], 0)
        .await;
    let told = ["state", "asked", "forced", "replay_of", "replay_attempt"].map(|name| replay[name].clone());
    assert_eq!(json!(told), json!(["succeeded", true, true, old, 1]));
    assert_eq!(said.out, format!("job {old}: job {} takes it up\n", replay["id"]));
    assert_eq!(world.history(old).await, before);
    assert_eq!(world.query_one(stored, &[&old]).await.get::<_, String>(0), row);
    let text = world.jobs(&config, &["show", &replay["id"].to_string()]).await.out;
    let asked = format!("  asked        to replay job {old}, try 1, and sent even if it is equal\n");
    assert!(text.contains(&asked), "{text}");
}

#[tokio::test]
async fn a_replay_is_linked_to_the_try_that_is_named() {
    let (world, config, _engine, dead) = dead_letter().await;
    let dead = dead.to_string();
    let answers = world.jobs_json(&config, &["replay", &dead, "--attempt", "9"], 1).await;
    assert_eq!(answers, json!({"answers": [{"asked": dead, "outcome": "no_attempt"}]}));
    let answers = world.jobs_json(&config, &["replay", &dead, "--attempt", "2"], 0).await;
    let follower = answers["answers"][0]["job"].as_i64().unwrap();
    world.settled().await;
    assert_eq!(world.show(&config, follower).await["replay_attempt"], 2);
    let two = world.jobs(&config, &["replay", &dead, "4711", "--attempt", "1"]).await;
    assert_eq!((two.code, two.err.as_str()), (Some(2), "--attempt is for one job\n"));
}

#[tokio::test]
async fn a_subject_with_an_active_job_gets_no_second_one() {
    let (world, config, _engine, dead) = dead_letter().await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::Hold);
    world.sql("update orders set status = 'C'").await;
    let in_flight = |ledger: &walsift::demo::Ledger| ledger.in_flight() == 1;
    world.receiver().wait_until(DEADLINE, in_flight).await.unwrap();
    let active = world.job_in("running").await;
    let before: String = world.value("select to_jsonb(j)::text from walsift.job j").await;

    let dead = dead.to_string();
    for verb in ["retry", "replay"] {
        let answers = world.jobs_json(&config, &[verb, &dead], 1).await;
        assert_eq!(
            answers,
            json!({"answers": [{"asked": dead, "outcome": "active", "job": active}]})
        );
        let said = world.jobs(&config, &[verb, &dead]).await;
        let told = format!("job {dead}: nothing was done, as its subject has the active job {active}\n");
        assert_eq!((said.code, said.out), (Some(1), told));
    }
    let said = world.jobs(&config, &["retry", &active.to_string()]).await;
    assert_eq!(said.code, Some(1));
    assert!(
        said.out.contains("nothing was done, as a worker has it in hand"),
        "{said:?}"
    );
    let said = world.jobs(&config, &["replay", &active.to_string()]).await;
    let told = format!("job {active}: nothing was done, as it is active\n");
    assert_eq!((said.code, said.out), (Some(1), told));
    assert_eq!(
        world
            .value::<String>("select to_jsonb(j)::text from walsift.job j")
            .await,
        before
    );

    let_go(&world).await;
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn a_forced_job_that_fails_stays_forced() {
    let (world, config, _engine, dead) = dead_letter().await;
    // What is replayed is what the sink holds.
    world.caused_by("update orders set status = 'new'").await;
    world.receiver().rule_for_next(2, Paths::All, Behaviour::answer(429));
    world.receiver().clear_journal();
    let answers = world.jobs_json(&config, &["replay", &dead.to_string()], 0).await;
    world.settled().await;
    let sent = requests(world.receiver(), "/orders/1");
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|request| request.version() == sent[0].version()));
    let story = world
        .show(&config, answers["answers"][0]["job"].as_i64().unwrap())
        .await;
    assert_eq!((&story["state"], &story["forced"]), (&json!("succeeded"), &json!(true)));
}

/// What follows it was asked by nobody.
#[tokio::test]
async fn a_forced_job_whose_subject_changes_meanwhile_begins_anew_unforced() {
    let (world, config, _engine, dead) = dead_letter().await;
    world.receiver().clear_journal();
    world.receiver().rule_for_next(1, Paths::All, Behaviour::Hold);
    let answers = world.jobs_json(&config, &["replay", &dead.to_string()], 0).await;
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    world.sql("update order_lines set price = price").await;
    world.wait_until_true("select touched > 0 from walsift.job").await;
    let_go(&world).await;
    world.settled().await;
    assert_eq!(world.requests(), ["PUT /orders/1"]);
    let story = world
        .show(&config, answers["answers"][0]["job"].as_i64().unwrap())
        .await;
    assert_eq!(story["state"], "succeeded");
    assert_eq!(
        world
            .value::<i64>("select count(*) from walsift.finished_job where asked")
            .await,
        1
    );
}

#[tokio::test]
async fn what_cannot_be_done_again_is_told_and_left() {
    let (world, config, _engine, dead) = dead_letter().await;
    let answers = world.jobs_json(&config, &["retry", &dead.to_string()], 0).await;
    world.settled().await;
    let succeeded = answers["answers"][0]["job"].to_string();
    let answers = world.jobs_json(&config, &["retry", &succeeded, "4711"], 1).await;
    let wanted = json!({"answers": [
        {"asked": succeeded, "outcome": "over", "state": "succeeded"},
        {"asked": "4711", "outcome": "unknown"},
    ]});
    assert_eq!(answers, wanted);
    for usage in [
        ["retry"].as_slice(),
        &["retry", "1", "--state", "dead"],
        &["retry", "--state", "succeeded"],
        &["retry", "--state", "dead", "--class", "refusal"],
        &["cancel", "--state", "dead"],
        &["purge", "--state", "pending"],
        &["purge"],
    ] {
        let said = world.jobs(&config, usage).await;
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{usage:?}: {said:?}");
    }
}

/// Twelve hundred dead letters of as many subjects, and one more of a subject that has another.
async fn graveyard() -> (World, std::path::PathBuf) {
    let (world, config, mut engine) = shop_of_one("").await;
    engine.kill9();
    world
        .sql(
            "insert into walsift.finished_job (id, route, key, state, attempts, created_at, finished_at)
             select 10000 + n, 1, greatest(n, 2), 'dead', 10, now(), now() - interval '1 h' from generate_series(1, 1201) n",
        )
        .await;
    (world, config)
}

#[tokio::test]
async fn many_are_retried_in_batches_once_somebody_says_yes() {
    let (world, config) = graveyard().await;
    world
        .sql("insert into walsift.job (route, key, priority, run_at, created_at) values (1, '7', 1, now(), now())")
        .await;
    let filters = ["retry", "--state", "dead", "--older-than", "10m"];
    let said = world.jobs(&config, &filters).await;
    let told = "1201 jobs would be retried; nothing was done without --yes\n";
    assert_eq!((said.code, said.out.as_str()), (Some(2), told));
    let facts = world.jobs_json(&config, &filters, 2).await;
    assert_eq!(facts, json!({"matched": 1201, "done": false, "outcomes": {}}));
    assert_eq!(world.value::<i64>("select count(*) from walsift.job").await, 1);

    let facts = world.jobs_json(&config, &[&filters[..], &["--yes"]].concat(), 0).await;
    let wanted = json!({"matched": 1201, "done": true, "outcomes": {"enqueued": 1199, "active": 2}});
    assert_eq!(facts, wanted);
    let asked = "select count(*) from walsift.job where asked and priority = 3 and replay_of > 10000";
    assert_eq!(world.value::<i64>(asked).await, 1199);
    // The newest of a subject is the one that is taken up.
    let of_two: i64 = world.value("select replay_of from walsift.job where key = '2'").await;
    assert_eq!(of_two, 10002);

    let said = world.jobs(&config, &[&filters[..], &["--yes"]].concat()).await;
    let told = "1201 jobs matched\n    1201  left alone, as their subjects have active jobs\n";
    assert_eq!((said.code, said.out.as_str()), (Some(0), told));
    let none = world
        .jobs(&config, &["replay", "--class", "timeout", "--state", "dead"])
        .await;
    assert_eq!((none.code, none.out.as_str()), (Some(0), "0 jobs matched\n"));
}

/// What is sent again succeeds and matches the filter in turn, which must not go on for ever.
#[tokio::test]
async fn a_replay_of_many_replays_none_of_its_own() {
    let world = World::with_shop().await;
    world.stock_shop(1, 30).await;
    let config = world.config(&SHOP.replace("table = \"orders\"", "table = \"orders\"\nhistory = \"all\""));
    let _engine = world.synced(&config).await;
    world.receiver().clear_journal();
    let facts: Value = world
        .jobs_json(&config, &["replay", "--sync", "orders", "--yes"], 0)
        .await;
    assert_eq!(facts["outcomes"], json!({"enqueued": 30}));
    world.settled().await;
    assert_eq!(world.requests().len(), 30);
    let listed = world.jobs_json(&config, &["list", "--limit", "100"], 0).await;
    assert_eq!(numbers(&listed["jobs"], "id").len(), 60);
}
