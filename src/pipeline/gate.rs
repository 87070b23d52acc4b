//! A number of places for which the more urgent go first.
//!
//! Within a priority whoever came first goes first. Those of low priority may wait for as long as there are others: that is
//! what priority means.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::queue::Priority;

#[derive(Debug)]
pub(super) struct Gate {
    // Held for a look or a change only.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Only where nobody waits.
    free: usize,
    /// By priority.
    waiting: [VecDeque<oneshot::Sender<Place>>; Priority::LEVELS],
}

/// Given to the next when it is dropped, also on its way to one who no longer waits for it.
#[derive(Debug)]
pub(super) struct Place {
    /// `None` once it has been given on.
    gate: Option<Arc<Gate>>,
}

impl Gate {
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                free: places,
                waiting: Default::default(),
            }),
        })
    }

    /// Waits for a place. Dropped while it waits, it takes none.
    pub async fn enter(self: &Arc<Self>, priority: Priority) -> Place {
        let given = {
            let mut state = self.state.lock().expect("no holder panics");
            if state.free > 0 {
                state.free -= 1;
                return Place {
                    gate: Some(self.clone()),
                };
            }
            let (place, given) = oneshot::channel();
            state.waiting[priority as usize].push_back(place);
            given
        };
        given.await.expect("nobody leaves the queue without a place")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(gate) = self.gate.take() else { return };
        loop {
            let next = {
                let mut state = gate.state.lock().expect("no holder panics");
                let next = state.waiting.iter_mut().find_map(VecDeque::pop_front);
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            let Some(next) = next else { return };
            let place = Place {
                gate: Some(gate.clone()),
            };
            match next.send(place) {
                Ok(()) => return,
                // One who no longer waits; emptied, so that dropping it gives nothing on.
                Err(mut back) => back.gate = None,
            }
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
        assert_eq!(gate.state.lock().unwrap().free, 2);
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
        assert_eq!(gate.state.lock().unwrap().free, 1);
    }
}
