//! The faults of a run, counted and dated.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    ProcessKilled,
    ProcessPaused,
    ProcessPausedBeyondLease,
    ProcessStopped,
    PostgresRestarted,
    ConnectionsCut,
    MessageTorn,
    ConnectionsStalled,
    ConnectionsDelayed,
    CommitsHeld,
    SlotDropped,
    SlotInvalidated,
    StandbyPromoted,
    SinkDead,
    SubjectRefused,
    ReceiverSlow,
    ReceiverRefuses,
    ReceiverFails,
    ReceiverHangs,
    ReceiverCuts,
    ReceiverAppliesAndFails,
}

#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub kind: Kind,
    pub began: Instant,
    /// Not before it is over.
    pub ended: Option<Instant>,
}

/// Of one run.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

/// Of several runs.
pub type Counts = BTreeMap<Kind, usize>;

impl Faults {
    /// Notes one that begins; it has ended when the answer is dropped.
    pub fn begin(&self, kind: Kind) -> Begun<'_> {
        let mut faults = self.0.lock().unwrap();
        let began = Instant::now();
        faults.push(Fault {
            kind,
            began,
            ended: None,
        });
        Begun {
            faults: self,
            at: faults.len() - 1,
        }
    }

    /// Notes one that is over at once.
    pub fn note(&self, kind: Kind) {
        drop(self.begin(kind));
    }

    pub fn list(&self) -> Vec<Fault> {
        self.0.lock().unwrap().clone()
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for fault in self.0.lock().unwrap().iter() {
            *counts.entry(fault.kind).or_default() += 1;
        }
        counts
    }
}

#[must_use = "the fault ends when this is dropped"]
pub struct Begun<'a> {
    faults: &'a Faults,
    at: usize,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.faults.0.lock().unwrap()[self.at].ended = Some(Instant::now());
    }
}

impl Kind {
    /// How many processes may have lost track of what they had in hand, out of `processes`.
    pub fn forgetful(self, processes: usize) -> usize {
        match self {
            Kind::ProcessKilled | Kind::ProcessPausedBeyondLease => 1,
            // Who loses a connection in the middle of a claim gives up all that it has claimed.
            Kind::PostgresRestarted
            | Kind::ConnectionsCut
            | Kind::MessageTorn
            | Kind::ConnectionsStalled
            | Kind::SlotInvalidated
            | Kind::StandbyPromoted => processes,
            _ => 0,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::ProcessKilled => "processes killed",
            Kind::ProcessPaused => "processes paused",
            Kind::ProcessPausedBeyondLease => "processes paused beyond their lease",
            Kind::ProcessStopped => "processes stopped",
            Kind::PostgresRestarted => "crashes of Postgres",
            Kind::ConnectionsCut => "connections cut",
            Kind::MessageTorn => "messages torn",
            Kind::ConnectionsStalled => "stalls",
            Kind::ConnectionsDelayed => "delays",
            Kind::SlotDropped => "slots dropped",
            Kind::SlotInvalidated => "slots invalidated",
            Kind::StandbyPromoted => "standbys promoted",
            Kind::CommitsHeld => "commits held back from view",
            Kind::SinkDead => "sinks dead for a time",
            Kind::SubjectRefused => "subjects refused for a time",
            Kind::ReceiverSlow => "slow answers",
            Kind::ReceiverRefuses => "requests put off",
            Kind::ReceiverFails => "requests failed",
            Kind::ReceiverHangs => "requests hanging",
            Kind::ReceiverCuts => "requests cut",
            Kind::ReceiverAppliesAndFails => "requests applied and failed",
        })
    }
}
