//! `[retention]`: finished jobs and their attempts are kept for as long as their state says.

use walsift::pg;
use walsift::record;

use crate::churn::mill::Mill;
use crate::world::{SHOP, World};

/// Finished jobs of all states, `count` of each, an hour apart, each with two attempts.
async fn finished(world: &World, count: u32) {
    world
        .sql(&format!(
            "insert into walsift.finished_job (id, route, key, state, attempts, created_at, finished_at)
             select row_number() over (), 1, n, state, 2, now(), now() - (n - 0.5) * interval '1 hour'
               from generate_series(1, {count}) n, unnest(array['succeeded', 'failed', 'dead', 'canceled']) state;
             insert into walsift.attempt (job, number, started_at, finished_at, outcome, certain, operation, version)
             select id, m, finished_at, finished_at, 'retry', true, 'upsert', 1
               from walsift.finished_job, generate_series(1, 2) m"
        ))
        .await;
}

const KEPT: &str = "
    select array[count(*) filter (where state = 'succeeded'), count(*) filter (where state = 'failed'),
                 count(*) filter (where state = 'dead'), count(*) filter (where state = 'canceled'),
                 (select count(*) from walsift.attempt)]
      from walsift.finished_job";

#[tokio::test]
async fn states_have_ages_of_their_own() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(&format!("{SHOP}\n[retention]\nsucceeded = \"3h\"\nfailed = \"10h\""));
    drop(world.synced(&config).await);
    finished(&world, 20).await;
    let _engine = world.engine(&config);
    world
        .wait_until_true(&format!("select ({KEPT}) = array[3, 10, 10, 10, 66]::bigint[]"))
        .await;
}

async fn prune(client: &pg::Client, most: u32, from: Option<std::time::SystemTime>) -> record::Pruned {
    let kept = std::time::Duration::from_hours(3);
    record::prune(client, "dead", kept, most, from).await.unwrap()
}

#[tokio::test]
async fn the_oldest_are_forgotten_first_and_not_looked_for_again() {
    let world = World::new().await;
    let mill = Mill::new(&world.url(), 1).await;
    finished(&world, 20).await;
    let client = mill.client().await;
    let mut from = None;
    for (most, jobs, left) in [(5, 5, 15), (5, 5, 10), (100, 7, 3), (100, 0, 3)] {
        let pruned = prune(&client, most, from).await;
        assert_eq!(pruned.jobs, jobs);
        from = pruned.up_to.or(from);
        let oldest =
            "select extract(hour from max(now() - finished_at))::int from walsift.finished_job where state = 'dead'";
        assert_eq!(world.value::<i32>(oldest).await, left - 1);
    }
    // What is older than what was forgotten last is not there, and so is not looked for.
    world
        .sql(
            "insert into walsift.finished_job (id, route, key, state, attempts, created_at, finished_at)
             values (1000, 1, 'late', 'dead', 1, now(), now() - interval '1 day')",
        )
        .await;
    assert_eq!(prune(&client, 100, from).await.jobs, 0);
    assert_eq!(prune(&client, 100, None).await.jobs, 1);
}

/// Somebody looks at an old job, or closes it, for as long as they like: the others are forgotten meanwhile.
#[tokio::test]
async fn a_job_that_somebody_holds_is_passed_over() {
    let world = World::new().await;
    let mill = Mill::new(&world.url(), 1).await;
    finished(&world, 20).await;
    let holder = world.connect().await;
    let hold = "begin; select from walsift.finished_job where state = 'dead' order by finished_at limit 1 for update";
    holder.batch_execute(hold).await.unwrap();
    let client = mill.client().await;
    assert_eq!(prune(&client, 100, None).await.jobs, 16);
    holder.batch_execute("commit").await.unwrap();
    assert_eq!(prune(&client, 100, None).await.jobs, 1);
}
