//! Ending jobs without doing them.

use super::holders::hold;
use super::outcome::{Answer, Outcome};
use super::states::states;
use crate::pg;
use crate::queue::JobId;

/// Pending jobs become finished ones, kept with their tries. The change that a job stands for is not sent, unless the subject
/// changes again; if nobody knows what the sink holds, that stays known. Running jobs cannot be taken from their workers. All
/// in one commit.
pub async fn cancel(client: &mut pg::Client, jobs: &[JobId]) -> Result<Vec<Answer>, pg::Error> {
    let tx = client.transaction().await?;
    let held = hold(&tx, jobs).await?;
    tx.execute(include_str!("../../sql/operate/cancel.sql"), &[&held.free()])
        .await?;
    let found = held.outcomes(Outcome::Canceled);
    tx.commit().await?;
    let rest: Vec<JobId> = jobs.iter().filter(|job| !found.contains_key(job)).copied().collect();
    let states = states(client, &rest).await?;
    let outcome = |job| match (found.get(&job), states.get(&job)) {
        (Some(outcome), _) => *outcome,
        (None, Some(known)) => Outcome::Over { state: known.state },
        (None, None) => Outcome::Unknown,
    };
    let answers = jobs.iter().map(|&asked| Answer {
        asked,
        outcome: outcome(asked),
    });
    Ok(answers.collect())
}
