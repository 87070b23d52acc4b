//! When to say something, and when the silence of the other side has lasted too long.

use std::time::Duration;

use tokio::time::Instant;

use super::StreamError;
use super::settings::Rhythm;

/// The times of a stream. Knows no socket, so that a test can let years pass.
#[derive(Debug)]
pub(super) struct Pulse {
    rhythm: Rhythm,
    /// When the server was last heard, or not listened to.
    heard_at: Instant,
    asked_at: Instant,
    /// When the last position was told.
    told_at: Instant,
    /// There is one that was not told yet.
    raised: bool,
}

/// What is to be said now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    /// The position.
    Tell,
    /// The position, and that an answer is wanted.
    Ask,
}

impl Pulse {
    /// Of a stream whose start is to be told at once.
    pub(super) fn new(rhythm: Rhythm, now: Instant) -> Self {
        Self {
            rhythm,
            heard_at: now,
            asked_at: now,
            told_at: now.checked_sub(rhythm.confirm).unwrap_or(now),
            raised: true,
        }
    }

    pub(super) fn hear(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// There is a new position.
    pub(super) fn raise(&mut self) {
        self.raised = true;
    }

    /// When [`Pulse::beat`] is next to be asked.
    pub(super) fn due(&self) -> Instant {
        let silent = self.heard_at + self.rhythm.silence_max;
        let ask = self.asked_at + self.rhythm.ask;
        let told = self.told_at + self.rhythm.confirm;
        let due = silent.min(ask);
        if self.raised { due.min(told) } else { due }
    }

    /// What to say now; it counts as said. `listening` says whether the socket is being read.
    pub(super) fn beat(&mut self, now: Instant, listening: bool) -> Result<Beat, StreamError> {
        let Rhythm {
            ask,
            confirm,
            silence_max,
            ..
        } = self.rhythm;
        // Whoever comes that late has slept, and so did not listen.
        if !listening || now >= self.due() + ask {
            self.heard_at = now;
        }
        if now >= self.heard_at + silence_max {
            return Err(StreamError::Silent(silence_max));
        }
        if now >= self.asked_at + ask {
            self.asked_at = now;
            self.say(now);
            return Ok(Beat::Ask);
        }
        if self.raised && now >= self.told_at + confirm {
            self.say(now);
            return Ok(Beat::Tell);
        }
        Ok(Beat::Nothing)
    }

    fn say(&mut self, now: Instant) {
        self.told_at = now;
        self.raised = false;
    }
}

/// How late what is read must be, by the server's own clock, before letting more of it gather costs nobody anything.
const LATE: Duration = Duration::from_millis(10);

/// Whether the stream is behind: what the server sends now was committed a while ago. Each message it sends wakes
/// both sides up, so a reader that is behind does better to read more at a time.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    /// When the transaction that is being sent was committed, in µs since 2000.
    committed_at: Option<i64>,
}

impl Lateness {
    /// Takes in when the last transaction was committed and when the last change was sent.
    pub(super) fn is_late(&mut self, committed_at: Option<i64>, sent_at: Option<i64>) -> bool {
        self.committed_at = committed_at.or(self.committed_at);
        let (Some(committed_at), Some(sent_at)) = (self.committed_at, sent_at) else {
            return false;
        };
        let late = sent_at.saturating_sub(committed_at);
        u64::try_from(late).is_ok_and(|late| Duration::from_micros(late) >= LATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beats whenever that is due, for `seconds`; says when what was said, in ms.
    fn beats(pulse: &mut Pulse, from: Instant, seconds: u64, listening: bool) -> Vec<(u128, Beat)> {
        let mut beats = Vec::new();
        while pulse.due() < from + Duration::from_secs(seconds) {
            let due = pulse.due().max(from);
            match pulse.beat(due, listening) {
                Ok(Beat::Nothing) => {}
                Ok(beat) => beats.push(((due - from).as_millis(), beat)),
                Err(_) => break,
            }
        }
        beats
    }

    #[test]
    fn the_start_is_told_at_once_and_then_the_server_is_asked_until_it_is_dead() {
        let now = Instant::now();
        let mut pulse = Pulse::new(Rhythm::default(), now);
        let said = beats(&mut pulse, now, 3600, true);
        assert_eq!(said, [(0, Beat::Tell), (10_000, Beat::Ask), (20_000, Beat::Ask)]);
        let dead_at = pulse.due();
        assert_eq!(dead_at - now, Duration::from_secs(25));
        assert!(matches!(pulse.beat(dead_at, true), Err(StreamError::Silent(_))));
    }

    #[test]
    fn a_server_that_is_not_listened_to_does_not_die_but_is_still_spoken_to() {
        let now = Instant::now();
        let mut pulse = Pulse::new(Rhythm::default(), now);
        let said = beats(&mut pulse, now, 3605, false);
        assert_eq!(said.len(), 361);
        // Once it is listened to again it has all its time.
        let then = now + Duration::from_secs(3605);
        pulse.hear(then);
        let said = beats(&mut pulse, then, 3600, true);
        assert_eq!(said, [(5000, Beat::Ask), (15_000, Beat::Ask)]);
    }

    #[test]
    fn who_has_slept_does_not_take_the_server_for_dead() {
        let now = Instant::now();
        let mut pulse = Pulse::new(Rhythm::default(), now);
        assert_eq!(pulse.beat(now, true).unwrap(), Beat::Tell);
        let awake = now + Duration::from_mins(1);
        assert_eq!(pulse.beat(awake, true).unwrap(), Beat::Ask);
        assert_eq!(
            beats(&mut pulse, awake, 3600, true),
            [(10_000, Beat::Ask), (20_000, Beat::Ask)]
        );
    }

    #[test]
    fn a_raised_position_is_told_at_once_or_with_those_that_follow() {
        let now = Instant::now();
        let mut pulse = Pulse::new(Rhythm::default(), now);
        assert_eq!(pulse.beat(now, true).unwrap(), Beat::Tell);
        let later = now + Duration::from_secs(1);
        pulse.raise();
        assert_eq!(beats(&mut pulse, later, 2, true), [(0, Beat::Tell)]);
        pulse.raise();
        pulse.raise();
        assert_eq!(beats(&mut pulse, later, 2, true), [(200, Beat::Tell)]);
    }

    #[test]
    fn a_stream_is_late_by_the_servers_clock() {
        let mut lateness = Lateness::default();
        assert!(!lateness.is_late(None, Some(1_000_000)));
        assert!(!lateness.is_late(Some(1_000_000), Some(1_009_999)));
        // The same transaction, later.
        assert!(lateness.is_late(None, Some(1_010_000)));
        // Nothing but a keepalive came.
        assert!(!lateness.is_late(None, None));
        // Committed by another clock.
        assert!(!lateness.is_late(Some(2_000_000), Some(1_500_000)));
        assert!(lateness.is_late(Some(i64::MIN), Some(i64::MAX)));
    }
}
