//! G5: for each subject and sink at most one delivery in flight in the whole fleet, versions only rise, and a worker
//! whose lease has run out neither starts nor finishes a request under it.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;
use walsift::demo::{Answer, Behaviour, Paths};

use super::burst::Burst;
use super::journal::{assert_one_at_a_time, requests};
use super::{brisk_shop, let_go};
use crate::world::{DEADLINE, Engine, SHOP, SHOP_ORDERS, World, eventually, field};

/// How soon another process must read on when the reader is killed.
const TAKE_OVER_WITHIN: Duration = Duration::from_secs(5);

async fn wait_for_message(engine: &Engine, message: &str) {
    let wanted = |line: &serde_json::Value| field(line, "message") == Some(message);
    engine.wait_for_log(DEADLINE, message, wanted).await;
}

async fn stands_by(engine: &Engine) {
    wait_for_message(engine, "another process reads the slot; standing by").await;
}

async fn reads(engine: &Engine) {
    wait_for_message(engine, "reading the slot").await;
}

/// How many documents it has had accepted, from its metrics.
async fn published(engine: &Engine) -> u64 {
    let (_, metrics) = engine.admin("/metrics").await;
    let counters = metrics
        .lines()
        .filter(|line| line.starts_with("walsift_published_total"));
    counters
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
}

#[tokio::test]
async fn g5_two_processes_share_the_work_and_one_takes_over() {
    let world = World::with_shop().await;
    world.stock_shop(5, 200).await;
    world
        .receiver()
        .rule(Paths::All, Behaviour::Slow(Duration::from_millis(20)));
    // Small batches leave something for the other. What the one that is killed holds is free when its lease is over.
    let config = world.config(&format!("{}\n[engine]\nbatch = 10\nlease = \"5s\"", brisk_shop()));
    let mut first = world.engine(&config);
    reads(&first).await;
    let second = world.engine(&config);
    stands_by(&second).await;
    let mut burst = Burst::new(5, 5, 200);
    let enough = async {
        world.receiver().wait_for_requests(600, DEADLINE).await.unwrap();
        for engine in [&first, &second] {
            eventually(DEADLINE, "a share of the work", async || {
                (published(engine).await > 0).then_some(())
            })
            .await;
        }
    };
    tokio::select! {
        () = enough => {}
        never = burst.for_ever(&world) => match never {},
    }

    first.kill9();
    let killed = Instant::now();
    let more = async {
        reads(&second).await;
        let took = killed.elapsed();
        assert!(took < TAKE_OVER_WITHIN, "taking over took {took:?}");
    };
    tokio::select! {
        () = more => {}
        never = burst.for_ever(&world) => match never {},
    }

    world.settled().await;
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g5_a_subject_that_changes_while_it_is_sent_waits_for_the_answer() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(SHOP);
    let _engine = world.engine(&config);
    let _other = world.engine(&config);
    world.settled().await;
    for status in ["B", "C", "D"] {
        world.receiver().rule_for_next(1, Paths::All, Behaviour::Hold);
        let before = world.receiver().request_count();
        world.sql(&format!("update orders set status = '{status}'")).await;
        world.receiver().wait_for_requests(before + 1, DEADLINE).await.unwrap();
        world.sql("update orders set status = status || '+'").await;
        world.wait_until_true("select max(touched) > 0 from walsift.job").await;
        assert_eq!(
            world.receiver().request_count(),
            before + 1,
            "sent beside the one that hangs"
        );
        let_go(&world).await;
        world.settled().await;
        assert_eq!(world.receiver().request_count(), before + 2);
    }
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
}

#[tokio::test]
async fn g5_a_document_tried_again_keeps_its_version_and_a_new_one_gets_a_new_one() {
    let world = World::with_shop().await;
    world.stock_shop(1, 1).await;
    let config = world.config(&brisk_shop());
    world.receiver().rule_for_next(1, Paths::All, Behaviour::answer(429));
    world.receiver().rule_for_next(2, Paths::All, Behaviour::answer(503));
    let _engine = world.engine(&config);
    world.settled().await;
    world.sql("update orders set status = 'B'").await;
    world.settled().await;

    let requests = requests(world.receiver(), "/orders/1");
    let answers: Vec<Answer> = requests.iter().map(|request| request.answer).collect();
    assert_eq!(answers, [503, 503, 429, 201, 200].map(Answer::Status));
    let version = |at: usize| requests[at].version().unwrap();
    let key = |at: usize| requests[at].header("idempotency-key").unwrap();
    let trace = |at: usize| requests[at].header("x-correlation-id").unwrap();
    for retry in 1..4 {
        assert_eq!(
            (version(retry), key(retry), trace(retry)),
            (version(0), key(0), trace(0)),
            "try {retry}"
        );
    }
    assert!(version(4) > version(0));
    assert_ne!((key(4), trace(4)), (key(0), trace(0)));
}

/// A process that is stopped beyond its lease, with requests sent and more waiting, neither sends those nor records
/// the answers once it goes on.
#[tokio::test]
async fn g5_a_process_that_was_paused_beyond_its_lease_starts_and_finishes_nothing_under_it() {
    const ORDERS: u32 = 30;
    const CONCURRENCY: usize = 4;
    let world = World::with_shop().await;
    world.stock_shop(3, ORDERS).await;
    let config = world.config(&format!(
        "{SHOP}
         [engine]
         lease = \"10s\"
         [sinks.shop_api]
         timeout     = \"30s\"
         concurrency = {CONCURRENCY}
         retry       = {{ base = \"10ms\", max = \"100ms\" }}"
    ));
    let paused = world.engine(&config);
    world.settled().await;
    world.receiver().rule(Paths::All, Behaviour::Hold);
    world.sql("update orders set status = 'B'").await;
    let all_places = |ledger: &walsift::demo::Ledger| ledger.in_flight() == CONCURRENCY;
    world.receiver().wait_until(DEADLINE, all_places).await.unwrap();
    let claimed = format!("select count(*) = {ORDERS} from walsift.job where worker is not null");
    world.wait_until_true(&claimed).await;

    // Nothing of it is being sent at this moment, so nothing of it can be on its way when it goes on.
    paused.pause().await;
    world.receiver().clear_rules();
    let_go(&world).await;
    world.sql("update orders set status = 'C'").await;
    let other = world.engine(&config);
    let sent_by_the_other = ORDERS as usize * 2 + CONCURRENCY;
    world
        .receiver()
        .wait_for_requests(sent_by_the_other, DEADLINE)
        .await
        .unwrap();
    world.wait_until_true("select count(*) = 0 from walsift.job").await;
    paused.signal(Signal::CONT);
    world.sql("update customers set last_name = 'Lovelace'").await;
    world.settled().await;

    world.assert_converged(SHOP_ORDERS, "/orders/").await;
    assert_one_at_a_time(world.receiver());
    drop(other);
}
