//! A look at some subjects of one route: what the source yields now against what the sink accepted last.

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
use crate::plan::SyncPlan;
use crate::queue::{self, RouteId};
use crate::record;

/// Subjects that are looked at together.
pub(super) const PAGE_SUBJECTS: usize = 500;

/// What is asked: one sync, which was prepared alone, and one of its sinks.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub databases: &'a Databases,
    pub prepared: &'a Prepared,
    pub sync: &'a Sync,
    pub sink: &'a str,
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

/// One subject, as it was seen.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub key: SubjectKey,
    pub kept: Kept,
    pub built: Built,
    pub found: Found,
}

/// A page of subjects of the source.
pub(super) struct SourcePage {
    /// Those that the sink never heard of.
    pub new: Vec<SubjectKey>,
    /// How many there were in all.
    pub subjects: usize,
    pub last_key: Option<SubjectKey>,
}

/// Looks. Holds a session on the source that writes nothing, and one on the state.
pub(super) struct Looker<'a> {
    pub question: Question<'a>,
    /// `None` where the sync has never run into this sink: nothing is known then.
    pub route: Option<RouteId>,
    pub ignored: Ignored,
    pub source: pg::Client,
    pub state: pg::Client,
}

impl<'a> Looker<'a> {
    pub async fn open(question: Question<'a>) -> Result<Self, DiffError> {
        let databases = question.databases;
        let source = databases.source.get().await.map_err(DiffError::Source)?;
        source.batch_execute("set default_transaction_read_only = on").await?;
        let state = databases.state.get().await.map_err(DiffError::State)?;
        let routes = queue::routes(&**state).await?;
        let mut routes = routes.iter();
        let route = routes.find(|route| route.sync == question.sync.name && route.sink == question.sink);
        Ok(Self {
            question,
            route: route.map(|route| route.id),
            ignored: Ignored::new(&question.sync.ignore),
            source,
            state,
        })
    }

    pub fn plan(&self) -> &'a SyncPlan {
        &self.question.prepared.plans[0]
    }

    /// One for each key, in the same order. The state first: what is delivered after that is seen to differ, and to be looked at
    /// again.
    pub async fn look(&self, keys: &[SubjectKey]) -> Result<Vec<Look>, DiffError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let kept = self.standings(keys).await?;
        let built = build::build(&self.source, self.plan(), &self.ignored, keys).await?;
        let looks = keys.iter().zip(built).map(|(key, built)| {
            let kept = kept.get(key).cloned().expect("a row for each key");
            let found = self.found(&built, &kept);
            Look {
                key: key.clone(),
                kept,
                built,
                found,
            }
        });
        Ok(looks.collect())
    }

    /// Up to `most` of all that the sink may hold, after `last_key`.
    pub async fn known_page(&self, last_key: Option<&SubjectKey>, most: usize) -> Result<Vec<SubjectKey>, DiffError> {
        let Some(route) = self.route else {
            return Ok(Vec::new());
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(queue::known_page(&self.state, route, last_key, most).await?)
    }

    /// Up to `most` of what the source has, after `last_key`.
    pub async fn source_page(&self, last_key: Option<&SubjectKey>, most: usize) -> Result<SourcePage, DiffError> {
        let keys = subjects::page(&self.source, self.plan(), last_key, most).await?;
        let known = self.standings(&keys).await?;
        let is_new = |key: &&SubjectKey| known.get(*key).is_none_or(|kept| !is_known(kept));
        Ok(SourcePage {
            new: keys.iter().filter(is_new).cloned().collect(),
            subjects: keys.len(),
            last_key: keys.last().cloned(),
        })
    }

    pub async fn standings(&self, keys: &[SubjectKey]) -> Result<HashMap<SubjectKey, Kept>, DiffError> {
        Ok(standings(&self.state, &self.question.sync.name, self.question.sink, keys).await?)
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

    /// From the document that was accepted last; `None` where that is not kept.
    pub fn differences(&self, look: &Look) -> Option<Vec<Difference>> {
        let Built::Document(document) = &look.built else {
            return None;
        };
        let before = record::unpack(look.kept.packed.as_deref()?).ok()?;
        Some(differences(&before, &document.text, &self.question.sync.ignore))
    }
}

/// Whether the sink accepted something once, or is about to.
pub(super) fn is_known(kept: &Kept) -> bool {
    kept.accepted.is_some() || kept.job.is_some()
}

/// Whether a document is what the sink accepted last.
fn has_document(kept: &Kept) -> bool {
    let digest = kept.accepted.and_then(|(accepted, _)| accepted.digest);
    digest.is_some_and(|digest| digest != build::Digest::GONE)
}
