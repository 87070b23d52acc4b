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
        self.tokens += unused;
        if let Some(gate) = &self.gate {
            gate.state().put_back(std::mem::take(&mut self.tokens));
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
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// Enters without waiting, if there is a place.
    fn enters(gate: &Arc<Gate>) -> Option<Place> {
        gate.enter(Priority::Bulk).now_or_never()
    }

    #[test]
    fn there_are_as_many_places_as_were_made() {
        let gate = Gate::new(2);
        let (first, second) = (enters(&gate), enters(&gate));
        assert!(first.is_some() && second.is_some() && enters(&gate).is_none());
        drop(first);
        let third = enters(&gate);
        assert!(third.is_some() && enters(&gate).is_none());
        drop((second, third));
        assert_eq!(gate.state().taken, 0);
    }

    #[test]
    fn the_more_urgent_go_first_and_then_those_who_came_first() {
        let gate = Gate::new(1);
        let mut place = enters(&gate);
        let order = [
            Priority::Bulk,
            Priority::Low,
            Priority::Normal,
            Priority::High,
            Priority::Low,
            Priority::High,
        ];
        let mut waiting: Vec<_> = order
            .iter()
            .map(|priority| Some(Box::pin(gate.enter(*priority))))
            .collect();
        for one in waiting.iter_mut().flatten() {
            assert!(one.now_or_never().is_none());
        }
        for wanted in [3, 5, 2, 1, 4, 0] {
            drop(place.take());
            for (at, one) in waiting.iter_mut().enumerate() {
                let Some(given) = one.as_mut().and_then(FutureExt::now_or_never) else {
                    continue;
                };
                assert!(place.is_none(), "two have the place");
                assert_eq!(at, wanted);
                place = Some(given);
                *one = None;
            }
            assert!(place.is_some());
        }
    }

    #[test]
    fn one_who_no_longer_waits_takes_no_place() {
        let gate = Gate::new(1);
        let place = enters(&gate);
        let (mut gone, mut next) = (
            Box::pin(gate.enter(Priority::High)),
            Box::pin(gate.enter(Priority::Low)),
        );
        assert!((&mut gone).now_or_never().is_none() && (&mut next).now_or_never().is_none());
        drop(gone);
        drop(place);
        assert!((&mut next).now_or_never().is_some());
        assert!(enters(&gate).is_some());
    }

    #[test]
    fn one_who_leaves_just_when_it_is_given_a_place_gives_it_on() {
        let gate = Gate::new(1);
        let place = enters(&gate);
        let (mut gone, mut next) = (
            Box::pin(gate.enter(Priority::High)),
            Box::pin(gate.enter(Priority::Low)),
        );
        assert!((&mut gone).now_or_never().is_none() && (&mut next).now_or_never().is_none());
        drop(place);
        // It is on its way to the first, who does not take it.
        assert!((&mut next).now_or_never().is_none());
        drop(gone);
        let given = (&mut next).now_or_never();
        assert!(given.is_some() && enters(&gate).is_none());
        drop(given);
        assert_eq!(gate.state().taken, 0);
    }

    #[test]
    fn one_who_becomes_more_urgent_moves_up() {
        let gate = Gate::new(1);
        let place = enters(&gate);
        let (mut first, mut second) = (gate.line_up(Priority::Low), gate.line_up(Priority::Bulk));
        second.hurry(Priority::Normal);
        second.hurry(Priority::Low);
        drop(place);
        assert!(first.place().now_or_never().is_none());
        let given = second.place().now_or_never();
        assert!(given.is_some());
        drop(given);
        assert!(first.place().now_or_never().is_some());
    }

    #[test]
    fn one_who_moves_up_keeps_the_place_that_was_on_its_way() {
        let gate = Gate::new(1);
        let place = enters(&gate);
        let mut turn = gate.line_up(Priority::Bulk);
        drop(place);
        let mut other = gate.line_up(Priority::Low);
        turn.hurry(Priority::High);
        assert!(other.place().now_or_never().is_none());
        assert!(turn.place().now_or_never().is_some());
    }

    #[test]
    fn those_who_left_a_line_do_not_fill_it() {
        let gate = Gate::new(1);
        let _place = enters(&gate);
        for _ in 0..100 {
            drop(gate.line_up(Priority::Bulk));
        }
        assert!(gate.state().waiting[Priority::Bulk as usize].len() <= 1);
    }

    #[test]
    fn places_may_become_fewer_and_more() {
        let gate = Gate::new(2);
        let (first, second) = (enters(&gate), enters(&gate));
        assert!(gate.is_full());
        gate.resize(1);
        drop(first);
        assert!(gate.is_full() && enters(&gate).is_none());
        let mut waiting = [Priority::Low, Priority::High].map(|priority| gate.line_up(priority));
        gate.resize(2);
        assert!(waiting[1].place().now_or_never().is_some());
        assert!(waiting[0].place().now_or_never().is_some());
        drop(second);
        assert_eq!(gate.state().taken, 0);
    }

    const TEN_A_SECOND: Rate = Rate {
        count: 10,
        per: Duration::from_secs(1),
    };

    #[tokio::test(start_paused = true)]
    async fn a_rate_lets_through_so_many_whatever_the_places() {
        let gate = Gate::with_rate(100, Some(TEN_A_SECOND));
        let start = Instant::now();
        for _ in 0..31 {
            let mut place = gate.enter(Priority::Normal).await;
            assert_eq!(place.spend(1), 1);
        }
        let took = start.elapsed();
        assert!((3_000..3_100).contains(&took.as_millis()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_token_goes_to_the_most_urgent() {
        let gate = Gate::with_rate(2, Some(TEN_A_SECOND));
        let first = gate.enter(Priority::Low).await;
        let order = Mutex::new(Vec::new());
        let wait = async |priority| {
            let mut place = gate.enter(priority).await;
            place.spend(1);
            order.lock().unwrap().push(priority);
        };
        let spend = async {
            let mut first = first;
            // The others wait already, and think that there is a token.
            tokio::task::yield_now().await;
            assert_eq!(first.spend(100), 1);
        };
        tokio::join!(wait(Priority::Bulk), wait(Priority::Low), wait(Priority::High), spend);
        assert_eq!(*order.lock().unwrap(), [Priority::High, Priority::Low, Priority::Bulk]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_takes_what_tokens_there_are_and_gives_back_what_it_does_not_need() {
        let gate = Gate::with_rate(2, Some(TEN_A_SECOND));
        tokio::time::sleep(Duration::from_millis(450)).await;
        let mut place = gate.enter(Priority::Normal).await;
        assert_eq!(place.spend(100), 5);
        place.put_back(2);
        drop(place);
        let mut place = gate.enter(Priority::Normal).await;
        assert_eq!(place.spend(100), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_not_used_keeps_no_token() {
        let gate = Gate::with_rate(1, Some(TEN_A_SECOND));
        drop(gate.enter(Priority::Normal).await);
        // On its way to one who leaves.
        drop(gate.line_up(Priority::Normal));
        let mut place = enters(&gate).unwrap();
        assert_eq!(place.spend(1), 1);
        drop(place);
        assert!(enters(&gate).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_waits_for_a_place_and_then_for_a_token_is_woken() {
        let gate = Gate::with_rate(1, Some(TEN_A_SECOND));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut place = gate.enter(Priority::Normal).await;
        let spend = async {
            tokio::task::yield_now().await;
            assert_eq!(place.spend(10), 10);
            tokio::task::yield_now().await;
            drop(place);
        };
        let start = Instant::now();
        let (_second, ()) = tokio::join!(gate.enter(Priority::Normal), spend);
        assert_eq!(start.elapsed(), Duration::from_millis(100));
    }
}
