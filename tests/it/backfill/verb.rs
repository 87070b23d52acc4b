//! `walsift backfill` and its verbs.

use serde_json::json;

use super::{SMALL, asked, backfill, done, in_step, listed};
use crate::world::{DEADLINE, SHOP_ORDERS, World};
use walsift::demo::{Behaviour, Paths};

#[tokio::test]
async fn a_condition_says_which_rows_are_visited() {
    let (world, config, _engine) = in_step(50, SMALL).await;
    let some = asked(
        &world,
        &config,
        &["--force", "--where", "id between 41 and 45 -- the last but five"],
    )
    .await;
    assert_eq!(
        (&some["sent"], &some["estimate"].is_i64()),
        (&5.into(), &true),
        "{some}"
    );
    let paths: Vec<String> = (41..=45).map(|id| format!("PUT /orders/{id}")).collect();
    assert_eq!(world.requests(), paths);

    for (condition, word) in [
        ("no_such_column > 1", "no_such_column"),
        ("id = 1; delete from orders", "syntax"),
    ] {
        let (code, out, err) = backfill(&world, &config, &["orders", "--where", condition]).await;
        assert_eq!((code, err.contains(word)), (Some(2), true), "{out}{err}");
    }
}

#[tokio::test]
async fn keys_of_a_file_say_which_subjects_are_visited() {
    let (world, config, _engine) = in_step(1_200, "").await;
    let keys: Vec<String> = (1..=1_100).map(|id| id.to_string()).collect();
    let file = world.folder().join("keys");
    std::fs::write(&file, format!("{}\n\n7\n9999\n", keys.join("\n"))).unwrap();
    let some = asked(&world, &config, &["--force", "--keys", file.to_str().unwrap()]).await;
    assert_eq!(some["estimate"], 1_101, "{some}");
    // One is gone, and to be deleted in any case.
    assert_eq!(some["sent"], 1_101, "{some}");
    assert!(world.requests().contains(&"DELETE /orders/9999".to_owned()));

    std::fs::write(&file, "no number\n").unwrap();
    let (code, _, err) = backfill(&world, &config, &["orders", "--keys", file.to_str().unwrap()]).await;
    assert_eq!((code, err.contains("no number")), (Some(2), true), "{err}");
}

/// Deletes that nobody saw.
#[tokio::test]
async fn what_the_source_has_no_more_is_deleted_where_that_is_asked_for() {
    let (world, config, mut engine) = in_step(30, SMALL).await;
    let gone = "insert into walsift.state (route, key, digest, version)
                select id, key, decode(repeat('ab', 16), 'hex'), 1 from walsift.route, unnest(array['1000', '05', 'x']) as key";
    world.sql(gone).await;
    let kept = asked(&world, &config, &[]).await;
    assert_eq!(kept["sent"], 0, "{kept}");
    world.sql("delete from walsift.state where key = 'x'").await;
    let told = asked(&world, &config, &["--reconcile"]).await;
    assert_eq!((&told["sent"], &told["visited"]), (&2.into(), &32.into()), "{told}");
    assert_eq!(world.requests(), ["DELETE /orders/05", "DELETE /orders/1000"]);
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
}

#[tokio::test]
async fn it_is_listed_paused_resumed_and_canceled() {
    let (world, config, _engine) = in_step(100, SMALL).await;
    let slow = ["orders", "--force", "--limit-rate", "4"];
    let (code, out, _) = backfill(&world, &config, &slow).await;
    assert_eq!(
        (code, out.contains("orders → shop_api: begins")),
        (Some(0), true),
        "{out}"
    );
    world.receiver().wait_for_requests(2, DEADLINE).await.unwrap();
    let running = listed(&world, &config, &["list"]).await;
    assert_eq!(running.len(), 1, "{running:?}");
    let id = running[0]["id"].to_string();
    assert_eq!(
        (&running[0]["state"], &running[0]["rate"], &running[0]["cause"]),
        (&json!("running"), &json!(4.0), &json!("asked"))
    );
    assert!(running[0]["visited"].as_i64() < Some(100), "{running:?}");

    let (code, out, _) = backfill(&world, &config, &["pause", &id]).await;
    assert_eq!((code, out), (Some(0), format!("backfill {id}: paused\n")));
    world.wait_until_true("select count(*) = 0 from walsift.chunk").await;
    assert_eq!(listed(&world, &config, &["list"]).await[0]["state"], "paused");
    let paused_at = world.receiver().request_count();
    // A paused one holds up no other.
    let other = asked(&world, &config, &["--where", "id = 100"]).await;
    assert_eq!(other["state"], "done");
    assert_eq!(world.receiver().request_count(), paused_at);

    done(&world, &config, &["resume", &id]).await;
    world
        .receiver()
        .wait_for_requests(paused_at + 1, DEADLINE)
        .await
        .unwrap();
    let (code, ..) = backfill(&world, &config, &["cancel", &id]).await;
    assert_eq!(code, Some(0));
    world.settled().await;
    let over = listed(&world, &config, &["list", "--all"]).await;
    let states: Vec<&str> = over
        .iter()
        .map(|backfill| backfill["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["done", "canceled", "done"]);
    assert!(world.receiver().request_count() < 100);
    for verb in ["pause", "resume", "cancel"] {
        let (code, out, _) = backfill(&world, &config, &[verb, &id, "999"]).await;
        assert_eq!((code, out.lines().count()), (Some(1), 2), "{out}");
    }
}

#[tokio::test]
async fn one_that_stands_already_is_enough() {
    let (world, config, mut engine) = in_step(10, "").await;
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let (code, out, err) = backfill(&world, &config, &["orders"]).await;
    assert_eq!(
        (code, err.contains("no process is at work")),
        (Some(0), true),
        "{out}{err}"
    );
    let (code, out, _) = backfill(&world, &config, &["orders"]).await;
    assert_eq!((code, out.contains("will visit all of that")), (Some(0), true), "{out}");
    let (_, out, _) = backfill(&world, &config, &["orders", "--force"]).await;
    assert!(out.contains("begins"), "{out}");
    world
        .sql("update walsift.state set digest = null where key = '3'")
        .await;
    let _engine = world.engine(&config);
    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn names_that_there_are_not_are_refused() {
    let world = World::with_shop().await;
    let config = world.config(crate::world::SHOP);
    let (code, _, err) = backfill(&world, &config, &["orders"]).await;
    assert_eq!((code, err.contains("has not run")), (Some(3), true), "{err}");
    drop(world.synced(&config).await);
    for arguments in [
        &["nobody"][..],
        &["orders", "--sink", "nobody"],
        &["orders", "--limit-rate", "0"],
        &[],
    ] {
        let (code, ..) = backfill(&world, &config, arguments).await;
        assert_eq!(code, Some(2), "{arguments:?}");
    }
}

/// A bar is for terminals; elsewhere a line says how it gets on, and Ctrl-C ends the waiting only.
#[tokio::test]
async fn waiting_shows_how_it_gets_on() {
    let (world, config, _engine) = in_step(40, SMALL).await;
    world
        .receiver()
        .rule_for_next(1, Paths::All, Behaviour::Slow(std::time::Duration::from_millis(300)));
    let (code, out, err) = backfill(&world, &config, &["orders", "--force", "--wait"]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("done (asked): 40 visited, 40 sent"), "{out}");
    assert!(err.contains("orders → shop_api"), "{err}");
}
