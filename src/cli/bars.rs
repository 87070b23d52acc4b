//! How progress looks: a bar on a terminal, a line now and then elsewhere; on standard error.

use std::time::Duration;

use indicatif::ProgressStyle;

/// Between two lines where there is no terminal.
pub(super) const LINES_PERIOD: Duration = Duration::from_secs(10);

/// What it is of, a bar, and how far it has come.
pub(super) fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} [{bar:30}] {wide_msg}").expect("the template is right")
}
