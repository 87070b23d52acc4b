//! How many items go in one request, and which of them go alone (G8).
//!
//! One item that the other side cannot take must not take the others with it. Where a request for several is refused as a
//! whole, it goes again in halves, down to the one that is refused by itself. Where nobody knows what became of it, its
//! items are tried again later, each *alone*: what makes the other side fall over does so by itself then. What is too large
//! is remembered, so that not every request has to be refused first.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use super::http::time_allowed;
use super::{Delivery, Failure, FailureClass, Outcome};

/// Too large, as a status.
const TOO_LARGE: u16 = 413;

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
    fn cut<'a>(&self, batch: impl IntoIterator<Item = (&'a Delivery, usize)>) -> Vec<Range<usize>> {
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
    fn part<'a>(&self, deliveries: impl Iterator<Item = &'a Delivery>) {
        let mut learned = self.learned.lock().expect("no holder panics");
        learned.alone.extend(deliveries.map(name));
        if learned.alone.len() > ALONE_MAX {
            learned.alone.clear();
        }
    }

    /// What became of it is known: it may go with others again.
    fn settle(&self, delivery: &Delivery) {
        self.learned
            .lock()
            .expect("no holder panics")
            .alone
            .remove(&name(delivery));
    }

    /// A request of several items and so many bytes was too large.
    fn too_large(&self, bytes: usize) {
        let mut learned = self.learned.lock().expect("no holder panics");
        learned.bytes_max = learned.bytes_max.min((bytes / 2).max(1));
    }

    /// A request was not.
    fn fits(&self) {
        let mut learned = self.learned.lock().expect("no holder panics");
        learned.bytes_max = learned.bytes_max.saturating_add(learned.bytes_max / GROWTH);
    }
}

/// The subject; two of the same name go alone for nothing, at worst.
fn name(delivery: &Delivery) -> u64 {
    xxh3_64(format!("{}\n{}", delivery.sync, delivery.key.as_str()).as_bytes())
}

/// A sink that takes many deliveries in one request.
pub(super) trait Together: Sync {
    /// What stands for a delivery in a request.
    type Item: Send + Sync;

    /// Or why there can be none: then the same delivery never has one.
    fn item(&self, delivery: &Delivery) -> Result<Self::Item, Failure>;

    fn bytes(item: &Self::Item) -> usize;

    /// Sends these in one request, which is over in that time.
    fn send(&self, items: &[(&Delivery, Self::Item)], time: Duration) -> impl Future<Output = Told> + Send;
}

/// A request for several, as answered.
pub(super) enum Told {
    Each(Vec<Outcome>),
    /// Some were answered before the others could be, of which this became.
    Partly(Vec<Option<Outcome>>, Outcome),
    /// The same for all of them, whichever of them is to blame.
    All(Outcome),
}

/// An outcome for each, in the same order. What there is no time for is not tried. `timeout`: for one request.
pub(super) async fn deliver<S: Together>(
    sink: &S,
    learned: &Pieces,
    timeout: Duration,
    batch: &[Delivery],
) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::NotTried; batch.len()];
    let (mut places, mut items) = (Vec::new(), Vec::new());
    for (place, delivery) in batch.iter().enumerate() {
        match sink.item(delivery) {
            Ok(item) => {
                places.push(place);
                items.push((delivery, item));
            }
            Err(failure) => outcomes[place] = Outcome::Rejected { failure },
        }
    }
    let bytes = |items: &[(&Delivery, S::Item)]| items.iter().map(|(_, item)| S::bytes(item)).sum();
    let mut pieces = learned.cut(items.iter().map(|(delivery, item)| (*delivery, S::bytes(item))));
    pieces.reverse();
    let (begun, mut refused) = (Instant::now(), false);
    while let Some(piece) = pieces.pop() {
        let here = &items[piece.clone()];
        let deliveries = || here.iter().map(|(delivery, _)| *delivery);
        let Some(time) = time_left(timeout, deliveries(), begun) else {
            // Else the same would be refused together again and again.
            if refused {
                learned.part(deliveries());
            }
            continue;
        };
        match sink.send(here, time).await {
            Told::Each(told) => {
                learned.fits();
                let told = places[piece].iter().zip(told);
                told.for_each(|(place, told)| outcomes[*place] = told);
            }
            Told::Partly(told, rest) => {
                let open = deliveries().zip(&told).filter(|(_, told)| told.is_none());
                let open: Vec<_> = open.map(|(delivery, _)| delivery).collect();
                if open.len() > 1 && may_be_one_s_fault(&rest) {
                    learned.part(open.into_iter());
                }
                let told = places[piece].iter().zip(told);
                told.for_each(|(place, told)| outcomes[*place] = told.unwrap_or_else(|| rest.clone()));
            }
            Told::All(Outcome::Rejected { failure }) if here.len() > 1 => {
                if failure.status == Some(TOO_LARGE) {
                    learned.too_large(bytes(here));
                }
                refused = true;
                let [first, second] = halves(piece);
                pieces.extend([second, first]);
            }
            Told::All(told) => {
                match told {
                    Outcome::Delivered { .. } => learned.fits(),
                    _ if here.len() > 1 && may_be_one_s_fault(&told) => learned.part(deliveries()),
                    _ => {}
                }
                places[piece].iter().for_each(|place| outcomes[*place] = told.clone());
            }
        }
    }
    let known = |outcome: &Outcome| matches!(outcome, Outcome::Delivered { .. } | Outcome::Rejected { .. });
    let settled = batch.iter().zip(&outcomes).filter(|(_, outcome)| known(outcome));
    settled.for_each(|(delivery, _)| learned.settle(delivery));
    outcomes
}

/// For one more request, by the lease of each of them. What takes longer than one request may is left for another time:
/// others wait for the place.
fn time_left<'a>(
    timeout: Duration,
    deliveries: impl Iterator<Item = &'a Delivery>,
    begun: Instant,
) -> Option<Duration> {
    let now = Instant::now();
    let deadline = deliveries.map(|delivery| delivery.deadline).min()?;
    let in_time = now.saturating_duration_since(begun) < timeout;
    time_allowed(timeout, deadline, now).filter(|_| in_time)
}

/// A range in two.
fn halves(piece: Range<usize>) -> [Range<usize>; 2] {
    let middle = usize::midpoint(piece.start, piece.end);
    [piece.start..middle, middle..piece.end]
}

/// Whether one item may have made the whole request fail. A sink that is away or busy, and credentials that are not accepted, are
/// nobody's fault; of those one knows that nothing was done.
fn may_be_one_s_fault(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Retry { failure, .. } => !failure.certain || failure.class == FailureClass::Conflict,
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
