//! `walsift jobs purge`.

use serde_json::json;

use super::dead_letter;

#[tokio::test]
async fn finished_jobs_are_forgotten_with_their_tries_and_active_ones_never() {
    let (world, config, mut engine, dead) = dead_letter().await;
    engine.kill9();
    world
        .sql(
            "insert into walsift.finished_job (id, route, key, state, attempts, created_at, finished_at)
             select 10000 + n, 1, n, 'succeeded', 1, now(), now() from generate_series(2, 1200) n;
             insert into walsift.attempt (job, number, started_at, finished_at, outcome, certain, operation, version)
             select 10000 + n, 1, now(), now(), 'delivered', true, 'upsert', n from generate_series(2, 1200) n;
             insert into walsift.job (route, key, priority, run_at, created_at) values (1, '1', 1, now(), now())",
        )
        .await;
    let left = async || {
        let jobs = "select count(*) from walsift.finished_job";
        let tries = "select count(*) from walsift.attempt";
        (world.value::<i64>(jobs).await, world.value::<i64>(tries).await)
    };
    let purge = ["purge", "--state", "succeeded"];
    let said = world.jobs(&config, &purge).await;
    let told = "1199 jobs would be forgotten; nothing was done without --yes\n";
    assert_eq!((said.code, said.out.as_str()), (Some(2), told));
    assert_eq!(left().await, (1200, 1202));

    let said = world.jobs(&config, &[&purge[..], &["--yes"]].concat()).await;
    let told = "1199 jobs matched\n    1199  forgotten\n";
    assert_eq!((said.code, said.out.as_str()), (Some(0), told));
    assert_eq!(left().await, (1, 3));
    assert_eq!(world.show(&config, dead).await["state"], "dead");

    let facts = world
        .jobs_json(&config, &["purge", "--sync", "orders", "--yes"], 0)
        .await;
    assert_eq!(facts, json!({"matched": 1, "done": true, "outcomes": {"purged": 1}}));
    assert_eq!(left().await, (0, 0));
    assert_eq!(world.value::<i64>("select count(*) from walsift.job").await, 1);
    assert_eq!(world.value::<i64>("select count(*) from walsift.state").await, 1);
}
