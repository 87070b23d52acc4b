//! What is said of the slot: gauges, and a warning before it is lost.

use std::time::{Duration, Instant};

use metrics::gauge;

use crate::metrics as names;
use crate::wal::{Outlook, Slot, Standing, lag};

/// At so much time left before the slot is lost it is said, and again at each of the others.
const HOURS_LEFT: [u64; 4] = [24, 6, 1, 0];

/// At so little WAL left it is said, whatever the rate, if that is less than what has piled up.
const BYTES_LEFT: u64 = 1 << 30;

/// One slot, looked at again and again.
#[derive(Debug, Default)]
pub(super) struct SlotWatch {
    outlook: Outlook,
    /// How bad it was when it was said last.
    said: Alarm,
}

/// The worse, the greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    #[default]
    None,
    /// Little is left. The number of thresholds passed.
    Short(usize),
    /// The next checkpoint may take what is needed.
    Endangered,
}

impl SlotWatch {
    /// `behind`: how long ago was written what the slot was read up to.
    pub fn look(&mut self, at: Instant, slot: &Slot, behind: Option<Duration>) {
        let left = self.outlook.look(at, slot);
        show(slot, behind, left);
        let alarm = alarm(slot, left);
        if alarm > self.said {
            let words = "the server will remove WAL that the slot still needs, and the slot will be lost: raise \
                         max_slot_wal_keep_size, or see what holds up reading";
            let hours_left = left.map(|left| left.as_secs_f64() / 3600.0);
            tracing::warn!(
                lag_bytes = slot.lag_bytes(),
                kept_bytes = slot.kept_bytes(),
                safe_bytes = slot.safe_bytes,
                hours_left,
                held_by = holder(slot),
                "{words}"
            );
        }
        // Slightly better is not yet good: what is on the brink is not said at every step across it.
        if alarm > self.said || alarm == Alarm::None {
            self.said = alarm;
        }
    }
}

fn alarm(slot: &Slot, left: Option<Duration>) -> Alarm {
    if slot.standing == Standing::Endangered {
        return Alarm::Endangered;
    }
    let Some(safe) = slot.safe_bytes else {
        return Alarm::None;
    };
    let by_time = left.map_or(0, |left| {
        let hours = left.as_secs() / 3600;
        HOURS_LEFT.iter().filter(|threshold| hours < **threshold).count()
    });
    let by_bytes = usize::from(safe < BYTES_LEFT && slot.kept_bytes() > safe);
    match by_time.max(by_bytes) {
        0 => Alarm::None,
        passed => Alarm::Short(passed),
    }
}

/// Whom to ask: the server keeps WAL back to the oldest transaction that was running at what was confirmed.
fn holder(slot: &Slot) -> &'static str {
    if !slot.active {
        "nobody reads the slot"
    } else if slot.lag_bytes() < slot.kept_bytes() / 2 {
        "a transaction that has been open for long"
    } else {
        "reading is behind"
    }
}

// Counts of bytes of WAL stay far below what a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn show(slot: &Slot, behind: Option<Duration>, left: Option<Duration>) {
    gauge!(names::SLOT_LAG).set(slot.lag_bytes() as f64);
    gauge!(names::SLOT_KEPT).set(slot.kept_bytes() as f64);
    gauge!(names::SLOT_LAG_SECONDS).set(lag(slot, behind).unwrap_or_default().as_secs_f64());
    if let Some(safe) = slot.safe_bytes {
        gauge!(names::SLOT_SAFE).set(safe as f64);
        gauge!(names::SLOT_SECONDS_LEFT).set(left.map_or(f64::INFINITY, |left| left.as_secs_f64()));
    }
    for standing in [Standing::Safe, Standing::Endangered, Standing::Lost(None)] {
        let is = standing.as_str() == slot.standing.as_str();
        gauge!(names::SLOT_STANDING, "standing" => standing.as_str()).set(f64::from(u8::from(is)));
    }
}
