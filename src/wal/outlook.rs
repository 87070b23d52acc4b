//! How long a slot will last at the present rate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Lsn, Slot};

/// An idle slot is moved when so much WAL of others has passed: less than that is what moving it may itself write.
pub const IDLE_STEP_BYTES: u64 = 1 << 20;

/// What counts as the present. The server moves a slot's restart position every quarter minute or so, in jumps.
const WINDOW: Duration = Duration::from_mins(2);

/// Less than that tells nothing of a rate.
const WINDOW_MIN: Duration = Duration::from_secs(20);

/// Longer than that is as good as for ever.
const FAR: Duration = Duration::from_hours(24 * 365);

/// What was seen of a slot lately.
#[derive(Debug, Default)]
pub struct Outlook {
    seen: VecDeque<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    restart: Lsn,
    current: Lsn,
}

impl Outlook {
    /// Takes a look at the slot into account; returns the time until the server has removed WAL that the slot needs, if what
    /// it keeps goes on growing as it does. `None` where it does not grow, there is no limit, or too little was seen.
    pub fn look(&mut self, at: Instant, slot: &Slot) -> Option<Duration> {
        let now = Seen {
            at,
            restart: slot.restart,
            current: slot.current,
        };
        // Another slot of the same name, or another server.
        if self
            .seen
            .back()
            .is_some_and(|last| now.restart < last.restart || now.current < last.current)
        {
            self.seen.clear();
        }
        self.seen.push_back(now);
        // One from before the window stays, so that the window is always full.
        while self.seen.get(1).is_some_and(|second| at - second.at >= WINDOW) {
            self.seen.pop_front();
        }
        let first = self.seen.front()?;
        let time = at - first.at;
        if time < WINDOW_MIN {
            return None;
        }
        let written = now.current.0 - first.current.0;
        let let_go = now.restart.0 - first.restart.0;
        time_left(slot.safe_bytes?, written.checked_sub(let_go)?, time)
    }
}

/// How long `safe_bytes` last where what is kept has grown by `grown_bytes` in `time`.
fn time_left(safe_bytes: u64, grown_bytes: u64, time: Duration) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let seconds = safe_bytes as f64 / grown_bytes as f64 * time.as_secs_f64();
    (seconds < FAR.as_secs_f64()).then(|| Duration::from_secs_f64(seconds))
}

/// How long ago was written what the slot was read up to. `None` while no more waits than an idle slot is left behind by.
pub fn lag(slot: &Slot, behind: Option<Duration>) -> Option<Duration> {
    behind.filter(|_| slot.lag_bytes() > IDLE_STEP_BYTES)
}

/// As [`Outlook::look`], from a single look: the rate is that since the slot was left behind.
pub fn time_left_since(slot: &Slot, lag: Duration) -> Option<Duration> {
    time_left(slot.safe_bytes?, slot.lag_bytes(), lag)
}

#[cfg(test)]
mod tests {
    use super::super::Standing;
    use super::*;

    const MIB: u64 = 1 << 20;

    fn slot(restart: u64, current: u64, safe_bytes: Option<u64>) -> Slot {
        Slot {
            plugin: "pgoutput".to_owned(),
            database: "shop".to_owned(),
            active: true,
            standing: Standing::Safe,
            failover: None,
            confirmed: Lsn(restart),
            restart: Lsn(restart),
            current: Lsn(current),
            safe_bytes,
        }
    }

    /// What was said at each look, ten seconds after the one before.
    fn said(slots: impl IntoIterator<Item = Slot>) -> Vec<Option<u64>> {
        let (start, mut outlook) = (Instant::now(), Outlook::default());
        let looks = slots.into_iter().zip(0..);
        looks
            .map(|(slot, n)| outlook.look(start + Duration::from_secs(10 * n), &slot))
            .map(|left| left.map(|left| left.as_secs()))
            .collect()
    }

    #[test]
    fn a_slot_that_stands_still_lasts_as_long_as_what_is_safe() {
        let looks = (0..4).map(|n| slot(0, n * 10 * MIB, Some((100 - n * 10) * MIB)));
        assert_eq!(said(looks), [None, None, Some(80), Some(70)]);
    }

    #[test]
    fn what_is_let_go_of_counts_against_what_is_written() {
        let looks = (0..3).map(|n| slot(n * 5 * MIB, n * 10 * MIB, Some(100 * MIB)));
        assert_eq!(said(looks), [None, None, Some(200)]);
        let keeps_up = (0..3).map(|n| slot(n * 10 * MIB, n * 10 * MIB, Some(100 * MIB)));
        assert_eq!(said(keeps_up), [None; 3]);
        let catches_up = (0..3).map(|n| slot(n * 20 * MIB, (n + 5) * 10 * MIB, Some(100 * MIB)));
        assert_eq!(said(catches_up), [None; 3]);
    }

    #[test]
    fn only_the_last_minutes_count() {
        let quiet = (0..60).map(|_| slot(0, 0, Some(100 * MIB)));
        let busy = (1..=13).map(|n| slot(0, n * MIB, Some(100 * MIB)));
        let last = said(quiet.chain(busy)).last().copied().flatten();
        assert_eq!(last, Some(1_000));
    }

    #[test]
    fn without_a_limit_or_with_another_slot_nothing_is_said() {
        assert_eq!(said((0..5).map(|n| slot(0, n * MIB, None))), [None; 5]);
        let made_anew = [slot(0, 0, Some(MIB)), slot(50, 60, Some(MIB)), slot(10, 70, Some(MIB))];
        assert_eq!(said(made_anew), [None; 3]);
    }

    #[test]
    fn a_single_look_tells_by_how_long_the_slot_is_behind() {
        let behind = Duration::from_secs(30);
        let left = time_left_since(&slot(0, 60 * MIB, Some(20 * MIB)), behind);
        assert_eq!(left, Some(Duration::from_secs(10)));
        assert_eq!(time_left_since(&slot(7, 7, Some(20 * MIB)), behind), None);
    }
}
