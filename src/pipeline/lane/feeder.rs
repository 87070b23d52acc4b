//! Claims jobs for all outlets that can take more, fills up with subjects of backfills, and builds their documents, each subject
//! once.
//!
//! A build begins after every claim that uses it is committed: it sees whatever caused those jobs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{Counter, counter};

use super::tap::{Appetite, Tap};
use super::{Claimed, InHand, Lane};
use crate::build::{self, BuildError, Built, Ignored};
use crate::failpoint;
use crate::mapping::SubjectKey;
use crate::metrics as names;
use crate::pg;
use crate::pipeline::backoff::Backoff;
use crate::pipeline::engine::chain;
use crate::pipeline::reading::ReadError;
use crate::pipeline::schema;
use crate::queue::{self, ClaimError, Demand, Job, Priority};
use crate::record::Ending;

/// However a lane is woken, it also looks by itself: another process may have made jobs or died holding some.
const PERIOD: Duration = Duration::from_secs(1);

/// When jobs are tried again whose documents cannot be built because of the source, not because of them.
const UNBUILDABLE_PERIOD: Duration = Duration::from_secs(2);

/// About what the documents of one batch may take in memory.
const BATCH_BYTES: usize = 8 << 20;

/// Subjects in the first batch, before it is known how large documents are.
const FIRST_BATCH: usize = 64;

pub(super) async fn run(lane: &Lane, taps: Vec<Tap<'_>>) -> Result<(), ClaimError> {
    let Some(woken) = taps.first().map(|tap| tap.outlet.route.jobs.clone()) else {
        return Ok(());
    };
    let sync = &lane.engine.plans[lane.sync].name;
    let mut feeder = Feeder {
        lane,
        taps,
        size: FIRST_BATCH.min(lane.engine.config.engine.batch),
        average_bytes: 0,
        ignored: Ignored::new(&lane.engine.config.syncs[lane.sync].ignore),
        built: counter!(names::SUBJECTS_BUILT, "sync" => sync.to_string()),
    };
    let component = format!("jobs of {sync}");
    let mut backoff = Backoff::new();
    let stop = &lane.engine.stop;
    while !stop.is_cancelled() {
        let wait = match feeder.feed().await {
            Ok(Fed::More) => {
                lane.engine.health.well(&component);
                backoff.reset();
                continue;
            }
            Ok(Fed::Drained(wait)) => {
                lane.engine.health.well(&component);
                backoff.reset();
                wait
            }
            Ok(Fed::Full(wait)) => wait,
            Ok(Fed::Blocked(wait)) => {
                lane.engine.pause(wait).await;
                continue;
            }
            Err(FeedError::Claim(error @ ClaimError::Unknown(_))) => return Err(error),
            Err(error) => {
                if lane.engine.health.ill(&component, chain(&error)) {
                    tracing::error!(error = chain(&error), "cannot claim jobs; trying again");
                }
                backoff.next()
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = woken.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    for tap in &mut feeder.taps {
        tap.release_members().await?;
    }
    Ok(())
}

struct Feeder<'a> {
    lane: &'a Lane,
    taps: Vec<Tap<'a>>,
    /// Subjects in the next batch.
    size: usize,
    /// Of the documents in the last one.
    average_bytes: usize,
    ignored: Ignored,
    built: Counter,
}

enum Fed {
    /// There may be more that is due.
    More,
    /// Nothing more is due for so long.
    Drained(Duration),
    /// No outlet can take anything for so long, unless something in hand comes to its end.
    Full(Duration),
    /// Nothing can be done for so long, whatever happens.
    Blocked(Duration),
}

#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

/// A subject, and the jobs for it: one for each outlet at most, with its position among the taps.
struct Subject {
    key: SubjectKey,
    jobs: Vec<(usize, Claimed)>,
}

impl Feeder<'_> {
    async fn feed(&mut self) -> Result<Fed, FeedError> {
        let now = Instant::now();
        let mut hungry = Vec::new();
        let (mut wait, mut full) = (PERIOD, false);
        for (at, tap) in self.taps.iter().enumerate() {
            match tap.appetite(now, self.size, self.average_bytes) {
                Appetite::For(places, bulk_places) => hungry.push((at, places, bulk_places)),
                Appetite::Full => full = true,
                Appetite::NotBefore(rest) => wait = wait.min(rest),
            }
        }
        if hungry.is_empty() {
            // Where all are down, new jobs wake nobody: nothing could be done for them.
            return Ok(if full { Fed::Full(wait) } else { Fed::Blocked(wait) });
        }
        let mut demands: Vec<Demand<'_>> = Vec::with_capacity(hungry.len());
        for (at, places, bulk_places) in &hungry {
            let tap = &mut self.taps[*at];
            let reserved = tap.reserve(places.num_permits().min(bulk_places.num_permits()))?;
            demands.push(Demand {
                route: tap.outlet.route.id,
                fingerprint: &tap.outlet.route.fingerprint,
                most: places.num_permits() - reserved,
                most_bulk: bulk_places.num_permits() - reserved,
            });
        }
        let routes: Vec<_> = demands.iter().map(|demand| demand.route).collect();
        let mut state = self.lane.engine.state.get().await?;
        let claimed = queue::claim(&mut state, &demands, &self.lane.worker).await?;
        if claimed.iter().any(|jobs| !jobs.is_empty()) {
            failpoint::die_at("claim-after-commit");
        }
        let mut subjects = Subjects::default();
        let mut has_fed = false;
        for ((at, mut places, mut bulk_places), jobs) in hungry.into_iter().zip(claimed) {
            let tap = &mut self.taps[at];
            // What room the jobs leave is for backfills.
            let mut jobs: Vec<(Job, Option<Arc<InHand>>)> = jobs.into_iter().map(|job| (job, None)).collect();
            let bulk = jobs.iter().filter(|(job, _)| job.priority == Priority::Bulk).count();
            let room = (places.num_permits() - jobs.len()).min(bulk_places.num_permits() - bulk);
            for _ in 0..room {
                let Some((job, in_hand)) = tap.next_member() else {
                    break;
                };
                jobs.push((job, Some(in_hand)));
            }
            if jobs.is_empty() {
                continue;
            }
            has_fed = true;
            tap.has_fed(Instant::now());
            for (job, chunk) in jobs {
                let place = places.split(1).expect("no more jobs than places");
                let is_bulk = job.priority == Priority::Bulk;
                let claimed = Claimed {
                    job,
                    chunk,
                    _place: place,
                    _bulk_place: is_bulk.then(|| bulk_places.split(1)).flatten(),
                };
                match tap.too_early(&claimed.job) {
                    Some(after) => tap.end(claimed, Ending::Released { after }, None).await,
                    None => subjects.add(at, claimed),
                }
            }
        }
        if !has_fed {
            let due = queue::next_due(&state, &routes).await?;
            return Ok(Fed::Drained(due.unwrap_or(wait).min(wait)));
        }
        drop(state);
        if self.build(subjects.list).await {
            Ok(Fed::More)
        } else {
            Ok(Fed::Blocked(UNBUILDABLE_PERIOD))
        }
    }

    /// Returns whether the source was able to.
    async fn build(&mut self, mut subjects: Vec<Subject>) -> bool {
        let sync = &self.lane.engine.plans[self.lane.sync].name;
        let component = format!("builds of {sync}");
        while !subjects.is_empty() {
            // Outlets with different histories ask for different subjects: more together than one build is to have.
            let rest = subjects.split_off(subjects.len().min(self.size));
            let part = std::mem::replace(&mut subjects, rest);
            let jobs = part.iter().flat_map(|subject| &subject.jobs);
            let urgent = jobs.map(|(_, claimed)| claimed.job.priority).min();
            let priority = urgent.unwrap_or(Priority::Bulk);
            let keys: Vec<SubjectKey> = part.iter().map(|subject| subject.key.clone()).collect();
            match self.documents(&keys, priority).await {
                Ok(built) => {
                    if self.lane.engine.health.well(&component) {
                        schema::works(&self.lane.engine, sync).await;
                    }
                    self.built.increment(keys.len() as u64);
                    self.adapt(&built);
                    self.hand_out(part, &built).await;
                }
                Err(error) => {
                    if self.lane.engine.health.ill(&component, chain(&error)) {
                        tracing::error!(%sync, error = chain(&error), "cannot build; the jobs wait");
                        if matches!(error, BuildError::Statement(_)) {
                            schema::rests(&self.lane.engine, sync, &chain(&error)).await;
                        }
                    }
                    if matches!(error, BuildError::Statement(_)) {
                        self.lane.engine.hints.rejected();
                    }
                    for (at, claimed) in part.into_iter().chain(subjects).flat_map(|subject| subject.jobs) {
                        let after = UNBUILDABLE_PERIOD;
                        self.taps[at].end(claimed, Ending::Released { after }, None).await;
                    }
                    return false;
                }
            }
        }
        true
    }

    async fn documents(&self, keys: &[SubjectKey], priority: Priority) -> Result<Vec<Built>, BuildError> {
        let engine = &self.lane.engine;
        let _place = engine.builders.enter(priority).await;
        let client = engine.reading.session().await.map_err(|error| match error {
            ReadError::Source(error) => BuildError::Unreachable(error),
            other => BuildError::Transient(other.to_string()),
        })?;
        let built = build::build(&client, &engine.plans[self.lane.sync], &self.ignored, keys).await;
        if let Err(BuildError::Transient(why)) = &built {
            engine.reading.has_failed(why);
        }
        built
    }

    async fn hand_out(&self, subjects: Vec<Subject>, built: &[Built]) {
        for (subject, built) in subjects.into_iter().zip(built) {
            for (at, claimed) in subject.jobs {
                self.taps[at].decide(claimed, built).await;
            }
        }
    }

    /// The next batch as large as its documents let it be: one that turned out large makes the next one small.
    fn adapt(&mut self, built: &[Built]) {
        let bytes = built.iter().map(|built| match built {
            Built::Document(document) => document.text.len(),
            Built::Gone | Built::Failed(_) => 0,
        });
        self.average_bytes = bytes.sum::<usize>() / built.len().max(1);
        let fitting = BATCH_BYTES / self.average_bytes.max(1);
        self.size = fitting
            .min(self.size * 2)
            .clamp(1, self.lane.engine.config.engine.batch);
    }
}

/// Claimed jobs by subject, in the order of the claims.
#[derive(Default)]
struct Subjects {
    list: Vec<Subject>,
    positions: HashMap<SubjectKey, usize>,
}

impl Subjects {
    fn add(&mut self, tap: usize, claimed: Claimed) {
        let position = *self.positions.entry(claimed.job.key.clone()).or_insert(self.list.len());
        if position == self.list.len() {
            self.list.push(Subject {
                key: claimed.job.key.clone(),
                jobs: Vec::with_capacity(1),
            });
        }
        self.list[position].jobs.push((tap, claimed));
    }
}
