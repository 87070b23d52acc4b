//! A number of places for which the more urgent go first, and, where there is a rate, tokens that go with them.
//!
//! Within a priority whoever came first goes first. Those of low priority may wait for as long as there are others: that is
//! what priority means.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::bucket::Bucket;
use crate::config::Rate;
use crate::queue::Priority;

#[derive(Debug)]
pub(super) struct Gate {
    // Held for a look or a change only.
    state: Mutex<State>,
    /// Told when there are no tokens any more, so that whoever waits knows until when.
    emptied: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    size: usize,
    taken: usize,
    /// A place is given with one token.
    bucket: Option<Bucket>,
    /// By priority.
    waiting: [VecDeque<oneshot::Sender<Place>>; Priority::LEVELS],
}

/// Given to the next when it is dropped, also on its way to one who no longer waits for it.
#[derive(Debug)]
pub(super) struct Place {
    /// `None` once it has been left.
    gate: Option<Arc<Gate>>,
    /// That go with it and are not spent; where there is no rate they stand for nothing.
    tokens: usize,
}

/// One who waits at the gate. Dropped, it takes no place.
#[derive(Debug)]
pub(super) struct Turn {
    gate: Arc<Gate>,
    priority: Priority,
    given: oneshot::Receiver<Place>,
    emptied: watch::Receiver<()>,
}

impl Gate {
    pub fn new(places: usize) -> Arc<Self> {
        Self::with_rate(places, None)
    }

    /// No more than this rate goes through, of all processes together.
    pub fn with_rate(places: usize, rate: Option<Rate>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                size: places,
                taken: 0,
                bucket: rate.map(|rate| Bucket::new(rate, Instant::now())),
                waiting: Default::default(),
            }),
            emptied: watch::Sender::default(),
        })
    }

    /// Waits for a place.
    pub async fn enter(self: &Arc<Self>, priority: Priority) -> Place {
        self.line_up(priority).place().await
    }

    pub fn line_up(self: &Arc<Self>, priority: Priority) -> Turn {
        let (place, given) = oneshot::channel();
        self.state().add(place, priority);
        self.serve();
        Turn {
            gate: self.clone(),
            priority,
            given,
            emptied: self.emptied.subscribe(),
        }
    }

    /// From now on there are so many places. Those that are taken stay.
    pub fn resize(self: &Arc<Self>, places: usize) {
        self.state().size = places;
        self.serve();
    }

    /// Whether no place is free.
    pub fn is_full(&self) -> bool {
        let state = self.state();
        state.taken >= state.size
    }

    /// How many tokens come in this time, if there is a rate.
    pub fn worth(&self, time: Duration) -> Option<usize> {
        Some(self.state().bucket.as_ref()?.worth(time))
    }

    /// So many processes share the rate. `joined`: this one has only just become one of them.
    pub fn share_among(self: &Arc<Self>, processes: usize, joined: bool) {
        if let Some(bucket) = &mut self.state().bucket {
            if joined {
                bucket.join(processes, Instant::now());
            } else {
                bucket.share_among(processes, Instant::now());
            }
        }
        self.serve();
    }

    /// Gives places to those who wait for as long as there are any.
    fn serve(self: &Arc<Self>) {
        while let Some(next) = self.next() {
            let place = Place {
                gate: Some(self.clone()),
                tokens: 1,
            };
            if let Err(mut back) = next.send(place) {
                // One who no longer waits. Left here, so that dropping it does not serve anew.
                back.leave();
            }
        }
        self.say_if_empty();
    }

    fn say_if_empty(&self) {
        if self.opens().is_some() {
            self.emptied.send_replace(());
        }
    }

    /// When there will be a token; `None` if there is one, or no rate.
    fn opens(&self) -> Option<Instant> {
        self.state().bucket.as_ref()?.next(Instant::now())
    }

    /// Takes a place for the next.
    fn next(&self) -> Option<oneshot::Sender<Place>> {
        let mut state = self.state();
        if state.taken >= state.size {
            return None;
        }
        let State { waiting, bucket, .. } = &mut *state;
        let line = waiting.iter_mut().find(|line| !line.is_empty())?;
        if let Some(bucket) = bucket
            && bucket.take(1, Instant::now()) == 0
        {
            return None;
        }
        let next = line.pop_front();
        state.taken += 1;
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

impl State {
    fn add(&mut self, place: oneshot::Sender<Place>, priority: Priority) {
        let line = &mut self.waiting[priority as usize];
        // Those who have left would otherwise stay until it is their turn, which may be never.
        line.retain(|place| !place.is_closed());
        line.push_back(place);
    }

    fn put_back(&mut self, tokens: usize) {
        if let Some(bucket) = &mut self.bucket {
            bucket.put_back(tokens);
        }
    }
}

impl Turn {
    /// Waits for the place; given once. Nothing is lost where waiting is broken off.
    pub async fn place(&mut self) -> Place {
        loop {
            self.emptied.mark_unchanged();
            let opens = self.gate.opens();
            tokio::select! {
                biased;
                given = &mut self.given => return given.expect("nobody leaves the line without a place"),
                _ = self.emptied.changed() => {}
                () = until(opens) => self.gate.serve(),
            }
        }
    }

    /// Moves up, where this is more urgent.
    pub fn hurry(&mut self, priority: Priority) {
        if priority < self.priority {
            // The new turn first: a place that was on its way may then come to it.
            *self = self.gate.line_up(priority);
        }
    }
}

/// Never, where there is nothing to wait for.
async fn until(opens: Option<Instant>) {
    match opens {
        Some(opens) => tokio::time::sleep_until(opens).await,
        None => std::future::pending().await,
    }
}

impl Place {
    /// Takes as many tokens as there are, up to so many, and answers with how many it has got: at least one.
    pub fn spend(&mut self, wanted: usize) -> usize {
        let Some(gate) = &self.gate else { return 0 };
        let granted = match &mut gate.state().bucket {
            None => wanted,
            Some(bucket) => self.tokens + bucket.take(wanted.saturating_sub(self.tokens), Instant::now()),
        };
        self.tokens = 0;
        gate.say_if_empty();
        granted
    }

    /// Gives back tokens that were not needed.
    pub fn put_back(&mut self, unused: usize) {
        if let Some(gate) = self.gate.as_ref().filter(|_| unused > 0) {
            gate.state().put_back(unused);
            gate.serve();
        }
    }

    /// Leaves it, with what it still has; serves nobody.
    fn leave(&mut self) -> Option<Arc<Gate>> {
        let gate = self.gate.take()?;
        let mut state = gate.state();
        state.taken -= 1;
        state.put_back(self.tokens);
        drop(state);
        Some(gate)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(gate) = self.leave() {
            gate.serve();
        }
    }
}

#[cfg(test)]
mod tests;
