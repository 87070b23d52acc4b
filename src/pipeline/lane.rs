//! One route at work: claim, build, compare, deliver, write down.
//!
//! ```text
//! feeder ──(documents)──▶ publisher ──(endings)──▶ settler
//!    └──────────(nothing to send)─────────────────────▲
//! ```
//!
//! The three run side by side, joined by channels of limited length, so that a slow sink stops the feeder from claiming and
//! a batch is built while another is delivered. A lane shares nothing with other lanes but the places of its sink and the
//! builders: what is slow or refused here is not noticed there.

mod feeder;
mod publisher;
mod settler;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, RouteAtWork, Routes};
use crate::build::Digest;
use crate::publish::Delivery;
use crate::queue::{ClaimError, Job, Worker};
use crate::record::{Held, Settlement};

/// What the stages of a lane share.
struct Lane {
    engine: Arc<Engine>,
    routes: Routes,
    index: usize,
    worker: Arc<Worker>,
}

impl Lane {
    fn route(&self) -> &RouteAtWork {
        &self.routes[self.index]
    }
}

/// A document that is to be sent.
struct Parcel {
    job: Job,
    delivery: Delivery,
    digest: Digest,
    /// Given back when the document is gone from memory.
    _room: OwnedSemaphorePermit,
}

/// A job at its end, with what the counts need.
struct Ended {
    settlement: Settlement,
    delivered: Option<Delivered>,
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
    index: usize,
    worker: Arc<Worker>,
    abandon: CancellationToken,
) -> Result<(), ClaimError> {
    let lane = Lane {
        engine,
        routes,
        index,
        worker,
    };
    let batch = lane.engine.config.engine.batch;
    let (parcels, parcels_in) = mpsc::channel(batch);
    let (ended, ended_in) = mpsc::channel(batch);
    let work = async {
        let (fed, (), ()) = tokio::join!(
            feeder::run(&lane, parcels, ended.clone()),
            publisher::run(&lane, parcels_in, ended),
            settler::run(&lane, ended_in),
        );
        fed
    };
    tokio::select! {
        () = abandon.cancelled() => Ok(()),
        fed = work => fed,
    }
}

fn held(job: &Job) -> Held {
    Held {
        id: job.id,
        key: job.key.as_str().to_owned(),
        touched: job.touched,
        attempts: job.attempts,
        version: job.version,
        uncertain: job.uncertain,
    }
}
