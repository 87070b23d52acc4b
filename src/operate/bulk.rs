//! The same done to all jobs of a filter.

use std::collections::BTreeMap;

use super::list::{Order, Page, list};
use super::outcome::Answer;
use super::selection::{Filter, Selection, State};
use super::take_up::{REPLAYED, replay, retry};
use super::{cancel, purge};
use crate::pg;
use crate::queue::{JobId, Priority};

/// Most jobs in one commit.
const BATCH: u32 = 500;

/// What is done to many jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Retry,
    Replay,
    Cancel,
    Purge,
}

/// How many jobs are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    pub jobs: i64,
    /// The last one of them: what is made later is not meant.
    newest: JobId,
}

/// How many jobs came to what, by [`super::Outcome::as_str`], or `purged`.
pub type Tally = BTreeMap<&'static str, u64>;

impl Verb {
    /// The states of jobs to which it can be done.
    pub fn states(self) -> &'static [State] {
        match self {
            Verb::Retry => &[State::Pending, State::Failed, State::Dead, State::Canceled],
            Verb::Replay | Verb::Purge => &REPLAYED,
            Verb::Cancel => &[State::Pending, State::Running],
        }
    }

    /// The filter with what goes without saying: the states to which it can be done, and to try again nothing that was given up by
    /// a person or closed by something newer.
    pub fn narrow(self, filter: &Filter) -> Filter {
        let mut narrow = filter.clone();
        if narrow.states.is_empty() {
            let is_meant = |state: &State| self != Verb::Retry || *state != State::Canceled;
            narrow.states = self.states().iter().copied().filter(is_meant).collect();
        }
        if self == Verb::Retry {
            narrow.superseded = narrow.superseded.or(Some(false));
        }
        narrow
    }
}

/// How many jobs a selection has.
pub async fn matched(client: &pg::Client, selection: &Selection) -> Result<Matched, pg::Error> {
    let sql = include_str!("../../sql/operate/count.sql");
    let row = client.query_one(sql, &selection.parameters()).await?;
    Ok(Matched {
        jobs: row.get("jobs"),
        newest: JobId(row.get("newest")),
    })
}

/// Does it to all jobs that were counted, as far as they still match, in batches. New jobs are done below all others.
pub async fn apply(
    client: &mut pg::Client,
    verb: Verb,
    selection: &Selection,
    matched: Matched,
) -> Result<Tally, pg::Error> {
    let mut tally = Tally::new();
    let mut after = None;
    loop {
        let page = Page {
            order: Order::OldestFirst,
            after,
            newest: Some(matched.newest),
            most: BATCH,
        };
        let listed = list(client, selection, page).await?;
        let jobs: Vec<JobId> = listed.jobs.iter().map(|job| job.id).collect();
        step(client, verb, &jobs, &mut tally).await?;
        match listed.next {
            Some(next) => after = Some(next),
            None => return Ok(tally),
        }
    }
}

async fn step(client: &mut pg::Client, verb: Verb, jobs: &[JobId], tally: &mut Tally) -> Result<(), pg::Error> {
    let answers: Vec<Answer> = match verb {
        Verb::Retry => retry(client, jobs, Priority::Bulk).await?,
        Verb::Replay => replay(client, jobs, None, Priority::Bulk).await?,
        Verb::Cancel => cancel(client, jobs).await?,
        Verb::Purge => {
            count(tally, "purged", purge(client, jobs).await?);
            return Ok(());
        }
    };
    for answer in answers {
        count(tally, answer.outcome.as_str(), 1);
    }
    Ok(())
}

fn count(tally: &mut Tally, name: &'static str, more: usize) {
    if more > 0 {
        *tally.entry(name).or_default() += more as u64;
    }
}
