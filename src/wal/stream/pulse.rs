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
        if !listening {
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
