//! The first load of a large table, killed again and again, beside live changes: how long it takes, how soon live changes
//! arrive, how much is sent twice, and what it needs in memory. Too long for every day:
//!
//! `cargo test --release --features failpoints --test it -- --ignored --exact --nocapture backfill::million::a_large_first_load`,
//! with the number of subjects in `WALSIFT_BACKFILL_SUBJECTS` (1000000).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use walsift::demo::{ClusterSettings, Ledger};

use crate::guarantees::journal::assert_one_at_a_time;
use crate::world::{World, eventually};

const KILLS: u32 = 10;
const BATCH: usize = 500;
const WITHIN: Duration = Duration::from_mins(30);

/// Between live changes.
const PERIOD: Duration = Duration::from_millis(100);

fn subjects() -> u32 {
    std::env::var("WALSIFT_BACKFILL_SUBJECTS").map_or(1_000_000, |text| text.parse().expect("a number of subjects"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_large_first_load() {
    let subjects = subjects();
    let world = World::apart(ClusterSettings::default().with("max_wal_size", "4GB")).await;
    let table = format!(
        "create table things (id bigint primary key, name text not null, price numeric not null);
         insert into things select n, 'thing ' || n, n / 7.0 from generate_series(1, {subjects}) n; analyze things"
    );
    world.sql(&table).await;
    let url = world.receiver().url();
    let config = world.config(&format!(
        "[syncs.things]\ntable = \"things\"\nsink = \"shop_api\"\n
         [sinks.shop_api]\ntype = \"http\"\nurl = \"{url}/things/{{id}}\"\nconcurrency = 16\n
         [engine]\nbatch = {BATCH}\n"
    ));
    let began = Instant::now();
    let mut engine = world.engine(&config);
    let mut peak = 0;
    for kill in 1..=KILLS {
        let mark = usize::try_from(u64::from(subjects) * u64::from(kill) / u64::from(KILLS + 1)).unwrap();
        world.receiver().wait_for_requests(mark, WITHIN).await.unwrap();
        let latencies = live_changes(&world, subjects, kill).await;
        eprintln!(
            "{:>5.1} s: {mark} requests; live changes arrive after {:?} at most, {:?} in the middle",
            began.elapsed().as_secs_f64(),
            latencies.last().unwrap(),
            latencies[latencies.len() / 2]
        );
        peak = peak.max(engine.resident_bytes_peak());
        engine.kill9();
        engine = world.engine(&config);
    }
    eventually(WITHIN, "the end of the backfill", async || {
        let over = "select count(*) = 1 and count(finished_at) = 1 from walsift.backfill";
        world.value::<bool>(over).await.then_some(())
    })
    .await;
    let seconds = began.elapsed().as_secs_f64();
    peak = peak.max(engine.resident_bytes_peak());
    world.settled().await;
    assert_one_at_a_time(world.receiver());
    let (held, repeated) = world.receiver().look(|ledger| (ledger.held().len(), repeated(ledger)));
    assert_eq!(held, subjects as usize, "some were not delivered");
    let live = u64::from(KILLS) * u64::from(CHANGES);
    eprintln!(
        "{subjects} subjects in {seconds:.1} s with {KILLS} kills: {:.0} a second; {repeated} requests were not the first of their \
         subject, {live} live changes among them; at most {} MiB",
        f64::from(subjects) / seconds,
        peak >> 20
    );
    assert!(
        repeated <= KILLS as usize * BATCH + usize::try_from(live).unwrap(),
        "more than a chunk was sent twice for each kill"
    );
}

/// Requests beyond the first of each subject.
fn repeated(ledger: &Ledger) -> usize {
    let mut requests: HashMap<&str, usize> = HashMap::new();
    for request in ledger.journal() {
        *requests.entry(&request.path).or_default() += 1;
    }
    requests.values().map(|count| count - 1).sum()
}

const CHANGES: u32 = 10;

/// How long each takes from its commit until it has arrived, ascending.
async fn live_changes(world: &World, subjects: u32, round: u32) -> Vec<Duration> {
    let mut latencies = Vec::new();
    let mut ticks = tokio::time::interval(PERIOD);
    for change in 0..CHANGES {
        ticks.tick().await;
        // From all over: some have been visited, some are in hand.
        let id = 1 + (u64::from(round * CHANGES + change) * 7_919_317) % u64::from(subjects);
        let name = format!("live {round} {change}");
        world
            .sql(&format!("update things set name = '{name}' where id = {id}"))
            .await;
        let committed = Instant::now();
        let path = format!("/things/{id}");
        let arrived = |ledger: &Ledger| ledger.body(&path).is_some_and(|body| body.contains(&name));
        world.receiver().wait_until(WITHIN, arrived).await.unwrap();
        latencies.push(committed.elapsed());
    }
    latencies.sort_unstable();
    latencies
}
