//! `walsift jobs enqueue`.

use serde_json::json;
use walsift::demo::{Behaviour, Paths};

use super::shop_of_one;
use crate::guarantees::let_go;
use crate::world::{DEADLINE, SHOP, SHOP_ORDERS, World};

#[tokio::test]
async fn a_subject_is_sent_if_it_differs_and_with_force_in_any_case() {
    let (world, config, _engine) = shop_of_one("").await;
    let enqueue = ["enqueue", "--sync", "orders", "--key", "1"];
    let said = world.jobs(&config, &enqueue).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    world.settled().await;
    assert!(world.requests().is_empty());
    let job = world.job_in("succeeded").await;
    assert_eq!(said.out, format!("orders → shop_api, 1: job {job}\n"));
    assert_eq!(world.show(&config, job).await["suppressed"], "equal");

    let answers = world
        .jobs_json(&config, &[&enqueue[..], &["--force"]].concat(), 0)
        .await;
    world.settled().await;
    assert_eq!(world.requests(), ["PUT /orders/1"]);
    let answer = &answers["answers"][0];
    let story = world.show(&config, answer["job"].as_i64().unwrap()).await;
    assert_eq!(
        *answer,
        json!({"sync": "orders", "sink": "shop_api", "key": "1", "outcome": "enqueued", "job": story["id"]})
    );
    assert_eq!((&story["state"], &story["forced"]), (&json!("succeeded"), &json!(true)));
    assert_eq!(story["tries"][0]["outcome"], "delivered");
}

#[tokio::test]
async fn a_subject_with_an_active_job_is_told_so_and_gets_no_second_one() {
    let (world, config, _engine) = shop_of_one("").await;
    world.receiver().rule_for_next(1, Paths::All, Behaviour::Hold);
    world.sql("update orders set status = 'B'").await;
    world.receiver().wait_for_requests(1, DEADLINE).await.unwrap();
    let active = world.job_in("running").await;
    let enqueue = ["enqueue", "--sync", "orders", "--key", "1", "--force"];
    let said = world.jobs(&config, &enqueue).await;
    let told = format!("orders → shop_api, 1: nothing was done, as it has the active job {active}\n");
    assert_eq!((said.code, said.out), (Some(1), told));
    // One of several is enough for that, and the others are done.
    let answers = world
        .jobs_json(&config, &[&enqueue[..], &["--key", "2"]].concat(), 1)
        .await;
    let outcomes: Vec<&str> = answers["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["active", "enqueued"]);
    assert_eq!(answers["answers"][0]["job"], active);
    let_go(&world).await;
    world.settled().await;
    // There is no order 2, and whoever forces it has that said.
    assert_eq!(world.requests(), ["DELETE /orders/2", "PUT /orders/1"]);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn keys_are_taken_in_every_form_and_stored_as_postgres_writes_them() {
    let world = World::new().await;
    world
        .sql(
            "create table prices (region text, sku uuid, day date, net numeric(9, 2), sold boolean,
                                  primary key (region, sku, day, net, sold));
             create table codes (code char(4) primary key, name text);
             create table things (id bigint primary key)",
        )
        .await;
    let sinks = "[sinks.out]\ntype = \"stdout\"\n";
    let sync = |name: &str| format!("[syncs.{name}]\ntable = \"{name}\"\nsink = \"out\"\n");
    let config = world.config(&format!("{sinks}{}{}{}", sync("prices"), sync("codes"), sync("things")));
    let mut engine = world.synced(&config).await;
    engine.kill9();
    let prices = r#"["de:1", "A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11", "2026-3-1", "1.5", "yes"]"#;
    let cases = [
        ("things", "042", "42"),
        ("things", "[ \"43\" ]", "43"),
        ("things", "[44]", "44"),
        ("codes", "ab", "ab  "),
        ("codes", "[\"[]\"]", "[]  "),
        (
            "prices",
            prices,
            "de\\:1:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11:2026-03-01:1.50:t",
        ),
    ];
    for (sync, written, stored) in cases {
        let answers = world
            .jobs_json(&config, &["enqueue", "--sync", sync, "--key", written], 0)
            .await;
        assert_eq!(answers["answers"][0]["key"], stored);
    }
    let active = world
        .jobs_json(&config, &["enqueue", "--sync", "things", "--key", "+42"], 1)
        .await;
    assert_eq!(active["answers"][0]["key"], "42");

    for (sync, wrong, told) in [
        ("things", "x", "`x`: `id`: a whole number of its type is wanted"),
        ("things", "[1, 2]", "`[1, 2]`: a key is an array of 1 values"),
        ("things", "[", "`[`: it is no JSON array"),
        ("prices", "de", "`de`: it is no JSON array"),
        (
            "prices",
            r#"["de", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "1 March", "1", true]"#,
            r#"`["de", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "1 March", "1", true]` is no key of prices: invalid input"#,
        ),
        (
            "other",
            "1",
            "there is no sync `other`; there are: prices, codes, things",
        ),
    ] {
        // What is right beside it is not done either.
        let said = world
            .jobs(&config, &["enqueue", "--sync", sync, "--key", "77", "--key", wrong])
            .await;
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(
            said.err.starts_with(told) || sync == "prices" && said.err.starts_with("`77`"),
            "{said:?}"
        );
    }
    assert_eq!(world.value::<i64>("select count(*) from walsift.job").await, 6);
}

#[tokio::test]
async fn many_keys_come_in_a_file_and_each_sink_has_a_job_of_its_own() {
    let world = World::with_shop().await;
    world.stock_shop(3, 1200).await;
    let config = world.config(&format!(
        "{}\n[sinks.other]\ntype = \"http\"\nurl = \"{}/other/{{id}}\"",
        SHOP.replace("sink  = \"shop_api\"", "sinks = [\"shop_api\", \"other\"]"),
        world.receiver().url()
    ));
    let mut engine = world.synced(&config).await;
    engine.kill9();
    let file = world.folder().join("keys");
    let keys: Vec<String> = (1..=1200).rev().map(|id| id.to_string()).collect();
    std::fs::write(&file, keys.join("\n") + "\n\n1\n").unwrap();
    let enqueue = [
        "enqueue",
        "--sync",
        "orders",
        "--force",
        "--keys",
        file.to_str().unwrap(),
    ];
    let one = world
        .jobs(&config, &[&enqueue[..], &["--sink", "other"]].concat())
        .await;
    assert_eq!((one.code, one.out.as_str()), (Some(0), "1200 jobs were made\n"));
    let both = world
        .jobs(&config, &[&enqueue[..], &["--key", "1", "--priority", "low"]].concat())
        .await;
    assert_eq!(both.code, Some(1));
    assert!(both.out.ends_with("\n1200 jobs were made\n"), "{}", both.out);
    assert_eq!(both.out.matches("has the active job").count(), 1200);
    let wrong = world
        .jobs(&config, &[&enqueue[..], &["--sink", "third"]].concat())
        .await;
    assert_eq!(
        (wrong.code, wrong.err.as_str()),
        (Some(2), "sync `orders` has the sinks shop_api, other\n")
    );
    let priorities =
        "select array_agg(distinct r.sink || j.priority) from walsift.job j join walsift.route r on r.id = j.route";
    assert_eq!(world.value::<Vec<String>>(priorities).await, ["other1", "shop_api2"]);

    world.receiver().clear_journal();
    let _engine = world.engine(&config);
    world.settled().await;
    assert_eq!(world.requests().len(), 2400);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

/// A person may have time, a change has none.
#[tokio::test]
async fn what_is_scheduled_waits_for_its_time_unless_the_subject_changes() {
    let (world, config, _engine) = shop_of_one("").await;
    let enqueue = ["enqueue", "--sync", "orders", "--key", "1", "--force"];
    let later = world
        .jobs_json(&config, &[&enqueue[..], &["--in", "12h"]].concat(), 0)
        .await;
    let job = later["answers"][0]["job"].as_i64().unwrap();
    let due: bool = world
        .value("select run_at between now() + interval '11 h' and now() + interval '12 h' from walsift.job")
        .await;
    assert!(due);
    world.sql("update orders set status = 'B'").await;
    world.settled().await;
    assert_eq!(world.requests(), ["PUT /orders/1"]);
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_eq!(world.show(&config, job).await["state"], "succeeded");

    let later = world
        .jobs_json(
            &config,
            &[&enqueue[..], &["--at", "2100-01-01T01:00:00+01:00"]].concat(),
            0,
        )
        .await;
    let job = later["answers"][0]["job"].as_i64().unwrap();
    assert_eq!(world.show(&config, job).await["run_at"], "2100-01-01T00:00:00.000Z");
    let retried = world.jobs(&config, &["retry", &job.to_string()]).await;
    assert_eq!(retried.out, format!("job {job}: due now\n"));
    world.settled().await;
    assert_eq!(world.requests().len(), 2);
    let wrong = world
        .jobs(&config, &[&enqueue[..], &["--at", "tomorrow"]].concat())
        .await;
    assert_eq!(wrong.code, Some(2));
}

#[tokio::test]
async fn a_drain_does_not_wait_for_what_is_scheduled() {
    let (world, config, mut engine) = shop_of_one("").await;
    let enqueue = ["enqueue", "--sync", "orders", "--key", "1", "--in", "12h"];
    world.jobs_json(&config, &enqueue, 0).await;
    let output = world
        .walsift(&["drain", "--config", config.to_str().unwrap(), "--timeout", "100s"])
        .await;
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(engine.wait_exit(DEADLINE).await.code(), Some(0));
    assert_eq!(
        world
            .value::<i64>("select count(*) from walsift.job where run_at > now()")
            .await,
        1
    );
}

#[tokio::test]
async fn a_sync_that_never_ran_has_no_jobs() {
    let world = World::with_shop().await;
    let config = world.config(SHOP);
    let said = world
        .jobs(&config, &["enqueue", "--sync", "orders", "--key", "1"])
        .await;
    assert_eq!(said.code, Some(3), "{said:?}");
}
