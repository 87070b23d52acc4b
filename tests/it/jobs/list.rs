//! `walsift jobs list` and `show`.

use serde_json::{Value, json};
use walsift::demo::{Behaviour, Paths};

use super::{HASTY, numbers};
use crate::world::{SHOP, World};

#[tokio::test]
async fn before_the_first_run_there_are_no_jobs_to_ask_for() {
    let world = World::with_shop().await;
    let config = world.config(SHOP);
    for verb in [
        ["list"].as_slice(),
        &["show", "1"],
        &["retry", "1"],
        &["purge", "--state", "dead"],
    ] {
        let said = world.jobs(&config, verb).await;
        assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{verb:?}");
        assert!(said.err.starts_with("there is no state of this version"), "{said:?}");
    }
}

/// Three orders: one out of tries, one refused, one accepted in the end.
async fn shop_with_a_past() -> (World, std::path::PathBuf, crate::world::Engine) {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let answers = [("/orders/1", 429, 9), ("/orders/2", 422, 9), ("/orders/3", 503, 1)];
    for (path, status, times) in answers {
        let behaviour = Behaviour::Answer {
            status,
            headers: Vec::new(),
            body: "{\"error\": \"no\"}".to_owned(),
        };
        world.receiver().rule_for_next(times, Paths::exact(path), behaviour);
    }
    let config = world.config(&format!("{SHOP}\n{HASTY}"));
    let engine = world.synced(&config).await;
    (world, config, engine)
}

#[tokio::test]
async fn jobs_are_listed_by_sync_sink_state_key_class_and_age() {
    let (world, config, _engine) = shop_with_a_past().await;
    world
        .sql("update walsift.finished_job set finished_at = finished_at - interval '2 h' where key = '2'")
        .await;
    #[rustfmt::skip]
    let cases: [(&[&str], &[&str]); 19] = [
        (&[],                                         &["1", "2", "3"]),
        (&["--sync", "orders"],                       &["1", "2", "3"]),
        (&["--sync", "orders", "--sink", "shop_api"], &["1", "2", "3"]),
        (&["--state", "dead"],                        &["1"]),
        (&["--state", "failed"],                      &["2"]),
        (&["--state", "succeeded"],                   &["3"]),
        (&["--state", "pending"],                     &[]),
        (&["--state", "running"],                     &[]),
        (&["--state", "dead", "--state", "pending"],  &["1"]),
        (&["--open"],                                 &["1", "2"]),
        (&["--superseded"],                           &[]),
        (&["--key", "2"],                             &["2"]),
        (&["--key", "[2]"],                           &["2"]),
        (&["--class", "rate_limited"],                &["1"]),
        (&["--class", "refused"],                     &["2"]),
        (&["--class", "server_error"],                &[]),
        (&["--older-than", "1h"],                     &["2"]),
        (&["--younger-than", "1h"],                   &["1", "3"]),
        (&["--younger-than", "3h", "--older-than", "1h", "--state", "dead"], &[]),
    ];
    for (filters, wanted) in cases {
        let listed = world.jobs_json(&config, &[&["list"], filters].concat(), 0).await;
        let jobs = listed["jobs"].as_array().unwrap();
        let mut keys: Vec<&str> = jobs.iter().map(|job| job["key"].as_str().unwrap()).collect();
        keys.sort_unstable();
        assert_eq!(
            (keys.as_slice(), &listed["next"]),
            (wanted, &Value::Null),
            "{filters:?}"
        );
    }
    let unknown = world.jobs(&config, &["list", "--sync", "other"]).await;
    assert_eq!(unknown.code, Some(2));
    assert_eq!(
        unknown.err,
        "there is nothing of other → any; there is: orders → shop_api\n"
    );
}

#[tokio::test]
async fn a_job_is_listed_with_all_that_there_is_to_know_at_a_glance() {
    let (world, config, _engine) = shop_with_a_past().await;
    let listed = world.jobs_json(&config, &["list", "--state", "dead"], 0).await;
    let job = listed["jobs"][0].as_object().unwrap();
    let is_time = |name: &str| {
        job[name]
            .as_str()
            .is_some_and(|time| time.ends_with('Z') && time.len() == 24)
    };
    assert!(is_time("created_at") && is_time("finished_at"), "{job:?}");
    let mut job = Value::Object(job.clone());
    for varies in ["id", "correlation", "created_at", "finished_at", "changed_at"] {
        job.as_object_mut().unwrap().remove(varies).expect(varies);
    }
    let wanted = json!({
        "sync": "orders", "sink": "shop_api", "key": "1", "state": "dead", "attempts": 3, "asked": false, "forced": false,
        "replay_of": null, "replay_attempt": null, "run_at": null, "suppressed": null,
        "superseded_at": null, "superseded_by": null,
        "class": "rate_limited", "status": 429, "message": "429 Too Many Requests: {\"error\": \"no\"}",
    });
    assert_eq!(job, wanted);

    let table = world.jobs(&config, &["list", "--oldest-first"]).await.out;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{table}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert_eq!(words(lines[0]), "JOB STATE SYNC → SINK KEY TRIES AGE");
    let dead = lines.iter().find(|line| line.contains("dead")).unwrap();
    assert!(words(dead).contains("dead orders → shop_api 1 3 "), "{dead}");
    assert!(
        dead.contains("rate_limited, 429 Too Many Requests: {\"error\": "),
        "{dead}"
    );
}

#[tokio::test]
async fn a_list_goes_on_where_the_page_before_ended() {
    let (world, config, _engine) = shop_with_a_past().await;
    for (order, reversed) in [("--oldest-first", false), ("--limit=2", true)] {
        let first = world
            .jobs_json(
                &config,
                &["list", "--limit", "2", order][..3 + usize::from(!reversed)],
                0,
            )
            .await;
        let mut all = numbers(&first["jobs"], "id");
        let next = first["next"].as_i64().unwrap();
        assert_eq!(all.last(), Some(&next));
        let after = next.to_string();
        let second: &[&str] = if reversed {
            &["list", "--after", &after]
        } else {
            &["list", "--after", &after, order]
        };
        let second = world.jobs_json(&config, second, 0).await;
        all.extend(numbers(&second["jobs"], "id"));
        assert_eq!((all.len(), &second["next"]), (3, &Value::Null));
        if reversed {
            all.reverse();
        }
        assert!(all.is_sorted(), "{all:?}");
    }
}

#[tokio::test]
async fn a_job_is_shown_with_its_tries_by_number_and_by_correlation_id() {
    let (world, config, _engine) = shop_with_a_past().await;
    let dead = world.job_in("dead").await;
    let story = world.show(&config, dead).await;
    let requests = crate::guarantees::journal::requests(world.receiver(), "/orders/1");
    let correlation = requests[0].header("x-correlation-id").unwrap();
    assert_eq!(story["correlation"], correlation);
    let by_correlation = world.jobs_json(&config, &["show", correlation], 0).await;
    assert_eq!(by_correlation, story);

    let tries = story["tries"].as_array().unwrap();
    assert_eq!((tries.len(), requests.len()), (3, 3));
    for (at, (one, request)) in tries.iter().zip(&requests).enumerate() {
        assert_eq!(request.header("x-correlation-id"), Some(correlation));
        assert_eq!(one["number"], at + 1);
        assert_eq!(one["version"], request.version().unwrap());
        let rest = ["outcome", "class", "status", "certain", "operation"].map(|name| one[name].clone());
        assert_eq!(json!(rest), json!(["retry", "rate_limited", 429, true, "upsert"]));
        assert_eq!(one["digest"].as_str().map(str::len), Some(32));
        assert!(one["milliseconds"].is_u64() && one["started_at"].is_string(), "{one}");
    }
    assert_eq!((&story["lease"], &story["accepted"]), (&Value::Null, &Value::Null));

    let text = world.jobs(&config, &["show", &dead.to_string()]).await.out;
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    for part in [
        &format!("job {dead}: dead\n"),
        "  of           orders → shop_api\n",
        &format!("  correlation  {correlation}\n"),
        "  sink holds   nothing of it, as far as is known\n",
        "               rate_limited, 429 Too Many Requests: {\"error\": \"no\"}\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    let accepted = world.show(&config, world.job_in("succeeded").await).await;
    assert_eq!(accepted["accepted"]["digest"], accepted["tries"][1]["digest"]);
    assert_eq!(accepted["accepted"]["version"], accepted["tries"][1]["version"]);

    for unknown in ["4711", "0006608b016112400000000000000001"] {
        let said = world.jobs(&config, &["show", unknown]).await;
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
        assert!(
            said.err.starts_with(&format!("job {unknown}: not on record")),
            "{said:?}"
        );
    }
    assert_eq!(world.jobs(&config, &["show", "x"]).await.code, Some(2));
}

/// However many finished jobs there are, a page of them, those of a subject and the dead letters are found by indexes.
#[tokio::test]
async fn lists_are_read_by_indexes() {
    let (world, _, engine) = shop_with_a_past().await;
    drop(engine);
    world
        .sql(
            "insert into walsift.finished_job (id, route, key, state, attempts, created_at, finished_at)
             select 1000 + n, 1, n, 'succeeded', 1, now(), now() from generate_series(1, 50000) n;
             analyze walsift.finished_job; analyze walsift.attempt; analyze walsift.job",
        )
        .await;
    let client = world.connect().await;
    client
        .batch_execute("set search_path = walsift; set plan_cache_mode = force_custom_plan")
        .await
        .unwrap();
    let statement = include_str!("../../../sql/operate/list.sql");
    client
        .batch_execute(&format!(
            "prepare list (smallint[], text[], boolean, boolean, text, text, float8, float8, bigint, bigint, boolean, bigint) as
             {statement}"
        ))
        .await
        .unwrap();
    let ids = "-9223372036854775808, 9223372036854775807";
    for parameters in [
        format!("'{{1}}', null, null, null, null, null, null, null, {ids}, true, 51"),
        format!("'{{1}}', null, null, null, null, null, null, null, {ids}, false, 51"),
        format!("'{{1}}', null, null, null, '77', null, null, null, {ids}, true, 51"),
        format!("'{{1}}', '{{dead,failed}}', false, false, null, null, null, null, {ids}, true, 51"),
        format!("'{{1}}', '{{dead}}', false, null, null, 'timeout', 60, null, {ids}, true, 51"),
    ] {
        let explained = client
            .query(&format!("explain execute list ({parameters})"), &[])
            .await
            .unwrap();
        let plan: Vec<&str> = explained.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("Seq Scan on finished_job"), "{parameters}:\n{plan}");
    }
}
