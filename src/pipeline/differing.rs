//! What would be sent now, and why, without sending anything: what the source yields against what each sink accepted last.
//!
//! ```text
//! known to the state ─┐                                    ┌─▶ differs ─▶ once more ─▶ differs still: told
//!                     ├─▶ built, and compared by the verdict┤
//! new in the source ──┘                                    └─▶ unchanged: counted
//! ```
//!
//! What changes or is delivered meanwhile is no difference: whatever differs is built and looked up again before it is told.
//!
//! Not promised: a moment that all of it is true of. It goes on beside live changes, a page at a time.

use std::collections::HashMap;

use serde::Serialize;

use super::databases::Databases;
use super::lookup::LookupError;
use super::prepare::Prepared;
use super::subjects;
use crate::build::{self, BuildError, Built, Ignored};
use crate::config::Sync;
use crate::diff::{self, Difference, Operation, Verdict, differences, verdict};
use crate::mapping::SubjectKey;
use crate::operate::{Kept, standings};
use crate::pg;
use crate::queue::{self, JobId, RouteId};
use crate::record;

/// Subjects that are compared at a time.
const PAGE_SUBJECTS: usize = 500;

/// Which subjects are compared.
#[derive(Debug, Clone)]
pub enum Wanted {
    Keys(Vec<SubjectKey>),
    /// So many of those that the source has, from all over.
    Sample(usize),
    /// Those that the state knows, and those that the source has.
    All,
}

/// How a subject comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    Unchanged,
    Changed,
    /// The sink never accepted anything of it, or a delete last.
    New,
    /// The sink has a document of it, and the source has not.
    Gone,
    /// Nobody knows what the sink holds.
    Unknown,
    /// It cannot be built.
    Failed,
}

/// A subject that is not unchanged.
#[derive(Debug, Clone, Serialize)]
pub struct Differing {
    pub sync: String,
    pub sink: String,
    /// As it is stored.
    pub key: String,
    pub found: Found,
    /// Where it differs from the document that was accepted last; `None` where that is not kept.
    pub differences: Option<Vec<Difference>>,
    /// Why it cannot be built.
    pub error: Option<String>,
    /// The active job, which will send it.
    pub job: Option<JobId>,
}

/// Of one sink.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counts {
    pub sync: String,
    pub sink: String,
    pub subjects: u64,
    pub unchanged: u64,
    pub changed: u64,
    pub new: u64,
    pub gone: u64,
    pub unknown: u64,
    pub failed: u64,
    /// Those that differ and have a job already.
    pub with_jobs: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    #[error("cannot reach the source")]
    Source(#[source] pg::ConnectError),
    #[error("cannot reach the database with the state")]
    State(#[source] pg::ConnectError),
    #[error(transparent)]
    Postgres(#[from] pg::Error),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("the source cannot say which subjects there are: {0}")]
    Pages(String),
}

impl From<LookupError> for DiffError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Statement(reason) => Self::Pages(reason),
            LookupError::Connection(error) => Self::Postgres(error),
            LookupError::Unreachable(error) => Self::Source(error),
        }
    }
}

/// What is asked: one sync, which was prepared alone, and one of its sinks.
#[derive(Debug)]
pub struct Question<'a> {
    pub databases: &'a Databases,
    pub prepared: &'a Prepared,
    pub sync: &'a Sync,
    pub sink: &'a str,
}

/// Hears of each subject that differs.
pub type Tell<'a> = dyn FnMut(Differing) + Send + std::marker::Sync + 'a;

/// Compares, and hands each subject that differs to `tell` as soon as it is known. Writes nothing.
pub async fn differing(question: &Question<'_>, wanted: &Wanted, tell: &mut Tell<'_>) -> Result<Counts, DiffError> {
    let databases = question.databases;
    let source = databases.source.get().await.map_err(DiffError::Source)?;
    source.batch_execute("set default_transaction_read_only = on").await?;
    let state = databases.state.get().await.map_err(DiffError::State)?;
    let route = route(&state, &question.sync.name, question.sink).await?;
    let mut differ = Differ {
        question,
        ignored: Ignored::new(&question.sync.ignore),
        source: &source,
        state: &state,
        counts: Counts {
            sync: question.sync.name.clone(),
            sink: question.sink.to_owned(),
            ..Counts::default()
        },
        tell,
    };
    match wanted {
        Wanted::Keys(keys) => differ.compare(keys).await?,
        Wanted::Sample(size) => {
            let (prepared, sync) = (question.prepared, question.sync);
            let sample = subjects::sample(&source, sync, &prepared.plans[0], &prepared.catalog, *size);
            let (keys, _) = sample.await?;
            differ.compare(&keys).await?;
        }
        Wanted::All => {
            if let Some(route) = route {
                differ.known(route).await?;
            }
            differ.unknown().await?;
        }
    }
    Ok(differ.counts)
}

/// `None` where the sync has never run into this sink: nothing is known then.
async fn route(state: &pg::Client, sync: &str, sink: &str) -> Result<Option<RouteId>, pg::Error> {
    let routes = queue::routes(&***state).await?;
    let route = routes.iter().find(|route| route.sync == sync && route.sink == sink);
    Ok(route.map(|route| route.id))
}

struct Differ<'a, 'b> {
    question: &'a Question<'a>,
    ignored: Ignored,
    source: &'a pg::Client,
    state: &'a pg::Client,
    counts: Counts,
    tell: &'a mut Tell<'b>,
}

impl Differ<'_, '_> {
    /// All that the sink may hold.
    async fn known(&mut self, route: RouteId) -> Result<(), DiffError> {
        let mut last_key = None;
        loop {
            let most = i64::try_from(PAGE_SUBJECTS).unwrap_or(i64::MAX);
            let keys = queue::known_page(self.state, route, last_key.as_ref(), most).await?;
            self.compare(&keys).await?;
            if keys.len() < PAGE_SUBJECTS {
                return Ok(());
            }
            last_key = keys.last().cloned();
        }
    }

    /// All that the source has and the sink never heard of.
    async fn unknown(&mut self) -> Result<(), DiffError> {
        let plan = &self.question.prepared.plans[0];
        let mut last_key = None;
        loop {
            let keys = subjects::page(self.source, plan, last_key.as_ref(), PAGE_SUBJECTS).await?;
            let known = self.standings(&keys).await?;
            let is_new = |key: &&SubjectKey| {
                known
                    .get(*key)
                    .is_none_or(|kept| kept.accepted.is_none() && kept.job.is_none())
            };
            let new: Vec<SubjectKey> = keys.iter().filter(is_new).cloned().collect();
            self.compare(&new).await?;
            if keys.len() < PAGE_SUBJECTS {
                return Ok(());
            }
            last_key = keys.last().cloned();
        }
    }

    async fn compare(&mut self, keys: &[SubjectKey]) -> Result<(), DiffError> {
        for part in keys.chunks(PAGE_SUBJECTS) {
            let (differing, unchanged) = self.look(part).await?;
            let again: Vec<SubjectKey> = differing.into_iter().map(|(key, _)| key).collect();
            let (differing, settled) = self.look(&again).await?;
            self.counts.subjects += part.len() as u64;
            self.counts.unchanged += unchanged + settled;
            for (_, differing) in differing {
                self.counts.add(&differing);
                (self.tell)(differing);
            }
        }
        Ok(())
    }

    /// Those that differ at present, and how many do not.
    async fn look(&self, keys: &[SubjectKey]) -> Result<(Vec<(SubjectKey, Differing)>, u64), DiffError> {
        if keys.is_empty() {
            return Ok((Vec::new(), 0));
        }
        // In this order: what is delivered after the first is seen to differ, and looked at again.
        let kept = self.standings(keys).await?;
        let built = build::build(self.source, &self.question.prepared.plans[0], &self.ignored, keys).await?;
        let mut differing = Vec::new();
        for (key, built) in keys.iter().zip(&built) {
            let kept = kept.get(key).expect("a row for each key");
            let found = self.found(built, kept);
            if found != Found::Unchanged {
                differing.push((key.clone(), self.differing(key, found, built, kept)));
            }
        }
        let unchanged = (keys.len() - differing.len()) as u64;
        Ok((differing, unchanged))
    }

    async fn standings(&self, keys: &[SubjectKey]) -> Result<HashMap<SubjectKey, Kept>, DiffError> {
        Ok(standings(self.state, &self.question.sync.name, self.question.sink, keys).await?)
    }

    fn found(&self, built: &Built, kept: &Kept) -> Found {
        let compared = match built {
            Built::Document(document) => diff::Built::Document(document.digest),
            Built::Gone => diff::Built::Gone,
            Built::Failed(_) => return Found::Failed,
        };
        let accepted = kept.accepted.map(|(accepted, _)| accepted);
        let deletes = self.question.sync.deletes;
        let is_void = accepted.is_some_and(|accepted| accepted.digest.is_none());
        match verdict(compared, deletes, accepted, kept.uncertain, false) {
            Verdict::Suppress(_) => Found::Unchanged,
            Verdict::Send(_) if is_void || kept.uncertain => Found::Unknown,
            Verdict::Send(Operation::Delete) => Found::Gone,
            Verdict::Send(Operation::Upsert) if has_document(kept) => Found::Changed,
            Verdict::Send(Operation::Upsert) => Found::New,
        }
    }

    fn differing(&self, key: &SubjectKey, found: Found, built: &Built, kept: &Kept) -> Differing {
        let (differences, error) = match built {
            Built::Document(document) => (self.differences(&document.text, kept), None),
            Built::Gone => (None, None),
            Built::Failed(reason) => (None, Some(reason.clone())),
        };
        Differing {
            sync: self.question.sync.name.clone(),
            sink: self.question.sink.to_owned(),
            key: key.as_str().to_owned(),
            found,
            differences,
            error,
            job: kept.job,
        }
    }

    fn differences(&self, document: &str, kept: &Kept) -> Option<Vec<Difference>> {
        let before = record::unpack(kept.packed.as_deref()?).ok()?;
        Some(differences(&before, document, &self.question.sync.ignore))
    }
}

/// Whether a document is what the sink accepted last.
fn has_document(kept: &Kept) -> bool {
    let digest = kept.accepted.and_then(|(accepted, _)| accepted.digest);
    digest.is_some_and(|digest| digest != build::Digest::GONE)
}

impl Counts {
    fn add(&mut self, differing: &Differing) {
        let count = match differing.found {
            Found::Unchanged => &mut self.unchanged,
            Found::Changed => &mut self.changed,
            Found::New => &mut self.new,
            Found::Gone => &mut self.gone,
            Found::Unknown => &mut self.unknown,
            Found::Failed => &mut self.failed,
        };
        *count += 1;
        self.with_jobs += u64::from(differing.job.is_some());
    }
}
