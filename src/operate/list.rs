//! Jobs, a page at a time.

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::Timestamp;
use super::selection::{Selection, State};
use crate::pg;
use crate::queue::{Correlation, JobId};

/// A job, active or finished, with the error of its last try.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    pub id: JobId,
    pub correlation: String,
    pub sync: String,
    pub sink: String,
    /// As it is stored.
    pub key: String,
    pub state: State,
    /// Of a pending job, the failed ones so far; of a finished one, all.
    pub attempts: i16,
    /// A person asked for it.
    pub asked: bool,
    /// Sent even if it is equal.
    pub forced: bool,
    pub replay_of: Option<JobId>,
    pub replay_attempt: Option<i16>,
    /// When the oldest change was committed that it stands for; `None` if no change caused it.
    pub changed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// When an active job is due.
    pub run_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Why nothing was sent in the end, if nothing was.
    pub suppressed: Option<String>,
    /// When a delivery of something newer closed it.
    pub superseded_at: Option<Timestamp>,
    pub superseded_by: Option<JobId>,
    /// Of the last try, where that failed.
    pub class: Option<String>,
    pub status: Option<i16>,
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    NewestFirst,
    OldestFirst,
}

/// What part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub order: Order,
    /// Goes on after this job, in the order wanted.
    pub after: Option<JobId>,
    /// None newer than this one.
    pub newest: Option<JobId>,
    pub most: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct PageOf {
    pub jobs: Vec<Listed>,
    /// After which job the next page begins; `None` on the last one.
    pub next: Option<JobId>,
}

/// A page of jobs, active and finished, in the order in which they were made.
pub async fn list(client: &pg::Client, selection: &Selection, page: Page) -> Result<PageOf, pg::Error> {
    let above = page.after.filter(|_| page.order == Order::OldestFirst);
    let below = page.after.filter(|_| page.order == Order::NewestFirst);
    let above = above.map_or(i64::MIN, |job| job.0);
    let newest = page.newest.map_or(i64::MAX, |job| job.0.saturating_add(1));
    let below = below.map_or(newest, |job| job.0.min(newest));
    let newest_first = page.order == Order::NewestFirst;
    // One more tells whether there is a next page.
    let most = i64::from(page.most) + 1;
    let mut parameters = selection.parameters();
    parameters.extend([&above as &(dyn ToSql + Sync), &below, &newest_first, &most]);
    let rows = client
        .query(include_str!("../../sql/operate/list.sql"), &parameters)
        .await?;
    let mut jobs: Vec<Listed> = rows.iter().map(Listed::read).collect();
    let most = usize::try_from(page.most).unwrap_or(usize::MAX);
    let has_more = jobs.len() > most;
    jobs.truncate(most);
    let next = jobs.last().map(|job| job.id).filter(|_| has_more);
    Ok(PageOf { jobs, next })
}

impl Listed {
    pub(super) fn read(row: &Row) -> Self {
        let job = |name| row.get::<_, Option<i64>>(name).map(JobId);
        let time = |name| row.get::<_, Option<_>>(name).map(Timestamp);
        let (id, created_at) = (JobId(row.get("id")), row.get("created_at"));
        Self {
            id,
            correlation: Correlation::new(id, created_at).to_string(),
            sync: row.get("sync"),
            sink: row.get("sink"),
            key: row.get("key"),
            state: State::from_stored(row.get("state")),
            attempts: row.get("attempts"),
            asked: row.get("asked"),
            forced: row.get("forced"),
            replay_of: job("replay_of"),
            replay_attempt: row.get("replay_attempt"),
            changed_at: time("changed_at"),
            created_at: Timestamp(created_at),
            run_at: time("run_at"),
            finished_at: time("finished_at"),
            suppressed: row.get("suppressed"),
            superseded_at: time("superseded_at"),
            superseded_by: job("superseded_by"),
            class: row.get("class"),
            status: row.get("status"),
            message: row.get("message"),
        }
    }
}
