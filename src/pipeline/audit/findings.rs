//! What an audit has found so far.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Keys that are kept of each kind of fault.
const SAMPLES_MAX: usize = 20;

/// What is wrong with a subject: the first five between source and state, the others between source and sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The source yields another document than was accepted last.
    Changed,
    /// The source has it, and the sink never accepted anything of it.
    New,
    /// The sink accepted a document of it, and the source has it no more.
    Gone,
    /// Nobody knows what the sink holds.
    Unknown,
    /// It cannot be built.
    Failed,
    /// The source has it, and the sink has not.
    Missing,
    /// The sink holds another document.
    Stale,
    /// The sink has it, and the source has not.
    Orphaned,
    /// The sink cannot say what it holds of it.
    Unreadable,
}

impl Fault {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::New => "new",
            Self::Gone => "gone",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Orphaned => "orphaned",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether sending it again mends it.
    pub(super) fn is_mendable(self) -> bool {
        !matches!(self, Self::Failed | Self::Unreadable)
    }
}

/// A fault of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// As it is stored.
    pub key: String,
    /// Where the documents differ, or why something cannot be done.
    pub detail: Option<String>,
}

/// Of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    pub count: u64,
    pub samples: Vec<Sample>,
}

/// Of one route. It can be read back, for an audit that goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Looked at.
    pub subjects: u64,
    /// Those with one fault or two.
    pub faulty: u64,
    /// Those that were still on their way.
    pub in_flight: u64,
    /// Those with a job that is to put them right.
    pub repaired: u64,
    /// Names in the sink that are of no subject.
    pub strangers: u64,
    pub faults: BTreeMap<Fault, Faults>,
}

impl Findings {
    /// Whether it is among those that are kept.
    pub(super) fn add(&mut self, fault: Fault, sample: &Sample) -> bool {
        let faults = self.faults.entry(fault).or_default();
        faults.count += 1;
        let is_kept = faults.samples.len() < SAMPLES_MAX;
        if is_kept {
            faults.samples.push(sample.clone());
        }
        is_kept
    }

    pub fn is_clean(&self) -> bool {
        self.faulty == 0
    }

    /// Those with nothing wrong, as far as was seen.
    pub fn in_order(&self) -> u64 {
        self.subjects.saturating_sub(self.faulty + self.in_flight)
    }
}
