//! Documents that wait to be sent, the most urgent first; but none for ever.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Parcel;
use crate::publish::Batching;
use crate::queue::Priority;

/// One line for each priority: a live change overtakes what a visit of many subjects has left waiting.
pub(super) struct Waiting {
    batching: Batching,
    lines: [VecDeque<Parcel>; Priority::LEVELS],
    /// When the parcels of the last line were put there.
    bulk_since: VecDeque<Instant>,
    /// How often something was taken while the first of them had waited for long.
    impatient: u32,
}

const BULK: usize = Priority::Bulk as usize;

/// For so long what is of the lowest priority lets all others go first. Not for ever: what is in hand keeps changes of its
/// subject waiting.
const PATIENCE: Duration = Duration::from_millis(250);

/// After that it goes first every so many times.
const BULK_TURN: u32 = 4;

impl Waiting {
    pub fn new(batching: Batching) -> Self {
        Self {
            batching,
            lines: Default::default(),
            bulk_since: VecDeque::new(),
            impatient: 0,
        }
    }

    pub fn put(&mut self, parcel: Parcel, now: Instant) {
        let priority = parcel.claimed.job.priority;
        if priority == Priority::Bulk {
            self.bulk_since.push_back(now);
        }
        self.lines[priority as usize].push_back(parcel);
    }

    /// When something of the lowest priority will have waited for long enough.
    pub fn patience_ends(&self) -> Option<Instant> {
        Some(*self.bulk_since.front()? + PATIENCE)
    }

    fn is_patient(&self, now: Instant) -> bool {
        self.patience_ends().is_none_or(|end| now < end)
    }

    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(VecDeque::is_empty)
    }

    /// Of the most urgent; `None` if nothing waits. What has waited for long is as urgent as an ordinary change.
    pub fn priority(&self, now: Instant) -> Option<Priority> {
        let line = self.lines.iter().position(|line| !line.is_empty())?;
        let priority = i16::try_from(line).ok().map(Priority::from_number)?;
        Some(if self.is_patient(now) {
            priority
        } else {
            priority.min(Priority::Normal)
        })
    }

    /// Most that may go together next.
    pub fn most(&self) -> usize {
        let waiting = self.lines.iter().map(VecDeque::len).sum::<usize>();
        waiting.min(self.batching.deliveries)
    }

    /// What goes together next: as much of what waits as the sink takes at once, up to `most`.
    pub fn take(&mut self, most: usize, now: Instant) -> Vec<Parcel> {
        let most = most.min(self.batching.deliveries);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for priority in self.order(now) {
            let line = &mut self.lines[priority];
            while let Some(next) = line.front() {
                bytes += next.delivery.document.len();
                // One that is too large by itself goes alone.
                let fits = batch.is_empty() || bytes <= self.batching.bytes;
                if batch.len() >= most || !fits {
                    return batch;
                }
                batch.extend(line.pop_front());
                if priority == BULK {
                    self.bulk_since.pop_front();
                }
            }
        }
        batch
    }

    /// The lines, the one that goes first first.
    fn order(&mut self, now: Instant) -> [usize; Priority::LEVELS] {
        if !self.is_patient(now) {
            self.impatient += 1;
            if self.impatient.is_multiple_of(BULK_TURN) {
                return [BULK, 0, 1, 2];
            }
        }
        [0, 1, 2, BULK]
    }

    pub fn take_all(&mut self) -> Vec<Parcel> {
        self.bulk_since.clear();
        self.lines.iter_mut().flat_map(|line| line.drain(..)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use tokio::sync::Semaphore;

    use super::super::{Claimed, Stock};
    use super::*;
    use crate::build::Digest;
    use crate::diff::Operation;
    use crate::mapping::SubjectKey;
    use crate::plan::KeyShape;
    use crate::publish::Delivery;
    use crate::queue::{Job, JobId};

    fn parcel(key: &str, priority: Priority, bytes: usize) -> Parcel {
        let key = SubjectKey::from_stored(key);
        let job = Job {
            id: JobId(1),
            chunk: None,
            key: key.clone(),
            touched: 0,
            attempts: 0,
            spared: 0,
            changed_at: None,
            created_at: SystemTime::now(),
            version: 1,
            sent: None,
            uncertain: false,
            accepted: None,
            remote_id: None,
            delivered_ago: None,
            priority,
            asked: false,
            forced: false,
        };
        Parcel {
            claimed: Claimed {
                job,
                chunk: None,
                _place: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
                _bulk_place: None,
            },
            delivery: Delivery {
                sync: "orders".into(),
                shape: Arc::new(KeyShape { columns: vec![] }),
                key,
                operation: Operation::Upsert,
                version: 1,
                correlation: String::new(),
                document: "x".repeat(bytes).into(),
                remote_id: None,
                deadline: Instant::now(),
            },
            digest: Digest::GONE,
            _stored: Arc::new(Stock::new(bytes)).store(bytes).unwrap(),
        }
    }

    /// Batches of these, in the order in which they came, by key.
    fn batches(deliveries: usize, bytes: usize, parcels: &[(&str, Priority, usize)]) -> Vec<String> {
        let mut waiting = Waiting::new(Batching { deliveries, bytes });
        for (key, priority, bytes) in parcels {
            waiting.put(parcel(key, *priority, *bytes), Instant::now());
        }
        let mut batches = Vec::new();
        while !waiting.is_empty() {
            assert!(waiting.take(0, Instant::now()).is_empty());
            let most = waiting.most();
            let batch = waiting.take(most, Instant::now());
            assert!((1..=most).contains(&batch.len()));
            let keys: Vec<&str> = batch.iter().map(|parcel| parcel.claimed.job.key.as_str()).collect();
            batches.push(keys.join(" "));
        }
        assert!(waiting.priority(Instant::now()).is_none());
        batches
    }

    #[test]
    fn batches_are_as_large_as_the_sink_takes_them() {
        use Priority::Normal;
        let small = ["a", "b", "c", "d", "e"].map(|key| (key, Normal, 10));
        let mixed = [
            ("a", Normal, 4),
            ("b", Normal, 7),
            ("c", Normal, 3),
            ("L", Normal, 90),
            ("d", Normal, 1),
        ];
        #[rustfmt::skip]
        let cases: [(usize, usize, &[_], &[&str]); 6] = [
            // deliveries, bytes, what waits, batches
            (1,  usize::MAX, &small, &["a", "b", "c", "d", "e"]),
            (2,  usize::MAX, &small, &["a b", "c d", "e"]),
            (10, usize::MAX, &small, &["a b c d e"]),
            (10, 29,         &small, &["a b", "c d", "e"]),
            (10, 30,         &small, &["a b c", "d e"]),
            (10, 10,         &mixed, &["a", "b c", "L", "d"]),
        ];
        for (deliveries, bytes, parcels, wanted) in cases {
            assert_eq!(batches(deliveries, bytes, parcels), wanted, "{deliveries}, {bytes}");
        }
    }

    #[test]
    fn the_more_urgent_go_first_and_the_others_with_them() {
        let parcels = [
            ("bulk", Priority::Bulk, 1),
            ("low", Priority::Low, 1),
            ("first", Priority::Normal, 1),
            ("high", Priority::High, 1),
            ("second", Priority::Normal, 1),
        ];
        assert_eq!(batches(2, 100, &parcels), ["high first", "second low", "bulk"]);
    }

    #[test]
    fn what_has_waited_for_long_goes_first_now_and_then() {
        let mut waiting = Waiting::new(Batching::SINGLE);
        let (now, later) = (Instant::now(), Instant::now() + PATIENCE);
        for key in ["a", "b"] {
            waiting.put(parcel(key, Priority::Bulk, 1), now);
        }
        assert_eq!(waiting.priority(now), Some(Priority::Bulk));
        assert_eq!(waiting.priority(later), Some(Priority::Normal));
        for _ in 0..8 {
            waiting.put(parcel("live", Priority::Normal, 1), now);
        }
        let order: Vec<String> = std::iter::from_fn(|| waiting.take(1, later).pop())
            .map(|parcel| parcel.claimed.job.key.as_str().to_owned())
            .collect();
        assert_eq!(order.join(" "), "live live live a live live live b live live");
        assert_eq!(waiting.patience_ends(), None);
    }

    #[test]
    fn the_most_urgent_that_waits_is_known() {
        let mut waiting = Waiting::new(Batching::SINGLE);
        assert_eq!(waiting.priority(Instant::now()), None);
        waiting.put(parcel("a", Priority::Bulk, 1), Instant::now());
        waiting.put(parcel("b", Priority::Normal, 1), Instant::now());
        assert_eq!(waiting.priority(Instant::now()), Some(Priority::Normal));
        assert_eq!(waiting.take_all().len(), 2);
        assert!(waiting.is_empty());
    }
}
