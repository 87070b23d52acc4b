//! How many items go in one request, and which of them go alone (G8).
//!
//! One item that the other side cannot take must not take the others with it. Where a request for several is refused as a
//! whole, it goes again in halves, down to the one that is refused by itself. Where nobody knows what became of it, its
//! items are tried again later, each *alone*: what makes the other side fall over does so by itself then. What is too large
//! is remembered, so that not every request has to be refused first.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Mutex;

use xxhash_rust::xxh3::xxh3_64;

use super::{Delivery, FailureClass, Outcome};

/// Most subjects that are remembered to go alone. With more than that the other side is down, not one of them at fault.
const ALONE_MAX: usize = 100_000;

/// After how many requests that were not too large they may be a doubling larger.
const GROWTH: usize = 32;

/// What is learned from the answers of one sink.
#[derive(Debug)]
pub(super) struct Pieces {
    // Held for a look or a change only.
    learned: Mutex<Learned>,
}

#[derive(Debug)]
struct Learned {
    alone: HashSet<u64>,
    /// Most bytes of one request; grows again slowly.
    bytes_max: usize,
}

impl Pieces {
    pub fn new() -> Self {
        let learned = Learned {
            alone: HashSet::new(),
            bytes_max: usize::MAX,
        };
        Self {
            learned: Mutex::new(learned),
        }
    }

    /// Cuts a batch of deliveries, each with the bytes of its item: ranges of what goes together, in order.
    pub fn cut<'a>(&self, batch: impl IntoIterator<Item = (&'a Delivery, usize)>) -> Vec<Range<usize>> {
        let learned = self.learned.lock().expect("no holder panics");
        let mut pieces: Vec<Range<usize>> = Vec::new();
        let (mut bytes, mut open) = (0_usize, false);
        for (at, (delivery, length)) in batch.into_iter().enumerate() {
            let alone = learned.alone.contains(&name(delivery));
            bytes = bytes.saturating_add(length);
            match pieces.last_mut() {
                Some(piece) if open && !alone && bytes <= learned.bytes_max => piece.end = at + 1,
                _ => {
                    pieces.push(at..at + 1);
                    bytes = length;
                }
            }
            open = !alone;
        }
        pieces
    }

    /// From now on each of them goes alone.
    pub fn part<'a>(&self, deliveries: impl Iterator<Item = &'a Delivery>) {
        let mut learned = self.learned.lock().expect("no holder panics");
        learned.alone.extend(deliveries.map(name));
        if learned.alone.len() > ALONE_MAX {
            learned.alone.clear();
        }
    }

    /// What became of it is known: it may go with others again.
    pub fn settle(&self, delivery: &Delivery) {
        self.learned
            .lock()
            .expect("no holder panics")
            .alone
            .remove(&name(delivery));
    }

    /// A request of several items and so many bytes was too large.
    pub fn too_large(&self, bytes: usize) {
        let mut learned = self.learned.lock().expect("no holder panics");
        learned.bytes_max = learned.bytes_max.min((bytes / 2).max(1));
    }

    /// A request was not.
    pub fn fits(&self) {
        let mut learned = self.learned.lock().expect("no holder panics");
        learned.bytes_max = learned.bytes_max.saturating_add(learned.bytes_max / GROWTH);
    }
}

/// The subject; two of the same name go alone for nothing, at worst.
fn name(delivery: &Delivery) -> u64 {
    xxh3_64(format!("{}\n{}", delivery.sync, delivery.key.as_str()).as_bytes())
}

/// A range in two.
pub(super) fn halves(piece: Range<usize>) -> [Range<usize>; 2] {
    let middle = usize::midpoint(piece.start, piece.end);
    [piece.start..middle, middle..piece.end]
}

/// Whether one item may have made the whole request fail; a sink that is away or busy is nobody's fault.
pub(super) fn may_be_one_s_fault(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Retry { failure, .. } => {
            let busy = failure.class == FailureClass::RateLimited || failure.status == Some(425);
            let away = failure.class == FailureClass::Connection && failure.certain;
            !busy && !away
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::peer::delivery;

    #[test]
    fn what_is_large_or_suspected_goes_by_itself() {
        let deliveries: Vec<_> = ["1", "2", "3", "4", "5"].map(|id| delivery(&[("id", id)], "{}")).into();
        let pieces = Pieces::new();
        let sizes = || {
            pieces
                .cut(deliveries.iter().map(|it| (it, 8)))
                .into_iter()
                .map(|piece| piece.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(), [5]);
        pieces.part([&deliveries[1]].into_iter());
        assert_eq!(sizes(), [1, 1, 3]);
        pieces.part(deliveries[..4].iter());
        assert_eq!(sizes(), [1; 5]);
        for delivery in &deliveries {
            pieces.settle(delivery);
        }
        assert_eq!(sizes(), [5]);

        pieces.too_large(40);
        assert_eq!(sizes(), [2, 2, 1]);
        pieces.too_large(8);
        assert_eq!(sizes(), [1; 5]);
        pieces.too_large(0);
        assert_eq!(sizes(), [1; 5]);
    }

    #[test]
    fn requests_grow_again_where_they_are_not_too_large() {
        let pieces = Pieces::new();
        pieces.too_large(1_000);
        let bytes_max = || pieces.learned.lock().unwrap().bytes_max;
        assert_eq!(bytes_max(), 500);
        for _ in 0..GROWTH {
            pieces.fits();
        }
        assert!((1_000..2_000).contains(&bytes_max()), "{}", bytes_max());
        pieces.learned.lock().unwrap().bytes_max = usize::MAX;
        pieces.fits();
        assert_eq!(bytes_max(), usize::MAX);
    }
}
