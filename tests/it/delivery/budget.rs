//! Which attempts use up a job's budget.

use std::time::Duration;

use walsift::publish::Remote;
use walsift::record::Ending;

use super::desk::Desk;

fn retry(spared: bool) -> Ending {
    Ending::Retry {
        after: Duration::ZERO,
        certain: true,
        sent: None,
        spared,
    }
}

fn released() -> Ending {
    Ending::Released { after: Duration::ZERO }
}

#[tokio::test]
async fn a_spared_attempt_is_on_record_and_uses_up_nothing() {
    let desk = Desk::new().await;
    for (spared, attempts, spared_in_all, next_try) in
        [(true, 1, 1, 1), (false, 2, 1, 2), (true, 3, 2, 2), (false, 4, 2, 3)]
    {
        let job = desk.claim("42").await;
        desk.settle_tried(&job, retry(spared), Remote::Same).await;
        let job = desk.claim("42").await;
        desk.settle(&job, released(), Remote::Same).await;
        assert_eq!(
            (job.attempts, job.spared, job.next_try()),
            (attempts, spared_in_all, next_try)
        );
    }
    let numbers = "select array_agg(number order by number) = '{1,2,3,4}' from walsift.attempt";
    assert!(desk.world.value::<bool>(numbers).await);
}

/// A sink that is down for weeks: there are only so many numbers.
#[tokio::test]
async fn attempts_beyond_what_can_be_numbered_are_no_error() {
    let desk = Desk::new().await;
    let job = desk.claim("42").await;
    desk.settle(&job, retry(true), Remote::Same).await;
    desk.world
        .sql("update walsift.job set attempts = 32766, spared = 32765")
        .await;
    for _ in 0..3 {
        let job = desk.claim("42").await;
        desk.settle_tried(&job, retry(true), Remote::Same).await;
    }
    let job = desk.claim("42").await;
    assert_eq!((job.attempts, job.spared), (32_767, 32_767));
    assert_eq!(
        desk.world.value::<i16>("select number from walsift.attempt").await,
        32_767
    );
}
