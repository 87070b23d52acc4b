//! How many requests at the same time a sink bears, found out by its answers.
//!
//! It begins with as many as are allowed. Where the other side is overloaded (429, 503, time-outs, connections that fail) the
//! number is halved, once for each round of requests: what was under way at the last halving says nothing about what came of
//! it. Where answers take more than twice as long as the fastest of late, a tenth is taken off: more requests would only wait
//! longer. Answers while all places are taken bring it back, one more for each round.
//!
//! Pure: time comes with the answers.

use std::time::{Duration, Instant};

const OVERLOADED: f64 = 0.5;
const LATE: f64 = 0.9;

/// So much later than the fastest of late is late.
const LATE_RATIO: f64 = 2.0;

/// A difference below this says nothing, whatever its ratio.
const LATE_SECONDS_MIN: f64 = 0.05;

/// How much one answer counts in the average.
const SMOOTHING: f64 = 0.1;

/// How long the fastest answer is remembered, at least; twice as long at most.
const WINDOW: Duration = Duration::from_secs(30);

/// Requests of 1, 2 to 3, 4 to 7, … deliveries: large ones take longer by nature.
const SIZES: usize = 16;

#[derive(Debug)]
pub(super) struct Pressure {
    ceiling: f64,
    limit: f64,
    /// Up to here each answer brings one more: nothing speaks against it.
    known: f64,
    reduced_at: Option<Instant>,
    latencies: [Option<Latency>; SIZES],
}

/// A request that has come to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub began: Instant,
    pub ended: Instant,
    pub deliveries: usize,
    pub sign: Sign,
    /// All places were taken.
    pub saturated: bool,
}

/// What the answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Fine,
    Overloaded,
    /// Nothing about that.
    None,
}

/// Of requests of one size; seconds.
#[derive(Debug, Clone, Copy)]
struct Latency {
    smoothed: f64,
    /// In the window that runs, and in the one before.
    best: [f64; 2],
    since: Instant,
}

impl Pressure {
    pub fn new(ceiling: usize) -> Self {
        let ceiling = f64::from(u32::try_from(ceiling.max(1)).unwrap_or(u32::MAX));
        Self {
            ceiling,
            limit: ceiling,
            known: ceiling,
            reduced_at: None,
            latencies: [None; SIZES],
        }
    }

    /// How many requests there may be; at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and a number of places"
    )]
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    pub fn note(&mut self, round: &Round) {
        match round.sign {
            Sign::Overloaded => self.reduce(round, OVERLOADED),
            Sign::Fine => {
                let late = self.is_late(round);
                if late && round.saturated {
                    self.reduce(round, LATE);
                } else if round.saturated {
                    self.grow();
                }
            }
            Sign::None => {}
        }
    }

    /// The sink was away: what it bore then says nothing about what it bears now, so the way back is short.
    pub fn forget(&mut self) {
        self.known = self.ceiling;
    }

    fn reduce(&mut self, round: &Round, factor: f64) {
        if self.reduced_at.is_some_and(|reduced_at| round.began < reduced_at) {
            return;
        }
        self.limit = (self.limit * factor).max(1.0);
        self.known = self.limit;
        self.reduced_at = Some(round.ended);
    }

    fn grow(&mut self) {
        let more = if self.limit < self.known { 1.0 } else { 1.0 / self.limit };
        self.limit = (self.limit + more).min(self.ceiling);
    }

    fn is_late(&mut self, round: &Round) -> bool {
        let seconds = round.ended.saturating_duration_since(round.began).as_secs_f64();
        let size = usize::try_from(round.deliveries.max(1).ilog2()).unwrap_or_default();
        let latency = &mut self.latencies[size.min(SIZES - 1)];
        let latency = latency.get_or_insert(Latency {
            smoothed: seconds,
            best: [seconds; 2],
            since: round.ended,
        });
        latency.note(seconds, round.ended);
        latency.is_late()
    }
}

impl Latency {
    fn note(&mut self, seconds: f64, now: Instant) {
        if now.saturating_duration_since(self.since) >= WINDOW {
            self.best = [seconds, self.best[0]];
            self.since = now;
        }
        self.best[0] = self.best[0].min(seconds);
        self.smoothed += (seconds - self.smoothed) * SMOOTHING;
    }

    fn is_late(&self) -> bool {
        let best = self.best[0].min(self.best[1]);
        self.smoothed > best * LATE_RATIO && self.smoothed - best > LATE_SECONDS_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A sink and a clock.
    struct Trial {
        pressure: Pressure,
        now: Instant,
    }

    impl Trial {
        fn new(ceiling: usize) -> Self {
            Self {
                pressure: Pressure::new(ceiling),
                now: Instant::now(),
            }
        }

        /// As many requests as there may be, all at once; the answers of the first of them are given. Returns what there may
        /// be afterwards.
        fn round(&mut self, latency: Duration, sign: impl Fn(usize) -> Sign) -> usize {
            let (began, ended) = (self.now, self.now + latency);
            for number in 0..self.pressure.limit() {
                self.pressure.note(&Round {
                    began,
                    ended,
                    deliveries: 1,
                    sign: sign(number),
                    saturated: true,
                });
            }
            self.now = ended + Duration::from_nanos(1);
            self.pressure.limit()
        }

        fn rounds(&mut self, count: usize, sign: Sign) -> Vec<usize> {
            (0..count).map(|_| self.round(SECOND, |_| sign)).collect()
        }

        /// One answer while not all places are taken.
        fn alone(&mut self, latency: Duration, deliveries: usize, sign: Sign) {
            self.pressure.note(&Round {
                began: self.now,
                ended: self.now + latency,
                deliveries,
                sign,
                saturated: false,
            });
        }
    }

    #[test]
    fn it_begins_with_all_and_a_sink_that_is_fine_keeps_them() {
        let mut trial = Trial::new(16);
        assert_eq!(trial.pressure.limit(), 16);
        assert_eq!(trial.rounds(3, Sign::Fine), [16; 3]);
        assert_eq!(trial.rounds(3, Sign::None), [16; 3]);
        assert_eq!(Pressure::new(0).limit(), 1);
    }

    #[test]
    fn an_overload_halves_it_once_a_round_and_never_below_one() {
        let mut trial = Trial::new(20);
        assert_eq!(trial.rounds(7, Sign::Overloaded), [10, 5, 2, 1, 1, 1, 1]);
        let mut trial = Trial::new(16);
        let one_of_them = |number| if number == 3 { Sign::Overloaded } else { Sign::None };
        assert_eq!(trial.round(SECOND, one_of_them), 8);
    }

    #[test]
    fn it_recovers_one_a_round() {
        let mut trial = Trial::new(16);
        trial.rounds(2, Sign::Overloaded);
        // What grows within a round does so by a little less than one.
        assert_eq!(trial.rounds(6, Sign::Fine), [4, 5, 6, 7, 8, 9]);
        assert_eq!(trial.rounds(20, Sign::Fine).last(), Some(&16));
    }

    #[test]
    fn after_an_outage_it_doubles() {
        let mut trial = Trial::new(100);
        trial.rounds(10, Sign::Overloaded);
        trial.pressure.forget();
        assert_eq!(trial.rounds(8, Sign::Fine), [2, 4, 8, 16, 32, 64, 100, 100]);
    }

    #[test]
    fn places_that_nobody_needs_bring_no_more_of_them() {
        let mut trial = Trial::new(16);
        trial.rounds(1, Sign::Overloaded);
        for _ in 0..100 {
            trial.alone(SECOND, 1, Sign::Fine);
        }
        assert_eq!(trial.pressure.limit(), 8);
        trial.alone(SECOND, 1, Sign::Overloaded);
        assert_eq!(trial.pressure.limit(), 4);
    }

    #[test]
    fn it_settles_near_what_the_sink_bears() {
        for bears in [1, 2, 5, 10] {
            let mut trial = Trial::new(64);
            let sign = |number| if number < bears { Sign::Fine } else { Sign::Overloaded };
            for _ in 0..20 {
                trial.round(SECOND, sign);
            }
            for _ in 0..200 {
                let limit = trial.round(SECOND, sign);
                assert!((bears / 2).max(1) <= limit && limit <= bears + 1, "{limit} for {bears}");
            }
        }
    }

    #[test]
    fn answers_that_take_ever_longer_take_off_a_tenth_at_a_time() {
        let mut trial = Trial::new(20);
        assert_eq!(trial.round(SECOND, |_| Sign::Fine), 20);
        let mut limits: Vec<usize> = (0..4).map(|_| trial.round(SECOND * 5, |_| Sign::Fine)).collect();
        limits.dedup();
        assert_eq!(limits, [18, 16, 14, 13]);
    }

    #[test]
    fn what_may_be_chance_takes_nothing_off() {
        let milliseconds = Duration::from_millis;
        #[rustfmt::skip]
        let cases = [
            // the fastest, all others, takes some off
            (milliseconds(1),   milliseconds(40),  false),
            (milliseconds(1),   milliseconds(100), true),
            (milliseconds(200), milliseconds(390), false),
            (milliseconds(200), milliseconds(600), true),
        ];
        for (fastest, others, wanted) in cases {
            let mut trial = Trial::new(16);
            trial.alone(fastest, 1, Sign::Fine);
            for _ in 0..10 {
                trial.round(others, |_| Sign::Fine);
            }
            assert_eq!(trial.pressure.limit() < 16, wanted, "{fastest:?}, {others:?}");
        }
    }

    #[test]
    fn large_requests_are_not_held_against_small_ones() {
        let mut trial = Trial::new(16);
        trial.alone(Duration::from_millis(2), 1, Sign::Fine);
        for _ in 0..50 {
            let (began, ended) = (trial.now, trial.now + SECOND);
            trial.pressure.note(&Round {
                began,
                ended,
                deliveries: 1_000,
                sign: Sign::Fine,
                saturated: true,
            });
            trial.now = ended;
        }
        assert_eq!(trial.pressure.limit(), 16);
    }

    #[test]
    fn the_fastest_answer_is_forgotten_in_time() {
        let mut latency = Latency {
            smoothed: 0.1,
            best: [0.1; 2],
            since: Instant::now(),
        };
        let start = latency.since;
        let late: Vec<bool> = (0..5)
            .map(|n| {
                for _ in 0..50 {
                    latency.note(1.0, start + WINDOW * n);
                }
                latency.is_late()
            })
            .collect();
        assert_eq!(late, [true, true, false, false, false]);
    }
}
