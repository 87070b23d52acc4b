//! Doing again what is over, or at once what waits.
//!
//! Jobs that are over stay as they are: a new one is made, which builds again and sends what is true now.

use std::collections::HashMap;

use super::holders::hold;
use super::outcome::{Answer, Outcome};
use super::selection::State;
use super::states::{Known, states};
use crate::pg;
use crate::queue::{JobId, Priority};

/// What may be tried again.
pub(super) const RETRIED: [State; 3] = [State::Failed, State::Dead, State::Canceled];

/// What may be sent again.
pub(super) const REPLAYED: [State; 4] = [State::Succeeded, State::Failed, State::Dead, State::Canceled];

/// Pending jobs become due now. Those that failed, are dead or were canceled are followed by a new job of this priority, which
/// sends what is true now if that differs from what the sink holds. All in two commits.
pub async fn retry(client: &mut pg::Client, jobs: &[JobId], priority: Priority) -> Result<Vec<Answer>, pg::Error> {
    let mut found = make_due(client, jobs).await?;
    let again = Again {
        states: &RETRIED,
        forced: false,
        attempt: None,
        priority,
    };
    let over: Vec<JobId> = jobs.iter().filter(|job| !found.contains_key(job)).copied().collect();
    found.extend(take_up(client, &over, &again).await?);
    answer(client, jobs, &found, |known| Outcome::Over { state: known.state }).await
}

/// Jobs that are over are followed by a new one of this priority, which sends what is true now even if the sink holds it already.
/// It is linked to the try of this number, or to the last one.
pub async fn replay(
    client: &mut pg::Client,
    jobs: &[JobId],
    attempt: Option<u16>,
    priority: Priority,
) -> Result<Vec<Answer>, pg::Error> {
    let again = Again {
        states: &REPLAYED,
        forced: true,
        attempt,
        priority,
    };
    let found = take_up(client, jobs, &again).await?;
    // What is over and was not taken up is so for the want of that try.
    answer(client, jobs, &found, |_| Outcome::NoAttempt).await
}

/// How jobs are taken up.
struct Again<'a> {
    states: &'a [State],
    forced: bool,
    /// `None` for the last.
    attempt: Option<u16>,
    priority: Priority,
}

type Found = HashMap<JobId, Outcome>;

async fn make_due(client: &mut pg::Client, jobs: &[JobId]) -> Result<Found, pg::Error> {
    let tx = client.transaction().await?;
    let held = hold(&tx, jobs).await?;
    tx.execute(include_str!("../../sql/operate/make_due.sql"), &[&held.free()])
        .await?;
    let found = held.outcomes(Outcome::Due);
    tx.commit().await?;
    Ok(found)
}

async fn take_up(client: &mut pg::Client, jobs: &[JobId], again: &Again<'_>) -> Result<Found, pg::Error> {
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let states: Vec<&str> = again.states.iter().map(|state| state.as_str()).collect();
    let attempt = again.attempt.map(|number| i16::try_from(number).unwrap_or(i16::MAX));
    let sql = include_str!("../../sql/operate/take_up.sql");
    let linked_to_try = again.forced;
    let priority = again.priority.number();
    let rows = client
        .query(
            sql,
            &[&ids, &states, &again.forced, &linked_to_try, &attempt, &priority],
        )
        .await?;
    let outcome = |row: &tokio_postgres::Row| {
        let job = JobId(row.get("job"));
        if row.get("is_new") {
            Outcome::Enqueued { job }
        } else {
            Outcome::Active { job }
        }
    };
    Ok(rows.iter().map(|row| (JobId(row.get("id")), outcome(row))).collect())
}

/// In the order of `jobs`; `left_over` for those that are over and were not found.
async fn answer(
    client: &pg::Client,
    jobs: &[JobId],
    found: &Found,
    left_over: impl Fn(Known) -> Outcome,
) -> Result<Vec<Answer>, pg::Error> {
    let rest: Vec<JobId> = jobs.iter().filter(|job| !found.contains_key(job)).copied().collect();
    let states = states(client, &rest).await?;
    let outcome = |job: JobId| match (found.get(&job), states.get(&job)) {
        (Some(outcome), _) => *outcome,
        (None, Some(known)) if known.active => Outcome::Active { job },
        (None, Some(known)) => left_over(*known),
        (None, None) => Outcome::Unknown,
    };
    let answers = jobs.iter().map(|&asked| Answer {
        asked,
        outcome: outcome(asked),
    });
    Ok(answers.collect())
}
