//! Findings in words.

use std::fmt::Write as _;

use crate::pipeline::{Fault, Report, Sample};

/// A fault of a subject, on a line.
pub fn line(fault: Fault, sample: &Sample) -> String {
    let mut line = format!("  {:<10} {}", fault.as_str(), sample.key.escape_debug());
    if let Some(detail) = &sample.detail {
        let _ = write!(line, "  {}", detail.escape_debug());
    }
    line.push('\n');
    line
}

/// What an audit came to.
pub fn sum(report: &Report) -> String {
    let findings = &report.findings;
    let mut sum = String::new();
    if let Some(reason) = &report.unread {
        let _ = writeln!(
            sum,
            "  the sink can't be read: {reason}; source and state alone were compared"
        );
    }
    for note in &report.notes {
        let _ = writeln!(sum, "  {note}");
    }
    let _ = write!(sum, "{} subjects: {} in order", findings.subjects, findings.in_order());
    for (fault, faults) in &findings.faults {
        let _ = write!(sum, ", {} {}", faults.count, fault.as_str());
    }
    let further = [
        (findings.in_flight, "in flight"),
        (findings.repaired, "sent again"),
        (findings.strangers, "names in the sink that are of no subject"),
    ];
    for (count, what) in further.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(sum, "; {count} {what}");
    }
    sum.push('\n');
    sum
}
