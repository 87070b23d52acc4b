//! One sync at work: claim, build, compare, deliver, write down.
//!
//! ```text
//!                        ┌──(documents)──▶ publisher ──(endings)──▶ settler     outlet
//! feeder ─▶ (build once) ┤   └──────────(nothing to send)──────────────▲
//!                        └──(documents)──▶ publisher ──(endings)──▶ settler     outlet
//! ```
//!
//! The feeder claims for every sink of the sync that can take more, builds each subject once for all of them, and comes to a
//! verdict for each. From there on every sink has an outlet of its own. Where SQL is to be run after deliveries, a finisher stands
//! between publisher and settler.
//!
//! What jobs leave room for is for backfills: a prospector for each sink takes chunks of subjects that have no job of their own.
//!
//! Promises: the feeder never waits for an outlet. It claims for an outlet only what its channels hold, and where an outlet has
//! used up its share of memory, jobs are let go of. So a sink that is slow or refuses everything stops the claiming for
//! itself alone. Lanes share nothing with each other but the places of sinks and the builders.

mod feeder;
mod finisher;
mod in_hand;
mod judge;
mod prospector;
mod publisher;
mod settler;
mod stock;
mod tap;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use futures_util::future::join_all;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, RouteAtWork, Routes};
use crate::build::Digest;
use crate::config::Sync;
use crate::failpoint;
use crate::plan::{self, AfterPublish};
use crate::publish::{Delivery, Remote};
use crate::queue::{ClaimError, Job, Worker};
use crate::record::{Attempt, Ending, Held, Settlement};
use in_hand::InHand;
use stock::{Stock, Stored};
use tap::Tap;

/// Batches of a visit of many subjects that an outlet may have in hand: one is delivered while the next is built.
const BULK_BATCHES: usize = 2;

/// Batches that it may have in hand in all: beside those there is always room for live changes.
const BATCHES_IN_HAND: usize = BULK_BATCHES + 1;

/// What all stages of a lane share.
struct Lane {
    engine: Arc<Engine>,
    routes: Routes,
    /// Position in the plans.
    sync: usize,
    worker: Arc<Worker>,
}

/// One sink of the lane's sync.
struct Outlet<'a> {
    lane: &'a Lane,
    route: &'a RouteAtWork,
    /// Jobs that may still be claimed; as many may be in hand as fit into any channel of the outlet.
    places: Arc<Semaphore>,
    /// The same for jobs of visits of many subjects, which take up one of either.
    bulk_places: Arc<Semaphore>,
    stock: Arc<Stock>,
    /// In the next chunk of a backfill.
    chunk_subjects: AtomicUsize,
}

/// A claimed job, which takes up a place until what became of it is written down.
struct Claimed {
    job: Job,
    /// That the job is of, if it has no row.
    chunk: Option<Arc<InHand>>,
    _place: OwnedSemaphorePermit,
    _bulk_place: Option<OwnedSemaphorePermit>,
}

/// A document that is to be sent.
struct Parcel {
    claimed: Claimed,
    delivery: Delivery,
    digest: Digest,
    _stored: Stored,
}

/// A document that the sink has accepted.
struct Accepted {
    parcel: Parcel,
    started_at: std::time::SystemTime,
    status: Option<u16>,
    remote: Remote,
}

/// What a delivery has come to.
enum End {
    Accepted(Accepted),
    Over(Ended),
}

/// A job at its end, with what the counts need.
struct Ended {
    settlement: Settlement,
    delivered: Option<Delivered>,
    claimed: Claimed,
}

struct Delivered {
    operation: crate::diff::Operation,
    changed_at: Option<std::time::SystemTime>,
}

/// Runs until a stop, when all that was in flight is written down, or until it is abandoned. An error means that this worker
/// may hold jobs that it does not know of.
pub(super) async fn run(
    engine: Arc<Engine>,
    routes: Routes,
    sync: usize,
    worker: Arc<Worker>,
    abandon: CancellationToken,
) -> Result<(), ClaimError> {
    let lane = Lane {
        engine,
        routes,
        sync,
        worker,
    };
    let routes = lane.routes.iter().filter(|route| route.sync == sync);
    let outlets: Vec<Outlet<'_>> = routes.map(|route| Outlet::new(&lane, route)).collect();
    let arity = lane.engine.plans[sync].shape.columns.len();
    let after = plan::after_publish(&lane.engine.config.syncs[sync], arity).expect("the check has let it pass");
    let work = async {
        let (mut taps, mut stages, mut prospectors) = (Vec::new(), Vec::new(), Vec::new());
        for outlet in &outlets {
            let (parcels, parcels_in) = mpsc::channel(lane.most_in_hand());
            let (ended, ended_in) = mpsc::channel(lane.most_in_hand());
            let (chunks, chunks_in) = mpsc::channel(1);
            taps.push(Tap::new(outlet, parcels, ended.clone(), chunks_in));
            prospectors.push(prospector::run(outlet, chunks));
            stages.push(outlet.run(after.as_ref(), parcels_in, ended, ended_in));
        }
        let (fed, ..) = tokio::join!(feeder::run(&lane, taps), join_all(stages), join_all(prospectors));
        fed
    };
    tokio::select! {
        () = abandon.cancelled() => Ok(()),
        fed = work => fed,
    }
}

impl Lane {
    /// Most jobs that one outlet holds.
    fn most_in_hand(&self) -> usize {
        BATCHES_IN_HAND * self.engine.config.engine.batch
    }
}

impl<'a> Outlet<'a> {
    fn new(lane: &'a Lane, route: &'a RouteAtWork) -> Self {
        let share = lane.engine.documents_bytes / lane.routes.len().max(1);
        Self {
            lane,
            route,
            places: Arc::new(Semaphore::new(lane.most_in_hand())),
            bulk_places: Arc::new(Semaphore::new(BULK_BATCHES * lane.engine.config.engine.batch)),
            stock: Arc::new(Stock::new(share)),
            chunk_subjects: AtomicUsize::new(in_hand::FIRST_CHUNK.min(lane.engine.config.engine.batch)),
        }
    }

    /// Until the feeder is done and all that it handed out is written down.
    async fn run(
        &self,
        after: Option<&AfterPublish>,
        parcels: Receiver<Parcel>,
        ended: Sender<Ended>,
        ended_in: Receiver<Ended>,
    ) {
        let Some(after) = after else {
            tokio::join!(publisher::run(self, parcels, ended, None), settler::run(self, ended_in));
            return;
        };
        let (accepted, accepted_in) = mpsc::channel(self.lane.most_in_hand());
        tokio::join!(
            publisher::run(self, parcels, ended.clone(), Some(accepted)),
            finisher::run(self, after, accepted_in, ended),
            settler::run(self, ended_in),
        );
    }

    fn sync(&self) -> &'a Sync {
        &self.lane.engine.config.syncs[self.lane.sync]
    }
}

impl Claimed {
    /// Whether something may have been sent that nobody recorded.
    fn is_uncertain(&self) -> bool {
        self.job.uncertain && !failpoint::is_off("uncertainty-guard")
    }

    fn end(self, ending: Ending, attempt: Option<Attempt>) -> Ended {
        let held = Held {
            uncertain: self.is_uncertain(),
            ..Held::from(&self.job)
        };
        Ended {
            settlement: Settlement {
                job: held,
                ending,
                attempt,
                remote: Remote::Same,
            },
            delivered: None,
            claimed: self,
        }
    }
}
