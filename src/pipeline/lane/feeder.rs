//! Claims jobs, builds their documents, and decides which are sent.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use metrics::{Counter, counter};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::Sender;

use super::{Ended, Lane, Parcel, held};
use crate::build::{self, BuildError, Built, Digest};
use crate::diff::{self, Accepted, Operation, Reason, Verdict, verdict};
use crate::failpoint;
use crate::mapping::SubjectKey;
use crate::metrics as names;
use crate::pg;
use crate::pipeline::backoff::Backoff;
use crate::pipeline::breaker::Passage;
use crate::pipeline::engine::chain;
use crate::pipeline::schema;
use crate::publish::{Delivery, Failure, FailureClass, NextStep, Outcome, next_step};
use crate::queue::{self, ClaimError, Job};
use crate::record::{Attempt, Ending, Settlement};

/// However a lane is woken, it also looks by itself: another process may have made jobs or died holding some.
const PERIOD: Duration = Duration::from_secs(1);

/// When jobs are tried again whose documents cannot be built because of the source, not because of them.
const UNBUILDABLE_PERIOD: Duration = Duration::from_secs(2);

/// After a few deliveries were let through to a sink that is down, before it is looked what became of them.
const PROBING_PERIOD: Duration = Duration::from_millis(200);

/// About what the documents of one batch may take in memory.
const BATCH_BYTES: usize = 8 << 20;

/// Subjects in the first batch, before it is known how large documents are.
const FIRST_BATCH: usize = 64;

pub(super) async fn run(lane: &Lane, parcels: Sender<Parcel>, ended: Sender<Ended>) -> Result<(), ClaimError> {
    let mut feeder = Feeder {
        lane,
        parcels,
        ended,
        size: FIRST_BATCH.min(lane.engine.config.engine.batch),
        built: counter!(names::SUBJECTS_BUILT, "sync" => lane.route().sync_name.to_string()),
    };
    let component = format!("jobs of {} into {}", lane.route().sync_name, lane.route().sink_name);
    let mut backoff = Backoff::new();
    let stop = &lane.engine.stop;
    while !stop.is_cancelled() {
        let wait = match feeder.feed().await {
            Ok(Fed::More) => continue,
            Ok(Fed::Drained(wait)) => {
                lane.engine.health.well(&component);
                backoff.reset();
                wait
            }
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
            () = lane.route().jobs.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    Ok(())
}

struct Feeder<'a> {
    lane: &'a Lane,
    parcels: Sender<Parcel>,
    ended: Sender<Ended>,
    /// Subjects in the next batch.
    size: usize,
    built: Counter,
}

enum Fed {
    /// There may be more that is due.
    More,
    /// Nothing more is due for so long.
    Drained(Duration),
    /// Nothing can be done for so long, whatever is due.
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

impl Feeder<'_> {
    async fn feed(&mut self) -> Result<Fed, FeedError> {
        let route = self.lane.route();
        let most = match route.sink.breaker.passage(Instant::now()) {
            Passage::Free => self.size,
            Passage::Probes(most) => most,
            // Not woken by new jobs: nothing could be done for them.
            Passage::Closed(wait) => return Ok(Fed::Blocked(wait)),
        };
        let mut state = self.lane.engine.state.get().await?;
        let jobs = queue::claim(&mut state, route.id, &route.fingerprint, self.lane.worker.id, most).await?;
        if jobs.is_empty() {
            let due = queue::next_due(&state, route.id).await?;
            return Ok(Fed::Drained(due.unwrap_or(PERIOD).min(PERIOD)));
        }
        drop(state);
        failpoint::die_at("claim-after-commit");
        let probing = most < self.size;
        if !self.build(jobs).await {
            return Ok(Fed::Blocked(UNBUILDABLE_PERIOD));
        }
        Ok(if probing {
            Fed::Blocked(PROBING_PERIOD)
        } else {
            Fed::More
        })
    }

    /// Returns whether the source was able to.
    async fn build(&mut self, jobs: Vec<Job>) -> bool {
        let lane = self.lane;
        let plan = &lane.engine.plans[lane.route().sync];
        let keys: Vec<SubjectKey> = jobs.iter().map(|job| job.key.clone()).collect();
        let built = {
            let _place = lane.engine.builders.acquire().await.expect("never closed");
            match lane.engine.source.get().await {
                Ok(source) => build::build(&source, plan, &keys).await,
                Err(error) => Err(BuildError::Unreachable(error)),
            }
        };
        let component = format!("builds of {}", lane.route().sync_name);
        match built {
            Ok(built) => {
                if lane.engine.health.well(&component) {
                    schema::works(&lane.engine, &lane.route().sync_name).await;
                }
                self.built.increment(jobs.len() as u64);
                self.adapt(&built);
                for (job, built) in jobs.into_iter().zip(built) {
                    self.decide(job, built).await;
                }
                true
            }
            Err(error) => {
                if lane.engine.health.ill(&component, chain(&error)) {
                    tracing::error!(sync = %lane.route().sync_name, error = chain(&error), "cannot build; the jobs wait");
                    if matches!(error, BuildError::Statement(_)) {
                        schema::rests(&lane.engine, &lane.route().sync_name, &chain(&error)).await;
                    }
                }
                if matches!(error, BuildError::Statement(_)) {
                    lane.engine.hints.rejected();
                }
                for job in jobs {
                    self.end(
                        &job,
                        Ending::Released {
                            after: UNBUILDABLE_PERIOD,
                        },
                        None,
                    )
                    .await;
                }
                false
            }
        }
    }

    /// The next batch as large as its documents let it be: one that turned out large makes the next one small.
    fn adapt(&mut self, built: &[Built]) {
        let bytes = built.iter().map(|built| match built {
            Built::Document(document) => document.text.len(),
            Built::Gone | Built::Failed(_) => 0,
        });
        let average = bytes.sum::<usize>() / built.len().max(1);
        let fitting = BATCH_BYTES / average.max(1);
        self.size = fitting
            .min(self.size * 2)
            .clamp(1, self.lane.engine.config.engine.batch);
    }

    async fn decide(&mut self, job: Job, built: Built) {
        let lane = self.lane;
        let compared = match &built {
            Built::Document(document) => diff::Built::Document(document.digest),
            Built::Gone => diff::Built::Gone,
            Built::Failed(reason) => {
                let reason = reason.clone();
                return self.fail(&job, reason).await;
            }
        };
        let accepted = job.accepted.map(|digest| Accepted {
            digest: digest.map(Digest::from_bytes),
        });
        let uncertain = job.uncertain && !failpoint::is_off("uncertainty-guard");
        match verdict(compared, accepted, uncertain, false) {
            Verdict::Suppress(reason) => self.suppress(&job, reason).await,
            Verdict::Send(operation) => {
                let (document, digest) = match built {
                    Built::Document(document) => (document.text, document.digest),
                    Built::Gone | Built::Failed(_) => (Arc::from(""), Digest::GONE),
                };
                let delivery = Delivery {
                    sync: lane.route().sync_name.clone(),
                    shape: lane.engine.plans[lane.route().sync].shape.clone(),
                    key: job.key.clone(),
                    operation,
                    version: version(&job, digest),
                    correlation: correlation(&job),
                    document,
                    deadline: lane.worker.lease.expires(),
                };
                let room = self.room(delivery.document.len()).await;
                // A closed channel means that the lane has been abandoned, and the job with it.
                let _ = self
                    .parcels
                    .send(Parcel {
                        job,
                        delivery,
                        digest,
                        _room: room,
                    })
                    .await;
            }
        }
    }

    /// Room in memory for a document; one that is larger than all there is takes it all.
    async fn room(&self, bytes: usize) -> OwnedSemaphorePermit {
        let engine = &self.lane.engine;
        let kib = u32::try_from(bytes / 1024 + 1)
            .unwrap_or(u32::MAX)
            .min(engine.documents_kib);
        engine
            .documents
            .clone()
            .acquire_many_owned(kib)
            .await
            .expect("never closed")
    }

    async fn suppress(&mut self, job: &Job, reason: Reason) {
        let route = self.lane.route();
        let name = reason.as_str();
        counter!(names::SUPPRESSED, "sync" => route.sync_name.to_string(), "reason" => name).increment(1);
        self.lane.engine.count(route.id, name, 1);
        self.end(job, Ending::Suppressed, None).await;
    }

    /// This one cannot be built: a try that failed, and nothing was sent.
    async fn fail(&mut self, job: &Job, reason: String) {
        let now = SystemTime::now();
        let attempt = Attempt {
            started_at: now,
            finished_at: now,
            outcome: "retry",
            class: Some(FailureClass::Build.as_str()),
            status: None,
            certain: true,
            message: Some(reason.clone()),
            operation: Operation::Upsert,
            version: job.version,
            digest: None,
        };
        let failure = Failure {
            class: FailureClass::Build,
            status: None,
            message: reason,
            certain: true,
        };
        let outcome = Outcome::Retry { failure, after: None };
        let retry = self.lane.route().sink.sink.retry();
        let ending = match next_step(&outcome, u32::from(job.attempts) + 1, retry, fastrand::f64()) {
            NextStep::RetryIn(after) => Ending::Retry {
                after,
                certain: true,
                sent: None,
            },
            _ => Ending::Over {
                dead: true,
                certain: true,
            },
        };
        tracing::warn!(
            sync = %self.lane.route().sync_name, key = %job.key, job = job.id.0, attempt = job.attempts + 1,
            "a document cannot be built"
        );
        self.end(job, ending, Some(attempt)).await;
    }

    async fn end(&mut self, job: &Job, ending: Ending, attempt: Option<Attempt>) {
        let settlement = Settlement {
            job: held(job),
            ending,
            attempt,
        };
        let _ = self
            .ended
            .send(Ended {
                settlement,
                delivered: None,
            })
            .await;
    }
}

/// The same number for the same document tried again, otherwise a new one. After a lost worker always a new one: it may
/// have sent another document under a number of its own.
fn version(job: &Job, digest: Digest) -> i64 {
    match job.sent {
        Some((version, sent)) if !job.uncertain && sent == digest.to_bytes() => version,
        _ => job.version,
    }
}

/// A trace id for the whole life of a job.
fn correlation(job: &Job) -> String {
    let since_epoch = job.created_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = format!("{}/{}", job.id.0, since_epoch.as_micros());
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(name.as_bytes()))
}
