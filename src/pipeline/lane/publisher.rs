//! Sends documents: many in a request where the sink takes that, and as many requests at a time as it has places.
//!
//! It waits for a place at the gate of the sink, as urgently as the most urgent document here, and only then takes what is to go
//! together. So a batch never waits for company, and fills by itself under load.
//!
//! No two deliveries of one subject are ever in a batch or under way at once: a job is there once for a subject, and whoever
//! holds it lets go of it only after it has been written down what became of it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::{Receiver, Sender};

use super::waiting::Waiting;
use super::{Accepted, End, Ended, Outlet, Parcel};
use crate::failpoint;
use crate::pipeline::breaker::Passage;
use crate::pipeline::gate::{Place, Turn};
use crate::publish::Delivery;

/// Until the feeder is done and all that it handed out was sent or let go of. What is accepted goes to `accepted`, where there
/// is more to do for it.
pub(super) async fn run(
    outlet: &Outlet<'_>,
    mut parcels: Receiver<Parcel>,
    ended: Sender<Ended>,
    accepted: Option<Sender<Accepted>>,
) {
    let stop = &outlet.lane.engine.stop;
    let mut publisher = Publisher {
        outlet,
        waiting: Waiting::new(outlet.route.sink.sink.batching()),
        turn: None,
        requests: FuturesUnordered::new(),
        ended,
        accepted,
    };
    let mut open = true;
    loop {
        publisher.line_up();
        let patience_ends = publisher.patience_ends();
        tokio::select! {
            biased;
            // What was answered first: others wait for its place.
            Some(ends) = publisher.requests.next() => publisher.hand_on(ends).await,
            // A stop before a place: nothing new is begun.
            () = stop.cancelled(), if !publisher.waiting.is_empty() => publisher.release(Duration::ZERO).await,
            // What has come before a place: it may go with the others, or be more urgent than they are.
            parcel = parcels.recv(), if open => match parcel {
                Some(parcel) => publisher.waiting.put(parcel, Instant::now()),
                None => open = false,
            },
            // It is more urgent from then on.
            () = sleep_until(patience_ends), if patience_ends.is_some() => {}
            place = given(&mut publisher.turn), if publisher.turn.is_some() => publisher.use_place(place).await,
            else => return,
        }
    }
}

struct Publisher<'a> {
    outlet: &'a Outlet<'a>,
    waiting: Waiting,
    /// At the gate, while anything waits.
    turn: Option<Turn>,
    /// Under way. Dropped with the lane, wherever they are.
    requests: FuturesUnordered<BoxFuture<'a, Vec<End>>>,
    ended: Sender<Ended>,
    accepted: Option<Sender<Accepted>>,
}

impl Publisher<'_> {
    /// At the gate, as urgently as the most urgent of what waits; not at all if nothing waits.
    fn line_up(&mut self) {
        match (self.waiting.priority(Instant::now()), &mut self.turn) {
            (None, turn) => *turn = None,
            (Some(priority), Some(turn)) => turn.hurry(priority),
            (Some(priority), turn) => *turn = Some(self.outlet.route.sink.places.line_up(priority)),
        }
    }

    /// If that is still to come.
    fn patience_ends(&self) -> Option<Instant> {
        self.waiting.patience_ends().filter(|end| Instant::now() < *end)
    }

    async fn use_place(&mut self, mut place: Place) {
        self.turn = None;
        if self.outlet.route.rests.load(Ordering::Relaxed) {
            return self.release(Duration::ZERO).await;
        }
        if let Passage::Closed(after) = self.outlet.route.sink.breaker.passage(Instant::now()) {
            return self.release(after).await;
        }
        // As many as the sink's rate lets through; a batch goes with fewer rather than waits.
        let granted = place.spend(self.waiting.most());
        let batch = self.waiting.take(granted, Instant::now());
        place.put_back(granted - batch.len());
        self.requests.push(Box::pin(send(self.outlet, batch, place)));
    }

    /// Lets go of all that waits.
    async fn release(&mut self, after: Duration) {
        let waiting = self.waiting.take_all();
        let ends = waiting.into_iter().map(|parcel| End::Over(parcel.release(after)));
        self.hand_on(ends.collect()).await;
    }

    /// Never waits: the channels hold as many as there are places. If they are closed, the lane has been abandoned.
    async fn hand_on(&mut self, ends: Vec<End>) {
        for end in ends {
            match (end, &self.accepted) {
                (End::Accepted(delivery), Some(accepted)) => drop(accepted.send(delivery).await),
                (End::Accepted(delivery), None) => drop(self.ended.send(delivery.end(self.outlet)).await),
                (End::Over(ended), _) => drop(self.ended.send(ended).await),
            }
        }
    }
}

/// Asked only if there is such a time.
async fn sleep_until(time: Option<Instant>) {
    if let Some(time) = time {
        tokio::time::sleep_until(time.into()).await;
    }
}

/// Asked only while there is a turn.
async fn given(turn: &mut Option<Turn>) -> Place {
    match turn {
        Some(turn) => turn.place().await,
        None => std::future::pending().await,
    }
}

/// One request.
async fn send(outlet: &Outlet<'_>, mut batch: Vec<Parcel>, place: Place) -> Vec<End> {
    let (lane, sink) = (outlet.lane, &outlet.route.sink);
    for parcel in &mut batch {
        // The lease may have been renewed since the document was built.
        parcel.delivery.deadline = lane.worker.lease.expires();
        lane.engine.recent.note(outlet.route.id, &parcel.claimed.job.key);
    }
    let deliveries: Vec<Delivery> = batch.iter().map(|parcel| parcel.delivery.clone()).collect();
    failpoint::die_at("publish-before-send");
    let (began, started_at) = (Instant::now(), SystemTime::now());
    let outcomes = sink.sink.deliver(&deliveries).await;
    failpoint::die_at("publish-after-send");
    assert_eq!(outcomes.len(), batch.len(), "an outcome for each delivery");
    let spared = sink.note(began, &outcomes);
    drop(place);
    let ends = batch.into_iter().zip(outcomes);
    ends.map(|(parcel, outcome)| parcel.judge(outlet, outcome, started_at, spared))
        .collect()
}
