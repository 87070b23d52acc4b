//! Walks over all subjects, and keeps what it finds.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use serde_json::json;

use super::findings::{Fault, Findings, Sample};
use super::flight::{Flight, Patience};
use super::pace::Pace;
use super::sight::{self, Reader, Suspect, Tries};
use crate::config::{Deletes, Initial};
use crate::mapping::SubjectKey;
use crate::operate;
use crate::pg::{self, Disposition, disposition};
use crate::pipeline::looking::{DiffError, Looker, PAGE_SUBJECTS, Question, is_known};
use crate::pipeline::subjects;
use crate::plan::SyncPlan;
use crate::publish::{Readable, ScanPlace, Scanned, Unread};
use crate::queue::{self, Entry, Priority, RouteId};
use crate::record::{self, AuditRow, AuditWalk};

/// Keys that Postgres is asked about at the same time.
const ASKED_AT_ONCE: usize = 200;

/// What is wanted of an audit of one route.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    pub question: Question<'a>,
    /// The slot that changes are read from.
    pub slot: &'a str,
    /// Whether documents of other syncs go to the same place.
    pub is_shared: bool,
    /// Most subjects a second.
    pub rate: Option<f64>,
    /// Whether what is wrong is sent again.
    pub repair: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Report {
    pub findings: Findings,
    /// Why the sink could not be read.
    pub unread: Option<String>,
    /// What was left out besides, for people.
    pub notes: Vec<&'static str>,
}

/// What is heard of an audit while it goes on.
#[derive(Debug)]
pub enum News<'a> {
    /// Of a fault, if it is among the first of its kind.
    Found(Fault, &'a Sample),
    /// How many subjects have been looked at, of about how many there are.
    Progress(u64, Option<u64>),
}

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Look(#[from] DiffError),
    #[error("walsift has not run yet with {sync} → {sink}")]
    NeverRun { sync: String, sink: String },
    #[error("the sink cannot be used: see `walsift check`")]
    Unusable,
    #[error("the sink cannot be read at present: {0}")]
    Sink(#[source] Unread),
    #[error("another audit of it has begun meanwhile")]
    Overtaken,
}

impl From<pg::Error> for AuditError {
    fn from(error: pg::Error) -> Self {
        Self::Look(error.into())
    }
}

type Hear<'a> = dyn FnMut(News<'_>) + Send + Sync + 'a;

/// Goes on where `row` stands to the end.
pub async fn audit(order: &Order<'_>, row: AuditRow, hear: &mut Hear<'_>) -> Result<Report, AuditError> {
    let question = order.question;
    let looker = Looker::open(question).await?;
    let route = looker.route.ok_or_else(|| AuditError::NeverRun {
        sync: question.sync.name.clone(),
        sink: question.sink.to_owned(),
    })?;
    let sink = question.prepared.sinks.get(question.sink).ok_or(AuditError::Unusable)?;
    let (reader, unread) = match sink.readable() {
        Ok(readable) => (Some(Reader::new(sink, readable)), None),
        Err(reason) => (None, Some(reason.to_owned())),
    };
    let estimate = subjects::estimate(&looker.source, looker.plan(), None).await;
    let mut auditor = Auditor {
        order,
        route,
        begun_at: row.begun_at,
        findings: serde_json::from_value(row.found).unwrap_or_default(),
        notes: notes(order, reader.as_ref().map(|reader| reader.readable)),
        reader,
        pace: Pace::new(order.rate),
        patience: Patience::new(),
        estimate: estimate
            .ok()
            .flatten()
            .and_then(|estimate| u64::try_from(estimate).ok()),
        looker: &looker,
        hear,
    };
    let (mut walk, mut last_key) = (row.walk, row.last_key);
    while walk != AuditWalk::End {
        walk = match walk {
            AuditWalk::Known => auditor.known(last_key.take()).await?,
            AuditWalk::Source => auditor.source(last_key.take()).await?,
            _ => auditor.sink().await?,
        };
    }
    Ok(Report {
        findings: auditor.findings,
        unread,
        notes: auditor.notes,
    })
}

/// Begins an audit of a route in the place of the last. `part_of`: when the audit of which it is a part began, if it has.
pub async fn begin(state: &pg::Client, route: RouteId, part_of: Option<SystemTime>) -> Result<AuditRow, pg::Error> {
    let found = json!(Findings::default());
    let begun_at = record::begin_audit(state, route, part_of, &found).await?;
    Ok(AuditRow {
        begun_at,
        walk: AuditWalk::Known,
        last_key: None,
        found,
    })
}

/// What an audit cannot see.
fn notes(order: &Order<'_>, readable: Option<Readable>) -> Vec<&'static str> {
    let sync = order.question.sync;
    let mut notes = Vec::new();
    if sync.initial == Initial::None {
        notes.push("what never changed since the sync began is left out, as `initial = \"none\"` has it");
    }
    if sync.deletes == Deletes::Ignore {
        notes.push("deletes are ignored: nobody looks for what only the sink has");
    }
    let Some(readable) = readable else { return notes };
    if !readable.compares {
        notes.push("documents go through a pipeline: it is seen whether they are there, not what is in them");
    }
    if readable.forgets {
        notes.push("keys expire: one that is not there is no fault");
    }
    if sync.deletes == Deletes::Publish && !readable.scans {
        notes.push("the sink can't say what it holds: orphans are found among the subjects that the state knows");
    } else if sync.deletes == Deletes::Publish && order.is_shared {
        notes.push("other syncs go to the same place: orphans are found among the subjects that the state knows");
    }
    notes
}

struct Auditor<'a, 'b> {
    order: &'a Order<'a>,
    looker: &'a Looker<'a>,
    route: RouteId,
    begun_at: SystemTime,
    reader: Option<Reader<'a>>,
    findings: Findings,
    notes: Vec<&'static str>,
    pace: Pace,
    patience: Patience,
    estimate: Option<u64>,
    hear: &'a mut Hear<'b>,
}

impl Auditor<'_, '_> {
    /// All that the sink may hold by the word of the state.
    async fn known(&mut self, mut last_key: Option<SubjectKey>) -> Result<AuditWalk, AuditError> {
        let next = match self.order.question.sync.initial {
            Initial::All => AuditWalk::Source,
            Initial::None => AuditWalk::Sink,
        };
        loop {
            let most = self.pace.page();
            let keys = self.looker.known_page(last_key.as_ref(), most).await?;
            let mends = self.check(&keys).await?;
            if keys.len() < most {
                self.save(next, None, &mends).await?;
                return Ok(next);
            }
            last_key = keys.last().cloned();
            self.save(AuditWalk::Known, last_key.as_ref(), &mends).await?;
        }
    }

    /// All that the source has and the state never heard of.
    async fn source(&mut self, mut last_key: Option<SubjectKey>) -> Result<AuditWalk, AuditError> {
        loop {
            let page = self.looker.source_page(last_key.as_ref(), PAGE_SUBJECTS).await?;
            let mut mends = Vec::new();
            for part in page.new.chunks(self.pace.page()) {
                mends.extend(self.check(part).await?);
            }
            if page.subjects < PAGE_SUBJECTS {
                self.save(AuditWalk::Sink, None, &mends).await?;
                return Ok(AuditWalk::Sink);
            }
            last_key = page.last_key;
            self.save(AuditWalk::Source, last_key.as_ref(), &mends).await?;
        }
    }

    /// All that the sink has and nobody else. Written down only with what was repaired, as it would begin anew.
    async fn sink(&mut self) -> Result<AuditWalk, AuditError> {
        let scans = self.reader.as_ref().is_some_and(|reader| reader.readable.scans);
        let is_wanted = self.order.question.sync.deletes == Deletes::Publish && !self.order.is_shared;
        let (mut place, mut goes_on) = (None, scans && is_wanted);
        while goes_on {
            let page = self.scan(place.as_ref()).await?;
            self.findings.strangers += page.strangers as u64;
            let unknown = self.unknown(page.subjects).await?;
            let mut suspects = sight::look(self.looker, self.reader.as_mut(), &unknown).await?;
            // What the source has is none of this walk.
            suspects.retain(|suspect| suspect.is_wrong_as(Fault::Orphaned));
            let subjects = suspects.len();
            let mends = self.judge(suspects, subjects).await?;
            if !mends.is_empty() {
                self.save(AuditWalk::Sink, None, &mends).await?;
            }
            place = page.next;
            goes_on = place.is_some();
        }
        self.save(AuditWalk::End, None, &[]).await?;
        Ok(AuditWalk::End)
    }

    async fn scan(&mut self, place: Option<&ScanPlace>) -> Result<Scanned, AuditError> {
        let reader = self.reader.as_ref().expect("only what can be read is scanned");
        let (sink, shape, most) = (reader.sink, &self.looker.plan().shape, self.pace.page());
        let mut tries = Tries::new();
        let scanned = loop {
            match sink.scan(shape, place, most).await {
                Ok(scanned) => break scanned,
                // Later a second try might be a page further.
                Err(unread) if place.is_none() && tries.again(&unread).await => {}
                Err(unread) => return Err(AuditError::Sink(unread)),
            }
        };
        self.pace.take(scanned.subjects.len()).await;
        Ok(scanned)
    }

    /// Those that the state does not know, and that could be subjects.
    async fn unknown(&mut self, mut keys: Vec<SubjectKey>) -> Result<Vec<SubjectKey>, AuditError> {
        keys.sort_unstable();
        keys.dedup();
        let known = self.looker.standings(&keys).await?;
        let busy = queue::busy(&self.looker.state, self.route, &keys).await?;
        keys.retain(|key| !busy.contains(key) && known.get(key).is_none_or(|kept| !is_known(kept)));
        let possible = possible(&self.looker.source, self.looker.plan(), &keys).await?;
        self.findings.strangers += (keys.len() - possible.len()) as u64;
        Ok(possible)
    }

    /// Looks at these; answers with those that are to be sent again.
    async fn check(&mut self, keys: &[SubjectKey]) -> Result<Vec<SubjectKey>, AuditError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.pace.take(keys.len()).await;
        let suspects = sight::look(self.looker, self.reader.as_mut(), keys).await?;
        self.judge(suspects, keys.len()).await
    }

    /// Looks once more at suspects among so many subjects, and notes what they come to; answers with those that are to be sent again.
    async fn judge(&mut self, suspects: Vec<Suspect>, subjects: usize) -> Result<Vec<SubjectKey>, AuditError> {
        let (faulty, in_flight) = self.confirmed(suspects).await?;
        self.findings.subjects += subjects as u64;
        self.findings.in_flight += in_flight;
        self.findings.faulty += faulty.len() as u64;
        let mut mends = Vec::new();
        for suspect in faulty {
            for (fault, sample) in &suspect.faults {
                if self.findings.add(*fault, sample) {
                    (self.hear)(News::Found(*fault, sample));
                }
            }
            if self.order.repair && suspect.faults.iter().any(|(fault, _)| fault.is_mendable()) {
                mends.push(suspect.key);
            }
        }
        self.findings.repaired += mends.len() as u64;
        (self.hear)(News::Progress(self.findings.subjects, self.estimate));
        Ok(mends)
    }

    /// Those of them that are wrong for good, and how many have not come to rest.
    async fn confirmed(&mut self, mut open: Vec<Suspect>) -> Result<(Vec<Suspect>, u64), AuditError> {
        let until = self.patience.deadline();
        let flight = Flight {
            looker: self.looker,
            route: self.route,
            slot: self.order.slot,
        };
        let mut faulty = Vec::new();
        while !open.is_empty() {
            let landing = flight.lands(&open, until).await?;
            let keys: Vec<SubjectKey> = open.iter().map(|suspect| suspect.key.clone()).collect();
            let again = sight::look(self.looker, self.reader.as_mut(), &keys).await?;
            let is_fault = |suspect: &Suspect| {
                let before = open.iter().find(|before| before.key == suspect.key);
                suspect.at_rest
                    && (landing.is_read || !suspect.is_of_the_state())
                    && before.is_some_and(|before| suspect.is_as_before(before))
            };
            let (wrong, rest): (Vec<_>, Vec<_>) = again.into_iter().partition(is_fault);
            faulty.extend(wrong);
            open = rest;
            if landing.is_last {
                break;
            }
        }
        self.patience.learn(open.is_empty());
        Ok((faulty, open.len() as u64))
    }

    /// Writes down how far it has come, and voids and enqueues what is to be sent again, in one commit.
    async fn save(
        &mut self,
        walk: AuditWalk,
        last_key: Option<&SubjectKey>,
        mends: &[SubjectKey],
    ) -> Result<(), AuditError> {
        let row = AuditRow {
            begun_at: self.begun_at,
            walk,
            last_key: last_key.cloned(),
            found: json!(self.findings),
        };
        let databases = self.order.question.databases;
        let mut state = databases.state.get().await.map_err(DiffError::State)?;
        let tx = state.transaction().await?;
        if !mends.is_empty() {
            let entry = |key: &SubjectKey| Entry {
                route: self.route,
                key: key.clone(),
                changed_at: None,
            };
            let entries = mends.iter().map(entry).collect();
            // Jobs before states, as those lock who settle.
            queue::enqueue(&tx, entries, Priority::Bulk, Duration::ZERO).await?;
            record::doubt(&tx, self.route, mends).await?;
        }
        if !record::save_audit(&tx, self.route, &row).await? {
            return Err(AuditError::Overtaken);
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Those that could be keys of rows, in the form that Postgres gives them. Others were never made by us.
async fn possible(source: &pg::Client, plan: &SyncPlan, keys: &[SubjectKey]) -> Result<Vec<SubjectKey>, AuditError> {
    let mut possible = Vec::with_capacity(keys.len());
    for part in keys.chunks(ASKED_AT_ONCE) {
        let stored = join_all(part.iter().map(|key| operate::as_stored(source, plan, key))).await;
        for (key, stored) in part.iter().zip(stored) {
            match stored {
                Ok(stored) if stored == *key => possible.push(stored),
                Ok(_) => {}
                Err(error) if disposition(&error) == Disposition::Data => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(possible)
}
