//! Waits until what is on its way has arrived.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::auditor::AuditError;
use super::sight::Suspect;
use crate::mapping::SubjectKey;
use crate::pipeline::looking::Looker;
use crate::queue::{self, Awaited, RouteId};
use crate::wal;

/// The longest and the shortest time that a page waits for what is on its way.
const PATIENCE_MAX: Duration = Duration::from_secs(30);
const PATIENCE_MIN: Duration = Duration::from_secs(1);

/// Between two looks at what is on its way.
const PERIOD: Duration = Duration::from_millis(100);

/// How long to wait. Where much is on its way for long, as while a sink is paused, not every page waits for the longest time.
#[derive(Debug)]
pub(super) struct Patience(Duration);

impl Patience {
    pub fn new() -> Self {
        Self(PATIENCE_MAX)
    }

    pub fn deadline(&self) -> Instant {
        Instant::now() + self.0
    }

    /// After a page of which all has come to rest, or not.
    pub fn learn(&mut self, at_rest: bool) {
        self.0 = if at_rest {
            PATIENCE_MAX.min(self.0 * 2)
        } else {
            PATIENCE_MIN.max(self.0 / 2)
        };
    }
}

/// Waits for changes that were committed before, and for jobs.
pub(super) struct Flight<'a> {
    pub looker: &'a Looker<'a>,
    pub route: RouteId,
    pub slot: &'a str,
}

/// What the waiting came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Landing {
    /// Everything that the look could see has become jobs, as far as it matters.
    pub is_read: bool,
    /// More waiting would come to no more.
    pub is_last: bool,
}

impl Flight<'_> {
    /// Waits until all that a look at these could see has become jobs, and until those jobs are over.
    pub async fn lands(&self, suspects: &[Suspect], until: Instant) -> Result<Landing, AuditError> {
        let is_read = if suspects.iter().any(Suspect::is_of_the_state) {
            self.is_read(until).await?
        } else {
            true
        };
        let rests = self.awaited().await?.rests;
        let keys: Vec<SubjectKey> = suspects.iter().map(|suspect| suspect.key.clone()).collect();
        loop {
            // At least once: whoever shows things late gets a moment.
            sleep(PERIOD).await;
            let busy = queue::busy(&self.looker.state, self.route, &keys).await?;
            let is_late = Instant::now() >= until;
            if busy.is_empty() || rests || is_late {
                return Ok(Landing {
                    is_read,
                    is_last: !is_read || rests || is_late,
                });
            }
        }
    }

    /// Whether the reader has made jobs of everything that is committed by now. While a backfill has yet to come by, nobody can say.
    async fn is_read(&self, until: Instant) -> Result<bool, AuditError> {
        let (source, mut visits) = (&self.looker.source, None);
        let Ok(mark) = wal::mark(&***source).await else {
            // No WAL can be written there.
            return Ok(false);
        };
        loop {
            let awaited = self.awaited().await?;
            if awaited.is_visited {
                return Ok(false);
            }
            if awaited.progress.is_some_and(|progress| progress >= mark) {
                // Those that stand by then are of changes before the mark.
                let last = *visits.get_or_insert(awaited.visits.map_or(0, |(_, last)| last));
                if awaited.visits.is_none_or(|(first, _)| first > last) {
                    return Ok(true);
                }
            } else if !self.is_being_read().await? {
                return Ok(false);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            sleep(PERIOD).await;
        }
    }

    async fn awaited(&self) -> Result<Awaited, AuditError> {
        Ok(queue::awaited(&self.looker.state, self.route, self.slot).await?)
    }

    /// Whether anybody reads the slot.
    async fn is_being_read(&self) -> Result<bool, AuditError> {
        let slot = wal::read_slot(&**self.looker.source, self.slot).await;
        Ok(slot?.is_some_and(|slot| slot.active))
    }
}
