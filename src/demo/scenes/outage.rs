//! The receiver is down for a while.

use std::time::{Duration, Instant};

use hyper::Method;
use tokio::time::sleep;

use super::{Failure, each_once, ensure};
use crate::demo::receiver::Request;
use crate::demo::shop;
use crate::demo::stage::{Stage, status_of};
use crate::demo::story::{Story, thousands};

const ORDERS: std::ops::RangeInclusive<u32> = 101..=160;

/// Transactions while it is down; each writes all of these orders.
const STEPS: u32 = 50;

/// Between two of them: the outage lasts for several tries of each delivery.
const PAUSE: Duration = Duration::from_millis(40);

struct Slot {
    confirmed: String,
    lag_bytes: i64,
}

pub(super) async fn receiver_down(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("The receiver is down, writes go on: nothing is lost, and no WAL piles up");
    let from = stage.receiver.request_count();
    stage.receiver.stop().await;
    let before = slot(stage).await?;
    story.wrote(&format!("{};  -- n from 1 to {STEPS}", step_sql("n")));
    for step in 1..STEPS {
        stage.write(&step_sql(&step.to_string())).await?;
        sleep(PAUSE).await;
    }
    // What the slot must pass while the receiver is still down; the last change tells the engine about it.
    let wal_end = stage.wal_end().await?;
    stage.write(&step_sql(&STEPS.to_string())).await?;
    stage.confirmed(&wal_end).await?;
    let (after, waiting) = (slot(stage).await?, stage.backlog().await?.jobs);
    let orders = ORDERS.count();
    ensure(usize::try_from(waiting).is_ok_and(|waiting| waiting == orders), || {
        format!("wanted one waiting job for each of {orders} orders, there are {waiting}")
    })?;
    story.note(
        "slot",
        format!(
            "confirmed {} → {}, {} KiB behind, while {waiting} jobs wait",
            before.confirmed,
            after.confirmed,
            after.lag_bytes / 1024
        ),
    );

    stage.receiver.start().await?;
    let back = Instant::now();
    let requests = stage.settle(from).await?;
    each_once(&requests, &Method::PUT, ORDERS)?;
    let newest = format!("step {STEPS}");
    let is_newest = |request: &Request| status_of(&request.body).as_deref() == Some(newest.as_str());
    ensure(requests.iter().all(is_newest), || {
        "something older than the last step was sent".to_owned()
    })?;
    shop::compare(&stage.client, &stage.receiver).await?;
    story.sent(format!("PUT /orders/{} … PUT /orders/{}", ORDERS.start(), ORDERS.end()));
    let last = requests.iter().map(|request| request.arrived).max().unwrap_or(back);
    story.proved(format!(
        "{} updates, {} requests: each order once, as it is now, within {:.1} s of the return",
        thousands(u64::from(STEPS) * requests.len() as u64),
        requests.len(),
        last.saturating_duration_since(back).as_secs_f64()
    ));
    Ok(())
}

fn step_sql(step: &str) -> String {
    let (first, last) = (ORDERS.start(), ORDERS.end());
    let status = if step == "n" {
        "'step ' || n".to_owned()
    } else {
        format!("'step {step}'")
    };
    format!("update orders set status = {status} where id between {first} and {last}")
}

async fn slot(stage: &Stage) -> Result<Slot, Failure> {
    let row = stage
        .client
        .query_one(include_str!("../../../sql/demo/slot.sql"), &[])
        .await?;
    Ok(Slot {
        confirmed: row.get("confirmed"),
        lag_bytes: row.get("lag_bytes"),
    })
}
