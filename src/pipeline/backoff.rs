//! Waiting before something is tried again.

use std::time::Duration;

/// Rises from a fifth of a second to five seconds, with jitter.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
}

const BASE: Duration = Duration::from_millis(200);
const CEILING: Duration = Duration::from_secs(5);

impl Backoff {
    pub fn new() -> Self {
        Self { failures: 0 }
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    pub fn next(&mut self) -> Duration {
        let ceiling = BASE.saturating_mul(1 << self.failures.min(10)).min(CEILING);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(0.75 + 0.25 * fastrand::f64())
    }
}
