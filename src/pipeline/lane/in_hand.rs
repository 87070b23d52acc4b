//! A chunk of a backfill, from the first of its subjects that is built until the last is written down.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::queue::{BackfillId, Chunk, ChunkId};

/// Subjects in the first chunk, before it is known how fast the sink is.
pub(super) const FIRST_CHUNK: usize = 64;

/// Within this time a chunk is to be done: for so long changes of its subjects wait.
const QUICK: Duration = Duration::from_millis(250);
const SLOW: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct InHand {
    pub id: ChunkId,
    pub backfill: BackfillId,
    pub subjects: usize,
    began: Instant,
    /// Subjects that are not written down.
    left: AtomicUsize,
    pub sent: AtomicU64,
    /// Subjects that became a job.
    pub left_over: AtomicU64,
}

impl InHand {
    pub fn new(chunk: &Chunk) -> Self {
        Self {
            id: chunk.id,
            backfill: chunk.backfill,
            subjects: chunk.jobs.len(),
            began: Instant::now(),
            left: AtomicUsize::new(chunk.jobs.len()),
            sent: AtomicU64::default(),
            left_over: AtomicU64::default(),
        }
    }

    /// Whether these are all that are left.
    pub fn ends_with(&self, subjects: usize) -> bool {
        self.left.load(Ordering::Relaxed) == subjects
    }

    pub fn written(&self, subjects: usize) {
        self.left.fetch_sub(subjects, Ordering::Relaxed);
    }

    /// How many subjects the next chunk is to have, of at most so many.
    pub fn next(&self, before: usize, most: usize) -> usize {
        next(self.subjects, self.began.elapsed(), before).clamp(1, most)
    }
}

/// A chunk smaller than it might have been says nothing for larger ones.
fn next(subjects: usize, took: Duration, before: usize) -> usize {
    if took > SLOW {
        subjects.min(before) / 2
    } else if took < QUICK && subjects >= before {
        before * 2
    } else {
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_as_large_as_the_sink_is_fast() {
        let milliseconds = Duration::from_millis;
        #[rustfmt::skip]
        let cases = [
            // subjects, took, before, next
            (64,  50,    64,  128),
            (64,  500,   64,  64),
            (64,  1_500, 64,  32),
            (10,  50,    64,  64),
            (10,  1_500, 64,  5),
        ];
        for (subjects, took, before, wanted) in cases {
            assert_eq!(
                next(subjects, milliseconds(took), before),
                wanted,
                "{subjects}, {took}, {before}"
            );
        }
    }
}
