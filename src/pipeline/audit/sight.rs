//! One look at some subjects: source, state and sink.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::auditor::AuditError;
use super::findings::{Fault, Sample};
use crate::build::{Built, Digest, digest};
use crate::config::Deletes;
use crate::diff::{Operation, differences, places};
use crate::mapping::SubjectKey;
use crate::operate::Kept;
use crate::pipeline::looking::{Found, Look, Looker};
use crate::publish::{Delivery, Held, Readable, Sink, Unread};
use crate::queue;

/// Subjects that are read from the sink together.
const PART: usize = 100;

/// How often a sink that is away is asked again, and how long there is in between at least and at most.
const TRIES: u32 = 4;
const WAIT: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// So many in a row are not to blame: the sink is away.
const SILENT_MAX: usize = 5;

/// As far away as makes no difference: nothing is sent.
const DEADLINE: Duration = Duration::from_mins(1);

/// The sink, as far as it can be read.
pub(super) struct Reader<'a> {
    pub sink: &'a Sink,
    pub readable: Readable,
    /// Whether it has ever said something: then it is the subject to blame that cannot be read.
    has_answered: bool,
}

/// A subject with something wrong, or that may have.
#[derive(Debug)]
pub(super) struct Suspect {
    pub key: SubjectKey,
    /// Between source and state, and between source and sink.
    pub faults: Vec<(Fault, Sample)>,
    /// What the source yields: a document, or none.
    digest: Option<Digest>,
    /// Nothing was delivered while it was looked at, and nobody is about to.
    pub at_rest: bool,
}

impl Suspect {
    /// Whether it is wrong in the same way, and the source has not moved on meanwhile.
    pub fn is_as_before(&self, before: &Self) -> bool {
        let kinds = |suspect: &Self| suspect.faults.iter().map(|(fault, _)| *fault).collect::<Vec<_>>();
        self.digest == before.digest && kinds(self) == kinds(before)
    }

    pub fn is_wrong_as(&self, fault: Fault) -> bool {
        self.faults.iter().any(|(found, _)| *found == fault)
    }

    /// Whether the state is out of step, and not the sink alone.
    pub fn is_of_the_state(&self) -> bool {
        let of_the_state = [Fault::Changed, Fault::New, Fault::Gone, Fault::Unknown];
        of_the_state.into_iter().any(|fault| self.is_wrong_as(fault))
    }
}

impl<'a> Reader<'a> {
    pub fn new(sink: &'a Sink, readable: Readable) -> Self {
        Self {
            sink,
            readable,
            has_answered: false,
        }
    }

    /// Asks again for a while where the sink is away.
    async fn read(&mut self, subjects: &[Delivery]) -> Result<Vec<Held>, Unread> {
        let mut tries = Tries::new();
        loop {
            match self.sink.read(subjects).await {
                Ok(held) => {
                    self.has_answered = true;
                    return Ok(held);
                }
                Err(unread) if tries.again(&unread).await => {}
                Err(unread) if unread.is_passing => return self.read_apart(subjects, unread).await,
                Err(unread) => return Err(unread),
            }
        }
    }

    /// One by one: it may be one of them that brings the sink down.
    async fn read_apart(&mut self, subjects: &[Delivery], unread: Unread) -> Result<Vec<Held>, Unread> {
        let (mut held, mut silent) = (Vec::with_capacity(subjects.len()), 0);
        for subject in subjects {
            match self.sink.read(std::slice::from_ref(subject)).await {
                Ok(read) => {
                    (self.has_answered, silent) = (true, 0);
                    held.extend(read);
                }
                Err(unread) => {
                    silent += 1;
                    held.push(Held::Unreadable(unread.message));
                }
            }
            if silent >= SILENT_MAX {
                return Err(unread);
            }
        }
        if silent == subjects.len() && !self.has_answered {
            return Err(unread);
        }
        Ok(held)
    }
}

/// How often a sink that is away is still asked.
#[derive(Debug)]
pub(super) struct Tries {
    left: u32,
    wait: Duration,
}

impl Tries {
    pub fn new() -> Self {
        Self {
            left: TRIES - 1,
            wait: WAIT,
        }
    }

    /// Whether it is worth another try. Waits before it.
    pub async fn again(&mut self, unread: &Unread) -> bool {
        if !unread.is_passing || self.left == 0 {
            return false;
        }
        self.left -= 1;
        let wanted = unread.after.unwrap_or(self.wait);
        tokio::time::sleep(wanted.clamp(self.wait, WAIT_MAX)).await;
        self.wait *= 2;
        true
    }
}

/// Those of some subjects that may have something wrong.
pub(super) async fn look(
    looker: &Looker<'_>,
    mut reader: Option<&mut Reader<'_>>,
    keys: &[SubjectKey],
) -> Result<Vec<Suspect>, AuditError> {
    let looks = looker.look(keys).await?;
    let mut suspects: Vec<(Suspect, Kept)> = Vec::new();
    for part in looks.chunks(PART) {
        let held = match &mut reader {
            Some(reader) => at_sink(looker, reader, part).await?,
            None => vec![None; part.len()],
        };
        for (look, at_sink) in part.iter().zip(held) {
            let faults: Vec<_> = of_state(looker, look).into_iter().chain(at_sink).collect();
            if !faults.is_empty() {
                let suspect = Suspect {
                    key: look.key.clone(),
                    faults,
                    digest: match &look.built {
                        Built::Document(document) => Some(document.digest),
                        _ => None,
                    },
                    at_rest: false,
                };
                suspects.push((suspect, look.kept.clone()));
            }
        }
    }
    settle(looker, suspects).await
}

/// Whether something was delivered since the state was read, or is about to be.
async fn settle(looker: &Looker<'_>, suspects: Vec<(Suspect, Kept)>) -> Result<Vec<Suspect>, AuditError> {
    let keys: Vec<SubjectKey> = suspects.iter().map(|(suspect, _)| suspect.key.clone()).collect();
    let Some(route) = looker.route.filter(|_| !keys.is_empty()) else {
        return Ok(suspects.into_iter().map(|(suspect, _)| suspect).collect());
    };
    let busy = queue::busy(&looker.state, route, &keys).await?;
    let after = looker.standings(&keys).await?;
    let settled = suspects.into_iter().map(|(suspect, before)| {
        let is_same = after
            .get(&suspect.key)
            .is_some_and(|after| after.accepted == before.accepted);
        let at_rest = is_same && before.job.is_none() && !busy.contains(&suspect.key);
        Suspect { at_rest, ..suspect }
    });
    Ok(settled.collect())
}

fn of_state(looker: &Looker<'_>, look: &Look) -> Option<(Fault, Sample)> {
    let fault = match look.found {
        Found::Unchanged => return None,
        Found::Changed => Fault::Changed,
        Found::New => Fault::New,
        Found::Gone => Fault::Gone,
        Found::Unknown => Fault::Unknown,
        Found::Failed => Fault::Failed,
    };
    let detail = match &look.built {
        Built::Failed(reason) => Some(reason.clone()),
        _ => looker.differences(look).map(|differences| places(&differences)),
    };
    Some((fault, sample(&look.key, detail)))
}

/// What is wrong at the sink with each of them, if something is.
async fn at_sink(
    looker: &Looker<'_>,
    reader: &mut Reader<'_>,
    looks: &[Look],
) -> Result<Vec<Option<(Fault, Sample)>>, AuditError> {
    let deliveries: Vec<Delivery> = looks.iter().map(|look| delivery(looker, look)).collect();
    let held = reader.read(&deliveries).await.map_err(AuditError::Sink)?;
    let wrong = looks.iter().zip(held);
    Ok(wrong
        .map(|(look, held)| wrong_at_sink(looker, reader.readable, look, &held))
        .collect())
}

fn wrong_at_sink(looker: &Looker<'_>, readable: Readable, look: &Look, held: &Held) -> Option<(Fault, Sample)> {
    let sync = looker.question.sync;
    let told = |fault, detail| Some((fault, sample(&look.key, detail)));
    match (&look.built, held) {
        (Built::Failed(_), _) | (Built::Gone, Held::Nothing) => None,
        // The sink keeps what it has.
        (Built::Gone, _) if sync.deletes == Deletes::Ignore => None,
        (_, Held::Unreadable(reason)) => told(Fault::Unreadable, Some(reason.clone())),
        (Built::Gone, Held::Document(_)) => told(Fault::Orphaned, None),
        (Built::Document(_), Held::Nothing) if readable.forgets => None,
        (Built::Document(_), Held::Nothing) => told(Fault::Missing, None),
        (Built::Document(_), Held::Document(_)) if !readable.compares => None,
        (Built::Document(document), Held::Document(held)) => match digest(held, &looker.ignored) {
            Ok(held) if held == document.digest => None,
            Ok(_) => {
                let differences = differences(held, &document.text, &sync.ignore);
                told(Fault::Stale, Some(places(&differences)))
            }
            Err(error) => told(Fault::Stale, Some(error.to_string())),
        },
    }
}

/// As it would be sent, for the name that the sink has for it.
fn delivery(looker: &Looker<'_>, look: &Look) -> Delivery {
    let plan = looker.plan();
    let (operation, document) = match &look.built {
        Built::Document(document) => (Operation::Upsert, document.text.clone()),
        _ => (Operation::Delete, Arc::from("")),
    };
    Delivery {
        sync: plan.name.clone(),
        shape: plan.shape.clone(),
        key: look.key.clone(),
        operation,
        version: look.kept.accepted.map_or(0, |(_, version)| version),
        correlation: String::new(),
        document,
        remote_id: look.kept.remote_id.as_deref().map(Arc::from),
        deadline: Instant::now() + DEADLINE,
    }
}

fn sample(key: &SubjectKey, detail: Option<String>) -> Sample {
    Sample {
        key: key.as_str().to_owned(),
        detail,
    }
}
