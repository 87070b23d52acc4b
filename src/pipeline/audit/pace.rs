//! So many subjects a second.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::pipeline::looking::PAGE_SUBJECTS;

/// The time that a page is to be worth where there is a rate.
const PAGE_TIME: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Pace {
    /// Subjects a second.
    rate: Option<f64>,
    /// When the next may be looked at.
    next: Instant,
}

impl Pace {
    pub fn new(rate: Option<f64>) -> Self {
        let next = Instant::now();
        Self { rate, next }
    }

    /// Subjects in a page.
    pub fn page(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive, and what is too large for an integer is the largest one"
        )]
        let worth = self.rate.map(|rate| (rate * PAGE_TIME.as_secs_f64()) as usize);
        worth.unwrap_or(PAGE_SUBJECTS).clamp(1, PAGE_SUBJECTS)
    }

    /// Waits until as many subjects may be looked at.
    pub async fn take(&mut self, subjects: usize) {
        let Some(rate) = self.rate else { return };
        sleep_until(self.next).await;
        #[expect(clippy::cast_precision_loss, reason = "at most a page")]
        let time = Duration::try_from_secs_f64(subjects as f64 / rate).unwrap_or(Duration::MAX);
        // Time that was spent on something else is not made up for.
        let now = Instant::now();
        self.next = now.checked_add(time).unwrap_or(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_rate_are_looked_at() {
        let begun = Instant::now();
        let mut pace = Pace::new(Some(20.0));
        assert_eq!(pace.page(), 20);
        for _ in 0..4 {
            pace.take(10).await;
        }
        let rounded = Duration::from_millis(1);
        assert!(
            begun.elapsed().abs_diff(Duration::from_millis(1_500)) <= 2 * rounded,
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(Pace::new(Some(0.5)).page(), 1);
        assert_eq!(Pace::new(None).page(), PAGE_SUBJECTS);
        assert_eq!(Pace::new(Some(1e300)).page(), PAGE_SUBJECTS);
    }
}
