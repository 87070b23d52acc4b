//! A number of places for which the more urgent go first.
//!
//! Within a priority whoever came first goes first. Those of low priority may wait for as long as there are others: that is
//! what priority means.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::queue::Priority;

#[derive(Debug)]
pub(super) struct Gate {
    // Held for a look or a change only.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    size: usize,
    taken: usize,
    /// By priority.
    waiting: [VecDeque<oneshot::Sender<Place>>; Priority::LEVELS],
}

/// Given to the next when it is dropped, also on its way to one who no longer waits for it.
#[derive(Debug)]
pub(super) struct Place {
    /// `None` once it has been taken back.
    gate: Option<Arc<Gate>>,
}

/// One who waits at the gate. Dropped, it takes no place.
#[derive(Debug)]
pub(super) struct Turn {
    gate: Arc<Gate>,
    priority: Priority,
    given: oneshot::Receiver<Place>,
}

impl Gate {
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                size: places,
                taken: 0,
                waiting: Default::default(),
            }),
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
        }
    }

    /// Gives places to those who wait for as long as there are any.
    fn serve(self: &Arc<Self>) {
        while let Some(next) = self.next() {
            let place = Place {
                gate: Some(self.clone()),
            };
            if let Err(mut back) = next.send(place) {
                // One who no longer waits; emptied, so that dropping it does not serve anew.
                back.gate = None;
                self.state().taken -= 1;
            }
        }
    }

    /// Takes a place for the next.
    fn next(&self) -> Option<oneshot::Sender<Place>> {
        let mut state = self.state();
        if state.taken >= state.size {
            return None;
        }
        let next = state.waiting.iter_mut().find_map(VecDeque::pop_front)?;
        state.taken += 1;
        Some(next)
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
}

impl Turn {
    /// Waits for the place; given once. Nothing is lost where waiting is broken off.
    pub async fn place(&mut self) -> Place {
        (&mut self.given).await.expect("nobody leaves the line without a place")
    }

    /// Moves up, where this is more urgent.
    pub fn hurry(&mut self, priority: Priority) {
        if priority < self.priority {
            // The new turn first: a place that was on its way may then come to it.
            *self = self.gate.line_up(priority);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.state().taken -= 1;
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
}
