//! Some subjects, built by what runs and by what would run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::facts::CompareError;
use crate::build::{BuildError, Built, Ignored, build};
use crate::catalog::Catalog;
use crate::config::{Pointer, Sync};
use crate::diff::{Difference, differences};
use crate::mapping::SubjectKey;
use crate::pg;
use crate::pipeline::subjects;
use crate::plan::SyncPlan;
use crate::queue::Running;

/// How the subjects of a sample come out.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    pub size: usize,
    /// Subjects in all; `None` where nobody knows.
    pub subjects: Option<u64>,
    pub equal: usize,
    pub changed: usize,
    /// Has a document only now.
    pub new: usize,
    /// Had one.
    pub gone: usize,
    /// Cannot be built now.
    pub failed: usize,
    /// The most frequent ones first.
    pub differences: Vec<Frequency>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Frequency {
    #[serde(flatten)]
    pub difference: Difference,
    /// Of the sample.
    pub subjects: usize,
}

impl Sample {
    /// What `part` of the sample comes to in the whole table.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate of a count"
    )]
    pub fn extrapolated(&self, part: usize) -> u64 {
        let all = self.subjects.unwrap_or(self.size as u64);
        (part as f64 / self.size.max(1) as f64 * all as f64).round() as u64
    }
}

/// Takes the samples of one sync: the same subjects for each sink, built anew once.
pub(super) struct Sampler<'a> {
    sync: &'a Sync,
    plan: &'a SyncPlan,
    catalog: &'a Catalog,
    size: usize,
    taken: Option<Taken>,
    compared: Vec<(Option<Running>, Sample)>,
}

/// Subjects as they would be built.
struct Taken {
    keys: Vec<SubjectKey>,
    subjects: Option<u64>,
    built: Vec<Built>,
}

impl<'a> Sampler<'a> {
    pub fn new(sync: &'a Sync, plan: &'a SyncPlan, catalog: &'a Catalog, size: usize) -> Self {
        Self {
            sync,
            plan,
            catalog,
            size,
            taken: None,
            compared: Vec::new(),
        }
    }

    /// Against what is `running`; or why Postgres cannot build by one of the two.
    pub async fn take(
        &mut self,
        source: &pg::Pool,
        running: Option<&Running>,
    ) -> Result<Result<Sample, String>, CompareError> {
        if let Some((_, sample)) = self.compared.iter().find(|(known, _)| known.as_ref() == running) {
            return Ok(Ok(sample.clone()));
        }
        let client = source.get().await?;
        client.batch_execute("set default_transaction_read_only = on").await?;
        if self.taken.is_none() {
            let (keys, subjects) = subjects::sample(&client, self.sync, self.plan, self.catalog, self.size).await?;
            match build(&client, self.plan, &Ignored::new(&self.sync.ignore), &keys).await {
                Ok(built) => {
                    self.taken = Some(Taken { keys, subjects, built });
                }
                Err(error) => return Ok(Err(format!("the documents cannot be built: {}", cause(&error)))),
            }
        }
        let taken = self.taken.as_ref().expect("taken above");
        let before = match running {
            None => vec![Built::Gone; taken.keys.len()],
            Some(running) => {
                let ignored = Ignored::new(&running.ignored());
                match build(&client, &as_plan(self.plan, running), &ignored, &taken.keys).await {
                    Ok(built) => built,
                    Err(error) => {
                        let cause = cause(&error);
                        return Ok(Err(format!("what runs cannot build documents any more: {cause}")));
                    }
                }
            }
        };
        let sample = self.compare(taken, &before, running);
        self.compared.push((running.cloned(), sample.clone()));
        Ok(Ok(sample))
    }

    fn compare(&self, taken: &Taken, before: &[Built], running: Option<&Running>) -> Sample {
        // Of what is left out by one of the two only it is known that it is compared in another way.
        let stored = running.map(Running::ignored).unwrap_or_default();
        let ignore: Vec<Pointer> = self
            .sync
            .ignore
            .iter()
            .filter(|pointer| stored.contains(pointer))
            .cloned()
            .collect();
        let mut sample = Sample {
            size: taken.keys.len(),
            subjects: taken.subjects,
            equal: 0,
            changed: 0,
            new: 0,
            gone: 0,
            failed: 0,
            differences: Vec::new(),
        };
        let mut frequencies: BTreeMap<Difference, usize> = BTreeMap::new();
        for (before, after) in before.iter().zip(&taken.built) {
            match (before, after) {
                (_, Built::Failed(_)) => sample.failed += 1,
                (Built::Document(before), Built::Document(after)) if before.digest == after.digest => sample.equal += 1,
                (Built::Document(before), Built::Document(after)) => {
                    sample.changed += 1;
                    for difference in differences(&before.text, &after.text, &ignore) {
                        *frequencies.entry(difference).or_default() += 1;
                    }
                }
                (_, Built::Document(_)) => sample.new += 1,
                (Built::Document(_), Built::Gone) => sample.gone += 1,
                (_, Built::Gone) => sample.equal += 1,
            }
        }
        sample.differences = frequencies
            .into_iter()
            .map(|(difference, subjects)| Frequency { difference, subjects })
            .collect();
        sample
            .differences
            .sort_by_key(|frequency| std::cmp::Reverse(frequency.subjects));
        sample
    }
}

/// What runs, as far as building needs it.
fn as_plan(plan: &SyncPlan, running: &Running) -> SyncPlan {
    SyncPlan {
        name: Arc::clone(&plan.name),
        shape: Arc::clone(&plan.shape),
        members: None,
        build_sql: running.build_sql.clone(),
        key_sql: plan.key_sql.clone(),
        walk: plan.walk.clone(),
        listeners: Vec::new(),
        messages: Vec::new(),
        reads: Vec::new(),
    }
}

fn cause(error: &BuildError) -> String {
    crate::pipeline::chain(error)
}
