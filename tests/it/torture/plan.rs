//! What a seed decides.

use std::time::Duration;

use fastrand::Rng;

/// What is done to whom in a run. Each leaves something out, so that what it would hide can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Nothing but a receiver that misbehaves: then nothing may be sent twice for any other reason.
    Receiver,
    /// Processes are killed, paused for less than their lease, and stopped; the receiver misbehaves.
    Processes,
    /// Postgres crashes, and connections to it are cut and stalled; the receiver misbehaves.
    Postgres,
    /// All of that.
    Everything,
    /// All of that, and processes are paused beyond their lease. The receiver ignores older versions.
    Paused,
    /// All that is done to Postgres, and its slot is dropped, or taken away by the server.
    Slot,
    /// All that is done to Postgres, and now and then the server dies for good, and its synchronous standby takes its place.
    Failover,
}

const SCENARIOS: [Scenario; 7] = [
    Scenario::Everything,
    Scenario::Receiver,
    Scenario::Processes,
    Scenario::Postgres,
    Scenario::Paused,
    Scenario::Slot,
    Scenario::Failover,
];

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub scenario: Scenario,
    pub processes: usize,
    pub writers: usize,
    /// `engine.batch` and `engine.workers`.
    pub batch: usize,
    pub workers: usize,
    /// Of each sink.
    pub concurrency: usize,
    /// How long everybody is at work before each judgement.
    pub rounds: Vec<Duration>,
    /// For whatever else is left to chance.
    pub rng: Rng,
}

impl Plan {
    /// `seconds` is how long everybody is at work in all.
    pub fn new(seed: u64, seconds: u64) -> Plan {
        let mut rng = Rng::with_seed(seed);
        let scenario = SCENARIOS[usize::try_from(seed).unwrap_or_default() % SCENARIOS.len()];
        let rounds = rng.u32(2..=3);
        Plan {
            seed,
            scenario,
            processes: rng.usize(1..=3),
            writers: rng.usize(2..=3),
            batch: [3, 10, 25][rng.usize(..3)],
            workers: rng.usize(1..=3),
            concurrency: rng.usize(2..=8),
            rounds: (0..rounds).map(|_| Duration::from_secs(seconds) / rounds).collect(),
            rng,
        }
    }

    /// `[engine]`, `[sinks]` and `[syncs]`.
    pub fn configuration(&self, source: &str, slot: &str, receiver: &str) -> String {
        let Plan {
            batch,
            workers,
            concurrency,
            ..
        } = self;
        let lease = super::fleet::LEASE.as_secs();
        let sinks = super::schema::SINKS.map(|sink| {
            format!(
                "[sinks.{sink}]\ntype = \"http\"\nurl = \"{receiver}/{sink}/{{id}}\"\ntimeout = \"2s\"\n\
                 concurrency = {concurrency}\nretry = {{ attempts = 10000, base = \"10ms\", max = \"300ms\" }}\n"
            )
        });
        format!(
            "[source]\nurl = \"{source}\"\nslot = \"{slot}\"\nheartbeat = \"1s\"\n\
             [engine]\nbatch = {batch}\nworkers = {workers}\nlease = \"{lease}s\"\nmemory = \"32MiB\"\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n{}{}",
            sinks.concat(),
            super::schema::SYNCS
        )
    }

    /// Most jobs that one process can have in hand: three batches for each pair of sync and sink.
    pub fn in_hand(&self) -> usize {
        3 * self.batch * super::schema::SINKS.len()
    }
}

impl Scenario {
    pub fn torments_processes(self) -> bool {
        matches!(self, Scenario::Processes | Scenario::Everything | Scenario::Paused)
    }

    pub fn torments_postgres(self) -> bool {
        !matches!(self, Scenario::Receiver | Scenario::Processes)
    }

    pub fn pauses_beyond_the_lease(self) -> bool {
        self == Scenario::Paused
    }
}
