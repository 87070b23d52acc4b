//! A batch → what is to be written: subjects for each route, visits for what must wait or is too much to do at once, and
//! backfills for what may concern any subject.
//!
//! A job is made only once the transaction behind it is visible to new snapshots. Every build that follows then sees the
//! change, because on the primary a snapshot never sees less than one before it. What is not visible yet becomes a visit
//! that waits for its transaction, so that one which waits for a standby holds up nobody else.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use super::IntakeError;
use crate::diff::Reason;
use crate::failpoint;
use crate::mapping::{Batch, SubjectKey, Sweep, SyncIndex, Touch};
use crate::pg::{self, Snapshot};
use crate::pipeline::engine::{Engine, Routes};
use crate::pipeline::lookup::{LookupError, Question};
use crate::plan::{Finder, Listener};
use crate::queue::{self, Entry, Kind, NewBackfill, NewVisit, Priority, RouteId, Walk};

/// Most rows that a look-up may find within a batch; if there are more, it becomes a visit of low priority.
const LOOKUP_ROWS: usize = 10_000;

/// Most look-ups for the values of one listener, as they are halved to part those that find much from the others.
const LOOKUPS_MAX: usize = 32;

/// Most values in one look-up, and most values or subjects in one visit.
const VALUES: usize = 2_000;

/// About what a subject takes in memory from when it was found until it is written.
const SUBJECT_BYTES: usize = 256;

/// How often, and how long each time, a batch waits for its transactions to become visible before they are set aside.
/// A commit that waits for a healthy standby takes milliseconds.
const VISIBLE_TRIES: usize = 4;
const VISIBLE_WAIT: Duration = Duration::from_millis(5);

/// All that one commit of intake writes beside progress.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// By position of the sync.
    subjects: BTreeMap<SyncIndex, Vec<(SubjectKey, SystemTime)>>,
    visits: Vec<NewVisit>,
    backfills: Vec<NewBackfill>,
    folded: HashMap<SyncIndex, u64>,
}

/// How many subjects had a job already, by route.
pub(super) type Covered = BTreeMap<RouteId, u64>;

pub(super) async fn resolve(engine: &Engine, routes: &Routes, batch: Batch) -> Result<Resolved, IntakeError> {
    let mut resolved = Resolved::default();
    if batch.is_empty() {
        return Ok(resolved);
    }
    let source = engine.source.get().await?;
    let sight = Sight::of(&source, &batch).await?;
    drop(source);
    let mut at_work = Resolver {
        engine,
        routes,
        sight,
        room: engine.config.engine.memory_bytes / 4 / SUBJECT_BYTES,
        resolved: &mut resolved,
    };
    at_work.subjects(batch.subjects);
    for ((sync, listener), values) in batch.lookups {
        at_work
            .lookups(sync, &engine.plans[sync].listeners[listener], values)
            .await?;
    }
    for ((sync, sweep), touch) in batch.sweeps {
        at_work.sweep(sync, sweep, &touch);
    }
    resolved.folded = batch.folded;
    Ok(resolved)
}

/// Which transactions of a batch cannot be seen yet.
struct Sight {
    unseen: HashMap<u32, u64>,
}

impl Sight {
    async fn of(source: &pg::Client, batch: &Batch) -> Result<Self, pg::Error> {
        let xids = batch.xids();
        let mut tries = 0;
        loop {
            let snapshot = Snapshot::current(&***source).await?;
            let wide = xids.iter().map(|&xid| (xid, snapshot.widen(xid)));
            let unseen: HashMap<u32, u64> = wide.filter(|(_, wide)| !snapshot.sees(*wide)).collect();
            tries += 1;
            if unseen.is_empty() || tries == VISIBLE_TRIES {
                return Ok(Self { unseen });
            }
            if failpoint::is_off("visibility-guard") {
                return Ok(Self { unseen: HashMap::new() });
            }
            tokio::time::sleep(VISIBLE_WAIT).await;
        }
    }

    /// The transactions of a touch that cannot be seen yet, and whether any of them can.
    fn split(&self, touch: &Touch) -> (Vec<u64>, bool) {
        if self.unseen.is_empty() {
            return (Vec::new(), true);
        }
        let unseen: Vec<u64> = touch.xids().filter_map(|xid| self.unseen.get(&xid).copied()).collect();
        let some_seen = unseen.len() < touch.xids().count();
        (unseen, some_seen)
    }
}

struct Resolver<'a> {
    engine: &'a Engine,
    routes: &'a Routes,
    sight: Sight,
    /// How many subjects look-ups may still find: the values of a batch may lead to many times as many as there are values.
    room: usize,
    resolved: &'a mut Resolved,
}

impl Resolver<'_> {
    fn subjects(&mut self, subjects: HashMap<(SyncIndex, SubjectKey), Touch>) {
        let mut set_aside: BTreeMap<(SyncIndex, u64), Vec<SubjectKey>> = BTreeMap::new();
        for ((sync, key), touch) in subjects {
            let (unseen, some_seen) = self.sight.split(&touch);
            for xid in unseen {
                set_aside.entry((sync, xid)).or_default().push(key.clone());
            }
            if some_seen {
                self.resolved
                    .subjects
                    .entry(sync)
                    .or_default()
                    .push((key, touch.committed_at));
            }
        }
        for ((sync, xid), keys) in set_aside {
            for keys in keys.chunks(VALUES) {
                self.visit(sync, &Kind::Subjects(keys.to_vec()), Some(xid), |visit| visit);
            }
        }
    }

    async fn lookups(
        &mut self,
        sync: SyncIndex,
        listener: &Listener,
        values: HashMap<SubjectKey, Touch>,
    ) -> Result<(), IntakeError> {
        let mut seen = Vec::new();
        let mut set_aside: BTreeMap<u64, Vec<SubjectKey>> = BTreeMap::new();
        let mut oldest = SystemTime::now();
        for (value, touch) in values {
            let (unseen, some_seen) = self.sight.split(&touch);
            for xid in unseen {
                set_aside.entry(xid).or_default().push(value.clone());
            }
            if some_seen {
                oldest = oldest.min(touch.committed_at);
                seen.push(value);
            }
        }
        for (xid, values) in set_aside {
            for values in values.chunks(VALUES) {
                let kind = Kind::Lookup {
                    node: listener.node.clone(),
                    values: values.to_vec(),
                };
                self.visit(sync, &kind, Some(xid), |visit| visit);
            }
        }
        for values in seen.chunks(VALUES) {
            self.lookup(sync, listener, values, oldest).await?;
        }
        Ok(())
    }

    async fn lookup(
        &mut self,
        sync: SyncIndex,
        listener: &Listener,
        values: &[SubjectKey],
        changed_at: SystemTime,
    ) -> Result<(), IntakeError> {
        let Finder::Lookup(lookup) = &listener.finder else {
            return Ok(());
        };
        let quick = self.engine.quick_source.get().await?;
        let mut parts = vec![values];
        let mut asked = 0;
        while let Some(values) = parts.pop() {
            if self.room == 0 {
                self.put_aside(sync, listener, values, changed_at);
                continue;
            }
            let question = Question {
                lookup,
                shape: &self.engine.plans[sync].shape,
                arity: listener.columns.len(),
                values,
            };
            asked += 1;
            match question.few(&quick, LOOKUP_ROWS).await {
                Ok(Some(found)) => {
                    self.room = self.room.saturating_sub(found.len());
                    let subjects = self.resolved.subjects.entry(sync).or_default();
                    subjects.extend(found.into_iter().map(|key| (key, changed_at)));
                }
                // One hot value among ordinary ones must not make these wait.
                Ok(None) if values.len() > 1 && asked < LOOKUPS_MAX => {
                    let (front, back) = values.split_at(values.len() / 2);
                    parts.extend([back, front]);
                }
                Ok(None) => self.put_aside(sync, listener, values, changed_at),
                // The stream does not wait for a look-up that takes too long or cannot work at present.
                Err(LookupError::Statement(error)) => {
                    self.engine.hints.look();
                    tracing::warn!(
                        sync = %self.engine.plans[sync].name, node = listener.node, error,
                        "a look-up failed; it is put aside and tried again"
                    );
                    self.put_aside(sync, listener, values, changed_at);
                    for values in parts.drain(..) {
                        self.put_aside(sync, listener, values, changed_at);
                    }
                }
                Err(LookupError::Connection(error)) => return Err(error.into()),
                Err(LookupError::Unreachable(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Leaves a look-up to the visitors, below live changes.
    fn put_aside(&mut self, sync: SyncIndex, listener: &Listener, values: &[SubjectKey], changed_at: SystemTime) {
        let kind = Kind::Lookup {
            node: listener.node.clone(),
            values: values.to_vec(),
        };
        self.visit(sync, &kind, None, |visit| NewVisit {
            priority: Priority::Bulk,
            changed_at: Some(changed_at),
            ..visit
        });
    }

    fn sweep(&mut self, sync: SyncIndex, sweep: Sweep, touch: &Touch) {
        let walk = match sweep {
            Sweep::All => Walk::Source,
            Sweep::Known => Walk::Known,
        };
        let (unseen, some_seen) = self.sight.split(touch);
        for xid in unseen.into_iter().map(Some).chain(some_seen.then_some(None)) {
            for route in self.routes.iter().filter(|route| route.sync == sync) {
                self.resolved.backfills.push(NewBackfill {
                    xid,
                    changed_at: Some(touch.committed_at),
                    ..NewBackfill::new(route.id, "change", walk)
                });
            }
        }
    }

    /// A visit for each route of a sync: a sink that is down holds up only its own.
    fn visit(&mut self, sync: SyncIndex, kind: &Kind, xid: Option<u64>, details: impl Fn(NewVisit) -> NewVisit) {
        for route in self.routes.iter().filter(|route| route.sync == sync) {
            self.resolved.visits.push(details(NewVisit {
                route: route.id,
                kind: kind.clone(),
                xid,
                horizon: None,
                last_key: None,
                priority: route.priority,
                changed_at: None,
            }));
        }
    }
}

impl Resolved {
    /// Writes jobs and visits.
    pub(super) async fn write(
        &self,
        tx: &deadpool_postgres::Transaction<'_>,
        routes: &Routes,
    ) -> Result<Covered, pg::Error> {
        let mut covered = Covered::new();
        // Routes in the order of their numbers, so that writers lock in the same order.
        let mut ordered: Vec<_> = routes.iter().collect();
        ordered.sort_by_key(|route| route.id);
        for route in ordered {
            let Some(subjects) = self.subjects.get(&route.sync) else {
                continue;
            };
            let mut seen = HashSet::new();
            let entries: Vec<Entry> = subjects
                .iter()
                // The same subject may have been found in several ways.
                .filter(|(key, _)| seen.insert(key))
                .map(|(key, at)| Entry {
                    route: route.id,
                    key: key.clone(),
                    changed_at: Some(*at),
                })
                .collect();
            let inserted = queue::enqueue(tx, entries, route.priority, route.pace.debounce).await?;
            let count = u64::try_from(subjects.len()).unwrap_or(u64::MAX);
            covered.insert(route.id, count.saturating_sub(inserted));
        }
        for visit in &self.visits {
            queue::insert_visit(tx, visit).await?;
        }
        for backfill in &self.backfills {
            queue::start_backfill(tx, backfill).await?;
        }
        Ok(covered)
    }

    /// Wakes those who go on with what was committed, and counts what was not enqueued.
    pub(super) fn announce(&self, engine: &Engine, routes: &Routes, covered: &Covered) {
        for route in routes.iter() {
            let folded = self.folded.get(&route.sync).copied().unwrap_or_default();
            let covered = folded + covered.get(&route.id).copied().unwrap_or_default();
            if covered > 0 {
                engine.suppressed(route, Reason::Covered, covered);
            }
            if self.subjects.contains_key(&route.sync) {
                route.jobs.notify_one();
            }
            if self.visits.iter().any(|visit| visit.route == route.id) {
                route.visits.notify_one();
            }
            if self.backfills.iter().any(|backfill| backfill.route == route.id) {
                route.backfills.notify_one();
            }
        }
    }
}
