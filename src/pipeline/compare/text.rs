//! A comparison for people.

use super::facts::{Comparison, Cost, RouteComparison};
use super::sample::Sample;
use crate::plan::{grouped, wrapped};

/// Most places that are listed.
const DIFFERENCES_SHOWN_MAX: usize = 20;

impl Comparison {
    /// In lines that are not too long.
    pub fn text(&self) -> String {
        let mut parts: Vec<String> = self.syncs.iter().map(route).collect();
        for gone in &self.unconfigured {
            let what = "it is no longer configured: nothing more is sent; what is stored of it stays";
            parts.push(format!(
                "{} → {}\n{}",
                gone.sync,
                gone.sink,
                wrapped("  means     ", what)
            ));
        }
        parts.join("\n")
    }
}

fn route(route: &RouteComparison) -> String {
    let mut text = format!("{} → {}\n", route.sync, route.sink);
    text.push_str(&wrapped("  means     ", &route.words));
    if let Some(error) = &route.error {
        text.push_str(&wrapped("  sample    ", &format!("none: {error}")));
    }
    if let Some(sample) = &route.sample {
        text.push_str(&wrapped("  sample    ", &counts(sample)));
        let mut head = "  differs   ";
        for frequency in sample.differences.iter().take(DIFFERENCES_SHOWN_MAX) {
            let path = match frequency.difference.path.as_str() {
                "" => "the document",
                path => path,
            };
            let change = frequency.difference.change.words();
            text.push_str(&wrapped(head, &format!("{path} {change} in {}", frequency.subjects)));
            head = "            ";
        }
        let more = sample.differences.len().saturating_sub(DIFFERENCES_SHOWN_MAX);
        if more > 0 {
            text.push_str(&wrapped(head, &format!("and {more} more places")));
        }
    }
    if let Some(cost) = &route.cost {
        text.push_str(&wrapped("  applying  ", &applying(cost)));
    }
    text
}

fn counts(sample: &Sample) -> String {
    let size = grouped(sample.size as u64);
    let of = match sample.subjects {
        Some(all) if all == sample.size as u64 => format!("all {size} subjects"),
        Some(all) => format!("{size} of about {} subjects", grouped(all)),
        None => format!("{size} subjects, of how many is not known before `analyze`"),
    };
    let counts = [
        (sample.changed, "differ"),
        (sample.equal, "equal"),
        (sample.new, "new"),
        (sample.gone, "gone"),
        (sample.failed, "cannot be built"),
    ];
    let counts = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count as u64)));
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() {
        of
    } else {
        format!("{of}: {}", counts.join(", "))
    }
}

fn applying(cost: &Cost) -> String {
    if cost.requests == 0 {
        return "no requests".to_owned();
    }
    let source = if cost.latency_measured {
        "as on record"
    } else {
        "assumed, as none is on record"
    };
    let about = if cost.at_most { "at most about" } else { "about" };
    format!(
        "{about} {} requests, {} at {} at a time and {:.0} ms each ({source})",
        grouped(cost.requests),
        duration(cost.seconds),
        cost.concurrency,
        cost.latency_seconds * 1000.0
    )
}

fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => "in less than a second".to_owned(),
        seconds if seconds < 120.0 => format!("in about {seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("in about {:.0} min", seconds / 60.0),
        seconds => format!("in about {:.0} h", seconds / 3600.0),
    }
}
