//! The engine's own counts, read from its metrics.

use crate::diff::Reason;
use crate::metrics::{CHANGES_DECODED, SUPPRESSED};

/// Those that the demo speaks of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Changes of rows read from the WAL.
    pub(super) changes: u64,
    /// Not sent: the receiver has this very document.
    pub(super) equal: u64,
    /// Not sent: only columns have changed that no document reads.
    pub(super) irrelevant: u64,
    /// Not sent: another job covered it.
    pub(super) covered: u64,
}

impl Counts {
    pub(super) fn read(metrics: &str) -> Self {
        let suppressed = |reason: Reason| sum(metrics, SUPPRESSED, &format!("reason=\"{}\"", reason.as_str()));
        Self {
            changes: sum(metrics, CHANGES_DECODED, ""),
            equal: suppressed(Reason::Equal),
            irrelevant: suppressed(Reason::IrrelevantColumns),
            covered: suppressed(Reason::Covered),
        }
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            changes: self.changes.saturating_sub(before.changes),
            equal: self.equal.saturating_sub(before.equal),
            irrelevant: self.irrelevant.saturating_sub(before.irrelevant),
            covered: self.covered.saturating_sub(before.covered),
        }
    }
}

/// Over all series of a counter that have this label.
fn sum(metrics: &str, name: &str, label: &str) -> u64 {
    let series = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    series
        .filter(|series| series.contains(label))
        .filter_map(|series| series.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_their_series() {
        let metrics = "# TYPE walsift_suppressed_total counter\n\
                       walsift_suppressed_total{sync=\"orders\",reason=\"equal\"} 3\n\
                       walsift_suppressed_total{sync=\"books\",reason=\"equal\"} 4\n\
                       walsift_suppressed_total{sync=\"orders\",reason=\"covered\"} 5\n\
                       walsift_changes_decoded_total{kind=\"update\"} 10\n\
                       walsift_changes_decoded_total{kind=\"insert\"} 1\n";
        let counts = Counts::read(metrics);
        assert_eq!((counts.changes, counts.equal, counts.covered), (11, 7, 5));
        assert_eq!(counts.since(counts), Counts::default());
    }
}
