//! The engine dies in the middle of its work.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Failure, ensure};
use crate::demo::receiver::{Answer, Behaviour, Paths};
use crate::demo::shop;
use crate::demo::stage::{Stage, WITHIN};
use crate::demo::story::Story;

/// Steps of the burst while the first engine lives, while none does, and while the second does.
const BEFORE: RangeInclusive<i32> = 1..=100;
const BETWEEN: RangeInclusive<i32> = 101..=150;
const AFTER: RangeInclusive<i32> = 151..=200;

/// A receiver that takes its time, so that there is work in hand to be killed in.
const ANSWER_AFTER: Duration = Duration::from_millis(20);

/// Requests of the burst before the engine is killed.
const REQUESTS: usize = 100;

pub(super) async fn engine_killed(stage: &mut Stage, story: &mut Story) -> Result<(), Failure> {
    story.scene("kill -9 in the middle of a burst: receiver and database agree in the end");
    story.note(
        "wrote",
        "200 transactions: orders placed, paid and cancelled, lines moved, customers renamed",
    );
    let from = stage.receiver.request_count();
    stage.receiver.rule(Paths::All, Behaviour::Slow(ANSWER_AFTER));
    burst(stage, BEFORE).await?;
    let under_way = stage.receiver.wait_until(WITHIN, |ledger| {
        ledger.journal().len() >= from + REQUESTS && ledger.in_flight() > 0
    });
    under_way.await?;
    stage.kill_engine()?;
    stage
        .receiver
        .wait_until(WITHIN, |ledger| ledger.in_flight() == 0)
        .await?;
    let (sent, unanswered) = stage.receiver.look(|ledger| {
        let since = ledger.journal().iter().skip(from);
        let unanswered = since.clone().filter(|request| request.answer == Answer::Nothing);
        (since.clone().count(), unanswered.count())
    });
    let backlog = stage.backlog().await?;
    ensure(backlog.held > 0, || {
        "the engine had nothing in hand when it was killed".to_owned()
    })?;
    burst(stage, BETWEEN).await?;
    story.note(
        "kill",
        format!(
            "after {sent} requests, {unanswered} of them unanswered, {} jobs in hand; the writes go on",
            backlog.held
        ),
    );

    stage.start_engine().await?;
    burst(stage, AFTER).await?;
    stage.receiver.clear_rules();
    stage.settle(from).await?;
    let total = stage.receiver.request_count() - from;
    story.note(
        "run",
        format!("again: {} more requests; what was in hand is sent again", total - sent),
    );
    let documents = shop::compare(&stage.client, &stage.receiver).await?;
    story.proved(format!(
        "{documents} orders in the database, {documents} equal documents at the receiver, none left over"
    ));
    Ok(())
}

async fn burst(stage: &Stage, steps: RangeInclusive<i32>) -> Result<(), Failure> {
    let statement = stage
        .client
        .prepare(include_str!("../../../sql/demo/burst.sql"))
        .await?;
    for step in steps {
        stage.client.execute(&statement, &[&step]).await?;
    }
    Ok(())
}
