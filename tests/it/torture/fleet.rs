//! The processes of a run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::world::{Engine, World};

/// The shortest that the configuration takes.
pub const LEASE: Duration = Duration::from_secs(5);

/// A process is to leave within nine seconds of being asked; the rest is for a machine with other work to do.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// For a debug build that may hold 32 MiB of the stream and of documents.
const CEILING_BYTES: u64 = 112 << 20;

pub struct Fleet {
    config: PathBuf,
    /// `None` for one that is dead at present.
    engines: Vec<Option<Engine>>,
    /// What those said that are gone, for a failed run to show.
    pub logs: Vec<Vec<String>>,
    pub complaints: Vec<String>,
    pub peak_bytes: u64,
}

impl Fleet {
    pub fn new(world: &World, config: PathBuf, processes: usize) -> Fleet {
        let mut fleet = Fleet {
            config,
            engines: (0..processes).map(|_| None).collect(),
            logs: Vec::new(),
            complaints: Vec::new(),
            peak_bytes: 0,
        };
        fleet.revive(world);
        fleet
    }

    /// One that is alive, if there is any.
    pub fn choose(&self, rng: &mut fastrand::Rng) -> Option<usize> {
        let living: Vec<usize> = (0..self.engines.len())
            .filter(|&at| self.engines[at].is_some())
            .collect();
        rng.choice(living)
    }

    /// Starts those that are dead.
    pub fn revive(&mut self, world: &World) {
        for engine in &mut self.engines {
            engine.get_or_insert_with(|| world.engine(&self.config));
        }
    }

    pub fn kill9(&mut self, at: usize) {
        self.weigh(at);
        if let Some(mut engine) = self.engines[at].take() {
            engine.kill9();
            self.bury(&engine);
        }
    }

    /// How many there were.
    pub fn kill_all(&mut self) -> usize {
        let living = self.engines.iter().flatten().count();
        (0..self.engines.len()).for_each(|at| self.kill9(at));
        living
    }

    /// Asks it to leave, and sees that it does.
    pub async fn stop(&mut self, at: usize) {
        self.weigh(at);
        let Some(mut engine) = self.engines[at].take() else {
            return;
        };
        let asked = Instant::now();
        engine.terminate();
        let status = engine.wait_exit(STOP_WITHIN).await;
        if status.code() != Some(0) {
            let took = asked.elapsed();
            self.complaints.push(format!(
                "a process that was asked to stop left with {status} after {took:?}"
            ));
        }
        self.bury(&engine);
    }

    pub async fn stop_all(&mut self) {
        for at in 0..self.engines.len() {
            self.stop(at).await;
        }
    }

    pub fn pause(&self, at: usize) {
        self.signal(at, Signal::STOP);
    }

    pub fn resume(&self, at: usize) {
        self.signal(at, Signal::CONT);
    }

    fn signal(&self, at: usize, signal: Signal) {
        let engine = self.engines[at].as_ref().expect("it was chosen among the living");
        engine.signal(signal);
    }

    /// Holds each against the ceiling, and sees whether any has left by itself.
    pub fn weigh_all(&mut self) {
        (0..self.engines.len()).for_each(|at| self.weigh(at));
    }

    fn weigh(&mut self, at: usize) {
        let Some(engine) = &mut self.engines[at] else { return };
        if let Some(status) = engine.ended() {
            // Panics of the run show what it said.
            panic!("a process has left by itself, with {status}");
        }
        let peak = engine.resident_bytes_peak();
        self.peak_bytes = self.peak_bytes.max(peak);
        if peak > CEILING_BYTES {
            self.complaints
                .push(format!("a process has taken {} MiB of memory", peak >> 20));
        }
    }

    fn bury(&mut self, engine: &Engine) {
        self.logs.push(engine.log());
    }

    /// What all have said, the dead and the living.
    pub fn said(&self) -> Vec<Vec<String>> {
        let living = self.engines.iter().flatten().map(Engine::log);
        self.logs.iter().cloned().chain(living).collect()
    }
}
