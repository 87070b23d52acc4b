//! Trying again: as late as the other side asks, later each time, and not for ever.

use std::time::Duration;

use walsift::demo::{Answer, Behaviour, Paths};

use super::journal::requests;
use crate::world::{SHOP, SHOP_ORDERS, World};

/// One order, and the times between the requests for it once all is settled.
async fn gaps(world: &World, sink: &str) -> Vec<Duration> {
    world.stock_shop(1, 1).await;
    let config = world.config(&format!("{SHOP}\n[sinks.shop_api]\n{sink}"));
    let _engine = world.engine(&config);
    world.settled().await;
    let requests = requests(world.receiver(), "/orders/1");
    let pairs = requests.windows(2);
    pairs.map(|pair| pair[1].arrived - pair[0].finished.unwrap()).collect()
}

fn busy(status: u16, seconds: u32) -> Behaviour {
    Behaviour::Answer {
        status,
        headers: vec![("Retry-After".to_owned(), seconds.to_string())],
        body: String::new(),
    }
}

#[tokio::test]
async fn retry_after_is_honoured_with_a_503() {
    let world = World::with_shop().await;
    world.receiver().rule_for_next(1, Paths::All, busy(503, 2));
    let gaps = gaps(&world, "retry = { base = \"10ms\", max = \"20ms\" }").await;
    assert_eq!(gaps.len(), 1);
    assert!(gaps[0] >= Duration::from_secs(2), "{gaps:?}");
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn retry_after_is_honoured_with_a_429_each_time() {
    let world = World::with_shop().await;
    world.receiver().rule_for_next(2, Paths::All, busy(429, 1));
    let gaps = gaps(&world, "retry = { base = \"10ms\", max = \"20ms\" }").await;
    assert_eq!(gaps.len(), 2);
    assert!(gaps.iter().all(|gap| *gap >= Duration::from_secs(1)), "{gaps:?}");
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn retries_come_later_each_time() {
    let world = World::with_shop().await;
    world.receiver().rule_for_next(5, Paths::All, Behaviour::answer(503));
    let gaps = gaps(&world, "retry = { base = \"100ms\", max = \"1s\" }").await;
    assert_eq!(gaps.len(), 5);
    for (n, gap) in gaps.iter().enumerate() {
        let least = Duration::from_millis(50 * (1 << n)).min(Duration::from_millis(500));
        assert!(*gap >= least, "wait {n} of {gaps:?} is shorter than {least:?}");
    }
    world.assert_converged(SHOP_ORDERS, "/orders/").await;
}

#[tokio::test]
async fn retries_end_with_a_dead_letter_that_keeps_its_attempts() {
    let world = World::with_shop().await;
    world.receiver().rule(Paths::All, Behaviour::answer(503));
    let gaps = gaps(&world, "retry = { attempts = 3, base = \"10ms\", max = \"20ms\" }").await;
    assert_eq!(gaps.len(), 2);
    let job = world
        .query_one("select id, state, attempts from walsift.finished_job", &[])
        .await;
    assert_eq!((job.get::<_, &str>(1), job.get::<_, i16>(2)), ("dead", 3));
    let attempts = world
        .query(
            "select number, outcome, class, status, certain, operation, version, started_at <= finished_at
               from walsift.attempt where job = $1 order by number",
            &[&job.get::<_, i64>(0)],
        )
        .await;
    let sent = requests(world.receiver(), "/orders/1");
    assert_eq!(attempts.len(), 3);
    for (at, attempt) in attempts.iter().enumerate() {
        let numbers: (i16, i16, i64) = (attempt.get(0), attempt.get(3), attempt.get(6));
        assert_eq!(
            numbers,
            (i16::try_from(at + 1).unwrap(), 503, sent[at].version().unwrap())
        );
        let words: (&str, &str, &str) = (attempt.get(1), attempt.get(2), attempt.get(5));
        assert_eq!(words, ("retry", "server_error", "upsert"));
        assert_eq!((attempt.get(4), attempt.get(7)), (false, true));
        assert_eq!(sent[at].answer, Answer::Status(503));
    }
}

/// A success after failures is worth its story, too.
#[tokio::test]
async fn retries_that_succeed_in_the_end_keep_their_attempts() {
    let world = World::with_shop().await;
    world.receiver().rule_for_next(2, Paths::All, Behaviour::answer(429));
    gaps(&world, "retry = { base = \"10ms\", max = \"20ms\" }").await;
    let job = world
        .query_one("select state, attempts from walsift.finished_job", &[])
        .await;
    assert_eq!((job.get::<_, &str>(0), job.get::<_, i16>(1)), ("succeeded", 3));
    let outcomes = world
        .query("select outcome from walsift.attempt order by number", &[])
        .await;
    let outcomes: Vec<&str> = outcomes.iter().map(|row| row.get(0)).collect();
    assert_eq!(outcomes, ["retry", "retry", "delivered"]);
}
