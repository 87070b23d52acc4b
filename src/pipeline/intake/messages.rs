//! Logical messages: those that name subjects, that of a transaction of our own, and all others.

use std::time::{Duration, SystemTime};

use metrics::counter;
use tokio::time::Instant;

use super::{Intake, IntakeError};
use crate::mapping::{AFTER_PUBLISH_PREFIX, Origin};
use crate::metrics as names;

/// Messages whose prefix begins so are addressed to this program. They make progress be written, so that whoever emitted
/// one can see that everything before it has been read.
const OWN_PREFIXES: &str = "walsift.";

/// At most so often a malformed message is logged; all are counted.
const LOG_PERIOD: Duration = Duration::from_secs(1);

/// Most characters of a malformed message that are logged.
const EXCERPT_CHARS: usize = 80;

/// When a malformed message was logged last.
#[derive(Debug, Default)]
pub(super) struct Complaints(Option<Instant>);

impl Intake<'_> {
    pub(super) fn message(&mut self, transactional: bool, prefix: &str, content: &[u8]) -> Result<(), IntakeError> {
        let origin = if transactional {
            let first = std::mem::take(&mut self.fresh);
            let open = self
                .open
                .as_mut()
                .ok_or(IntakeError::Order("a transactional message outside a transaction"))?;
            if prefix == AFTER_PUBLISH_PREFIX {
                if first {
                    open.author = author(self.engine, content);
                }
                return Ok(());
            }
            *open
        } else {
            Origin {
                xid: 0,
                committed_at: SystemTime::now(),
                author: None,
            }
        };
        let (heard, malformed) = self.mapper.map_message(prefix, content, origin, &mut self.batch);
        self.dirty |= heard || prefix.starts_with(OWN_PREFIXES);
        self.changes += 1;
        for (sync, error) in malformed {
            let sync = &self.engine.plans[sync].name;
            counter!(names::MESSAGES_MALFORMED, "sync" => sync.to_string()).increment(1);
            if self.complaints.are_due() {
                tracing::warn!(
                    sync = %sync, prefix, error = error.to_string(), content = excerpt(content),
                    "a message names no subjects; it is passed over"
                );
            }
        }
        Ok(())
    }
}

/// The sync that `SLOT/SYNC` stands for, if the slot is ours.
fn author(engine: &super::Engine, content: &[u8]) -> Option<usize> {
    let (slot, sync) = str::from_utf8(content).ok()?.split_once('/')?;
    let plans = &engine.plans;
    (slot == engine.config.source.slot)
        .then(|| plans.iter().position(|plan| *plan.name == *sync))
        .flatten()
}

impl Complaints {
    fn are_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.0.is_none_or(|last| now - last >= LOG_PERIOD);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

/// Its beginning.
fn excerpt(content: &[u8]) -> String {
    // A character has four bytes at most.
    let head = content.get(..EXCERPT_CHARS * 4).unwrap_or(content);
    String::from_utf8_lossy(head).chars().take(EXCERPT_CHARS).collect()
}
