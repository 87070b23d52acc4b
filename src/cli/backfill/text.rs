//! Backfills in words.

use std::fmt::Write as _;

use crate::cli::status::time;
use crate::operate::BackfillStatus;

pub(super) const COVERED: &str = "a backfill that has not begun yet will visit all of that";

/// One backfill, on one line and what is wrong on another.
pub fn line(backfill: &BackfillStatus) -> String {
    let mut line = format!(
        "{:>6}  {} → {}  {} ({}): {}",
        backfill.id,
        backfill.sync,
        backfill.sink,
        backfill.state,
        backfill.cause,
        progress(backfill)
    );
    if let Some(condition) = &backfill.condition {
        let _ = write!(line, "\n        where {}", condition.escape_debug());
    }
    if let Some(error) = backfill.error.as_ref().filter(|_| !backfill.is_over()) {
        let _ = write!(line, "\n        cannot go on at present: {error}");
    }
    line.push('\n');
    line
}

/// How far it has come.
pub fn progress(backfill: &BackfillStatus) -> String {
    let mut text = backfill.visited.to_string();
    match backfill.estimate {
        Some(estimate) if !backfill.is_over() && estimate > backfill.visited => {
            let _ = write!(text, " of about {estimate} visited");
        }
        _ => text.push_str(" visited"),
    }
    let _ = write!(text, ", {} sent", backfill.sent);
    if backfill.left_over > 0 {
        let _ = write!(text, ", {} left to jobs", backfill.left_over);
    }
    if let Some(speed) = backfill.speed() {
        let _ = write!(text, ", {speed:.0} a second");
    }
    match (backfill.is_over(), backfill.seconds, backfill.seconds_left()) {
        (true, Some(seconds), _) => {
            let _ = write!(text, ", in {}", time(seconds));
        }
        (false, _, Some(left)) => {
            let _ = write!(text, ", about {} left", time(left));
        }
        _ => {}
    }
    text
}
