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

use serde::Serialize;

use super::looking::{DiffError, Found, Look, Looker, PAGE_SUBJECTS, Question};
use super::subjects;
use crate::build::Built;
use crate::diff::Difference;
use crate::mapping::SubjectKey;
use crate::queue::JobId;

/// Which subjects are compared.
#[derive(Debug, Clone)]
pub enum Wanted {
    Keys(Vec<SubjectKey>),
    /// So many of those that the source has, from all over.
    Sample(usize),
    /// Those that the state knows, and those that the source has.
    All,
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

/// Hears of each subject that differs.
pub type Tell<'a> = dyn FnMut(Differing) + Send + Sync + 'a;

/// Compares, and hands each subject that differs to `tell` as soon as it is known. Writes nothing.
pub async fn differing(question: &Question<'_>, wanted: &Wanted, tell: &mut Tell<'_>) -> Result<Counts, DiffError> {
    let looker = Looker::open(*question).await?;
    let mut differ = Differ {
        looker: &looker,
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
            let (source, catalog) = (&looker.source, &question.prepared.catalog);
            let sample = subjects::sample(source, question.sync, looker.plan(), catalog, *size);
            let (keys, _) = sample.await?;
            differ.compare(&keys).await?;
        }
        Wanted::All => {
            differ.known().await?;
            differ.unknown().await?;
        }
    }
    Ok(differ.counts)
}

struct Differ<'a, 'b> {
    looker: &'a Looker<'a>,
    counts: Counts,
    tell: &'a mut Tell<'b>,
}

impl Differ<'_, '_> {
    /// All that the sink may hold.
    async fn known(&mut self) -> Result<(), DiffError> {
        let mut last_key = None;
        loop {
            let keys = self.looker.known_page(last_key.as_ref(), PAGE_SUBJECTS).await?;
            self.compare(&keys).await?;
            if keys.len() < PAGE_SUBJECTS {
                return Ok(());
            }
            last_key = keys.last().cloned();
        }
    }

    /// All that the source has and the sink never heard of.
    async fn unknown(&mut self) -> Result<(), DiffError> {
        let mut last_key = None;
        loop {
            let page = self.looker.source_page(last_key.as_ref(), PAGE_SUBJECTS).await?;
            self.compare(&page.new).await?;
            if page.subjects < PAGE_SUBJECTS {
                return Ok(());
            }
            last_key = page.last_key;
        }
    }

    async fn compare(&mut self, keys: &[SubjectKey]) -> Result<(), DiffError> {
        for part in keys.chunks(PAGE_SUBJECTS) {
            let suspects = self.look(part).await?;
            let again: Vec<SubjectKey> = suspects.into_iter().map(|look| look.key).collect();
            let differing = self.look(&again).await?;
            self.counts.subjects += part.len() as u64;
            self.counts.unchanged += (part.len() - differing.len()) as u64;
            for look in &differing {
                let differing = self.differing(look);
                self.counts.add(&differing);
                (self.tell)(differing);
            }
        }
        Ok(())
    }

    /// Those that differ at present.
    async fn look(&self, keys: &[SubjectKey]) -> Result<Vec<Look>, DiffError> {
        let mut looks = self.looker.look(keys).await?;
        looks.retain(|look| look.found != Found::Unchanged);
        Ok(looks)
    }

    fn differing(&self, look: &Look) -> Differing {
        let question = &self.looker.question;
        Differing {
            sync: question.sync.name.clone(),
            sink: question.sink.to_owned(),
            key: look.key.as_str().to_owned(),
            found: look.found,
            differences: self.looker.differences(look),
            error: match &look.built {
                Built::Failed(reason) => Some(reason.clone()),
                _ => None,
            },
            job: look.kept.job,
        }
    }
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
