//! `refresh_every`: every subject is visited on a period.

use crate::world::{DEADLINE, World, eventually, field};

/// The documents depend on a setting that nobody listens to.
const SYNC: &str = "
    [syncs.orders]
    table         = \"orders\"
    sink          = \"shop_api\"
    refresh_every = \"1h\"
    document      = { id = \"id\", setting = \"current_setting('shop.season', true)\" }";

const PERIOD_IS_OVER: &str = "update walsift.route set refreshed_at = refreshed_at - interval '61 minutes'";

async fn world() -> (World, std::path::PathBuf) {
    let world = World::with_shop().await;
    world.stock_shop(1, 3).await;
    let file = world.config(SYNC);
    (world, file)
}

fn set_season(season: &str) -> String {
    format!("do $$ begin execute format('alter database %I set shop.season = {season}', current_database()); end $$")
}

/// Makes the time come and waits for what comes of it.
async fn refreshed(world: &World) -> Vec<String> {
    world.receiver().clear_journal();
    world.sql(PERIOD_IS_OVER).await;
    let moved = "select min(refreshed_at) > now() - interval '1 minute' from walsift.route";
    world.wait_until_true(moved).await;
    world.settled().await;
    world.requests()
}

#[tokio::test]
async fn every_subject_is_visited_when_the_period_is_over() {
    let (world, file) = world().await;
    let mut engine = world.synced(&file).await;
    let started: bool = world
        .value("select refreshed_at > now() - interval '10 minutes' from walsift.route")
        .await;
    assert!(started, "the first period begins with the first start");
    assert_eq!(refreshed(&world).await, [""; 0], "nothing differs");

    world.sql(&set_season("winter")).await;
    // A new process has new sessions, which see the setting; the period goes on.
    engine.terminate();
    engine.wait_exit(DEADLINE).await;
    let _engine = world.synced(&file).await;
    let puts = ["PUT /orders/1", "PUT /orders/2", "PUT /orders/3"];
    assert_eq!(refreshed(&world).await, puts);
    assert_eq!(refreshed(&world).await, [""; 0]);
}

/// State that stands for a subject which went unnoticed.
#[tokio::test]
async fn a_delete_that_was_missed_is_made_good() {
    let (world, file) = world().await;
    let _engine = world.synced(&file).await;
    world
        .sql("insert into walsift.state (route, key, digest, version) select id, '99', null, 1 from walsift.route")
        .await;
    assert_eq!(refreshed(&world).await, ["DELETE /orders/99"]);
}

#[tokio::test]
async fn one_process_makes_the_backfill_and_only_where_none_stands() {
    let (world, file) = world().await;
    let first = world.synced(&file).await;
    let second = world.synced(&file).await;
    // One that cannot begin yet: as good as one that is under way.
    world
        .sql(
            "insert into walsift.backfill (route, cause, walk, reconcile, created_at, run_at)
             select id, 'refresh', 'source', true, now(), now() + interval '1 hour' from walsift.route",
        )
        .await;
    world.sql(PERIOD_IS_OVER).await;
    world
        .wait_until_true("select min(refreshed_at) > now() - interval '1 minute' from walsift.route")
        .await;
    let over =
        |line: &serde_json::Value| field(line, "message") == Some("the period is over: every subject will be visited");
    let told = async || {
        let told = [&first, &second].map(|engine| {
            let log = engine.log();
            log.iter()
                .filter(|line| serde_json::from_str(line).is_ok_and(|line| over(&line)))
                .count()
        });
        (told[0] + told[1] > 0).then_some(told[0] + told[1])
    };
    assert_eq!(
        eventually(DEADLINE, "one to say that the period is over", told).await,
        1
    );
    let standing = "select count(*) = 1 from walsift.backfill where finished_at is null";
    world.wait_until_true(standing).await;
}
