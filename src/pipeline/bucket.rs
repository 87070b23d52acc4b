//! How many deliveries a sink may be sent in a time, as tokens: one for each, and a second's worth of them at most.
//!
//! The rate is for the whole fleet, and each process has an equal share of it; there is nothing else that they would have to
//! agree on. Whoever joins waits until the others have noticed.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Rate;

/// Longer than the others need to notice one who joins, see [`super::rescuer`].
const NOTICE: Duration = Duration::from_secs(3);

/// Pure: time comes from whoever asks. It knows one moment only, from which all else follows.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    workers: u32,
    /// When it will be full, if nothing more is taken.
    full_at: Instant,
}

impl Bucket {
    /// For a process that is alone; with one token.
    pub fn new(rate: Rate, now: Instant) -> Self {
        let mut bucket = Self {
            rate,
            workers: 1,
            full_at: now,
        };
        bucket.full_at = now + bucket.interval() * (bucket.capacity() - 1);
        bucket
    }

    /// Takes as many tokens as there are, and no more than are wanted.
    pub fn take(&mut self, wanted: usize, now: Instant) -> usize {
        let taken = self.tokens(now).min(u32::try_from(wanted).unwrap_or(u32::MAX));
        if taken > 0 {
            self.full_at = self.full_at.max(now) + self.interval() * taken;
        }
        taken as usize
    }

    /// Puts back what was taken and is not needed.
    pub fn put_back(&mut self, unused: usize) {
        let unused = u32::try_from(unused).unwrap_or(u32::MAX).min(self.capacity());
        let earlier = self.full_at.checked_sub(self.interval() * unused);
        self.full_at = earlier.unwrap_or(self.full_at);
    }

    /// When there will be a token; `None` if there is one.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let next = self.full_at.checked_sub(self.interval() * (self.capacity() - 1))?;
        (next > now).then_some(next)
    }

    /// How many tokens come in this time, about; at least one.
    pub fn worth(&self, time: Duration) -> usize {
        let worth = time.as_nanos() / self.interval().as_nanos();
        usize::try_from(worth).unwrap_or(usize::MAX).max(1)
    }

    /// So many processes share the rate from now on. Tokens that are missing stay missing.
    pub fn share_among(&mut self, workers: usize, now: Instant) {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX).max(1);
        if workers == self.workers {
            return;
        }
        let tokens_missing = |bucket: &Self| {
            let time = bucket.full_at.saturating_duration_since(now);
            time.as_secs_f64() / bucket.interval().as_secs_f64()
        };
        let tokens = f64::from(self.capacity()) - tokens_missing(self);
        self.workers = workers;
        let missing = (f64::from(self.capacity()) - tokens).max(0.0);
        self.full_at = now + self.interval().mul_f64(missing);
    }

    /// This process has joined them, so that they are so many now: it begins when they have noticed.
    pub fn join(&mut self, workers: usize, now: Instant) {
        self.share_among(workers, now);
        if workers > 1 {
            self.full_at = now + NOTICE + self.interval() * self.capacity();
        }
    }

    /// Between two tokens of this process.
    fn interval(&self) -> Duration {
        let nanos = self.rate.per.as_nanos() * u128::from(self.workers);
        let interval = nanos.div_ceil(u128::from(self.rate.count.max(1)));
        Duration::from_nanos(u64::try_from(interval).unwrap_or(u64::MAX).max(1))
    }

    /// A second's worth.
    fn capacity(&self) -> u32 {
        u32::try_from(self.worth(Duration::from_secs(1))).unwrap_or(u32::MAX)
    }

    fn tokens(&self, now: Instant) -> u32 {
        let missing = self.full_at.saturating_duration_since(now).as_nanos();
        let missing = missing.div_ceil(self.interval().as_nanos());
        self.capacity()
            .saturating_sub(u32::try_from(missing).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(count: u32, per: u64) -> Rate {
        Rate {
            count,
            per: Duration::from_secs(per),
        }
    }

    /// How many are taken in this time by one who takes whatever there is as soon as it is there.
    fn taken(bucket: &mut Bucket, start: Instant, time: Duration) -> usize {
        let (mut now, mut sum) = (start, 0);
        while now < start + time {
            sum += bucket.take(usize::MAX, now);
            now = bucket.next(now).expect("nothing is left");
        }
        sum
    }

    #[test]
    fn in_the_long_run_the_rate_is_kept() {
        let now = Instant::now();
        #[rustfmt::skip]
        let cases = [
            // rate, processes, seconds, deliveries
            (rate(100, 1),       1, 60,     6_000),
            (rate(600, 60),      1, 60,       600),
            (rate(1, 60),        1, 3_600,     60),
            (rate(1_000_000, 1), 1, 1,  1_000_000),
            (rate(7, 1),         1, 100,      700),
            (rate(100, 1),       4, 60,     1_500),
            (rate(1, 1),         3, 300,      100),
        ];
        for (rate, workers, seconds, wanted) in cases {
            let mut bucket = Bucket::new(rate, now);
            bucket.share_among(workers, now);
            let taken = taken(&mut bucket, now, Duration::from_secs(seconds));
            assert!(
                taken.abs_diff(wanted) <= 1,
                "{rate:?} of {workers}: {taken} in {seconds} s"
            );
        }
    }

    #[test]
    fn what_was_not_used_is_kept_for_a_second_at_most() {
        let now = Instant::now();
        let later = now + Duration::from_hours(1);
        #[rustfmt::skip]
        let cases = [
            // rate, processes, at once
            (rate(100, 1),  1, 100),
            (rate(100, 1),  3,  33),
            (rate(600, 60), 1,  10),
            (rate(1, 60),   1,   1),
            (rate(1, 60),   5,   1),
        ];
        for (rate, workers, burst) in cases {
            let mut bucket = Bucket::new(rate, now);
            bucket.share_among(workers, now);
            assert_eq!(bucket.take(usize::MAX, later), burst, "{rate:?} of {workers}");
            assert_eq!(bucket.take(1, later), 0);
        }
    }

    #[test]
    fn it_begins_with_one_and_says_when_the_next_comes() {
        let now = Instant::now();
        let mut bucket = Bucket::new(rate(10, 1), now);
        assert_eq!(bucket.next(now), None);
        assert_eq!(bucket.take(5, now), 1);
        let next = now + Duration::from_millis(100);
        assert_eq!(bucket.next(now), Some(next));
        assert_eq!(bucket.take(1, next - Duration::from_nanos(1)), 0);
        assert_eq!(bucket.take(1, next), 1);
        assert_eq!(bucket.next(next), Some(next + Duration::from_millis(100)));
    }

    #[test]
    fn what_is_put_back_is_there_again() {
        let now = Instant::now();
        let mut bucket = Bucket::new(rate(10, 1), now);
        let later = now + Duration::from_secs(5);
        assert_eq!(bucket.take(8, later), 8);
        bucket.put_back(5);
        assert_eq!(bucket.take(100, later), 7);
        bucket.put_back(usize::MAX);
        assert_eq!(bucket.take(100, later), 10);
    }

    #[test]
    fn a_smaller_share_takes_effect_at_once_and_a_larger_one_gives_nothing_for_what_is_past() {
        let now = Instant::now();
        let mut bucket = Bucket::new(rate(10, 1), now);
        let later = now + Duration::from_secs(5);
        bucket.share_among(5, later);
        assert_eq!(bucket.take(100, later), 2);
        bucket.share_among(1, later);
        assert_eq!(bucket.take(100, later), 0);
        // The first of them after a tenth of a second.
        assert_eq!(taken(&mut bucket, later, Duration::from_secs(10)), 99);
    }

    #[test]
    fn looking_again_and_again_changes_nothing() {
        let now = Instant::now();
        let mut bucket = Bucket::new(rate(1, 10), now);
        assert_eq!(bucket.take(1, now), 1);
        for tenth in 1..100 {
            let then = now + Duration::from_millis(100 * tenth);
            bucket.share_among(1, then);
            assert_eq!(bucket.take(1, then), 0, "after {tenth} tenths of a second");
        }
        assert_eq!(bucket.take(1, now + Duration::from_secs(10)), 1);
    }

    #[test]
    fn one_who_joins_waits_until_the_others_have_noticed() {
        let now = Instant::now();
        let mut alone = Bucket::new(rate(10, 1), now);
        alone.join(1, now);
        assert_eq!(alone.take(1, now), 1);
        let mut joined = Bucket::new(rate(10, 1), now);
        joined.join(2, now);
        let first = joined.next(now).unwrap();
        assert!(first > now + NOTICE, "{:?}", first - now);
        joined.share_among(2, now + Duration::from_secs(2));
        assert_eq!(joined.next(now), Some(first));
        assert_eq!(joined.take(100, first), 1);
    }
}
