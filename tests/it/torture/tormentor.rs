//! What is done to Postgres, to the connections to it, and to the processes.

use std::time::{Duration, Instant};

use fastrand::Rng;
use walsift::demo::Shutdown;

use super::faults::{Faults, Kind};
use super::fleet::{Fleet, LEASE};
use super::plan::Scenario;
use super::slot;
use super::standby::Standby;
use crate::world::{DEADLINE, Proxy, Weather, World, eventually};

pub struct Tormentor<'a> {
    pub world: &'a World,
    pub proxy: &'a Proxy,
    pub faults: &'a Faults,
    pub scenario: Scenario,
    /// Where there is one, and it has not taken over yet.
    pub standby: Option<Standby>,
    pub rng: Rng,
}

impl Tormentor<'_> {
    /// All is well again when it is over.
    pub async fn until(&mut self, fleet: &mut Fleet, end: Instant) {
        while Instant::now() < end {
            self.idle(100..1_500).await;
            let (processes, postgres) = (self.scenario.torments_processes(), self.scenario.torments_postgres());
            match (processes, postgres) {
                (true, true) if self.rng.bool() => self.torment_a_process(fleet).await,
                (true, false) => self.torment_a_process(fleet).await,
                (_, true) => self.torment_postgres().await,
                (false, false) => {}
            }
            fleet.weigh_all();
        }
    }

    async fn torment_a_process(&mut self, fleet: &mut Fleet) {
        let Some(at) = fleet.choose(&mut self.rng) else {
            fleet.revive(self.world);
            return;
        };
        match self.rng.u8(0..8) {
            0..=3 => {
                self.faults.note(Kind::ProcessKilled);
                fleet.kill9(at);
                // The next torment may find it dead.
                if self.rng.bool() {
                    self.idle(0..1_500).await;
                }
                fleet.revive(self.world);
            }
            4 => {
                self.faults.note(Kind::ProcessStopped);
                fleet.stop(at).await;
                self.idle(0..1_000).await;
                fleet.revive(self.world);
            }
            5 | 6 if self.scenario.pauses_beyond_the_lease() => {
                let _begun = self.faults.begin(Kind::ProcessPausedBeyondLease);
                fleet.pause(at);
                tokio::time::sleep(LEASE).await;
                self.idle(200..2_500).await;
                fleet.resume(at);
            }
            _ => {
                self.leases_are_fresh().await;
                let _begun = self.faults.begin(Kind::ProcessPaused);
                fleet.pause(at);
                self.idle(100..1_500).await;
                fleet.resume(at);
            }
        }
    }

    async fn torment_postgres(&mut self) {
        if self.scenario == Scenario::Slot && self.rng.u8(0..3) == 0 {
            return self.take_the_slot().await;
        }
        if self.rng.u8(0..6) == 0
            && let Some(standby) = self.standby.take()
        {
            let _begun = self.faults.begin(Kind::StandbyPromoted);
            return standby.take_over(self.world, self.proxy).await;
        }
        // Where there is a standby, everybody waits for it anyway.
        let most = if self.scenario == Scenario::Failover { 9 } else { 12 };
        match self.rng.u8(0..most) {
            0 | 1 => {
                let _begun = self.faults.begin(Kind::PostgresRestarted);
                let how = [Shutdown::Immediate, Shutdown::Kill][self.rng.usize(..2)];
                let cluster = self.world.cluster();
                cluster.halt(how).await.unwrap();
                self.idle(0..1_000).await;
                cluster.resume().await.unwrap();
            }
            2 => {
                self.faults.note(Kind::ConnectionsCut);
                self.proxy.cut_all();
            }
            3 | 4 => {
                self.faults.note(Kind::ConnectionsCut);
                self.proxy.cut_one(&mut self.rng);
            }
            5 => {
                self.faults.note(Kind::MessageTorn);
                self.proxy.tear_next();
            }
            6 | 7 => {
                let _begun = self.faults.begin(Kind::ConnectionsStalled);
                let (up, both) = (self.rng.bool(), self.rng.bool());
                self.proxy.set_weather(Weather {
                    stalled_up: up || both,
                    stalled_down: !up || both,
                    ..Weather::default()
                });
                // Some are longer than a lease.
                let longest = if self.rng.u8(0..4) == 0 { 8_000 } else { 2_000 };
                self.idle(300..longest).await;
                self.proxy.set_weather(Weather::default());
            }
            8 => {
                let _begun = self.faults.begin(Kind::ConnectionsDelayed);
                let delay = Duration::from_millis(self.rng.u64(2..40));
                self.proxy.set_weather(Weather {
                    delay,
                    ..Weather::default()
                });
                self.idle(500..2_500).await;
                self.proxy.set_weather(Weather::default());
            }
            _ => {
                let _begun = self.faults.begin(Kind::CommitsHeld);
                self.wait_for_standby("nobody").await;
                self.idle(300..2_000).await;
                self.wait_for_standby("").await;
            }
        }
    }

    async fn take_the_slot(&mut self) {
        if self.rng.bool() {
            self.faults.note(Kind::SlotDropped);
            return slot::drop(self.world).await;
        }
        let _begun = self.faults.begin(Kind::SlotInvalidated);
        // Its reader must not keep up.
        self.proxy.set_weather(Weather {
            stalled_up: true,
            stalled_down: true,
            ..Weather::default()
        });
        slot::invalidate(self.world).await;
        self.proxy.set_weather(Weather::default());
    }

    /// Commits that want to be synchronous wait for this one.
    async fn wait_for_standby(&self, name: &str) {
        self.world
            .sql(&format!("alter system set synchronous_standby_names = '{name}'"))
            .await;
        self.world.sql("select pg_reload_conf()").await;
    }

    /// A pause is not to be longer than what is left of any lease.
    async fn leases_are_fresh(&self) {
        let stale = "select count(*) from walsift.worker where expires_at between now() and now() + interval '3.2 s'";
        eventually(DEADLINE, "every lease renewed of late", async || {
            let row = self.world.client().await.query_one(stale, &[]).await;
            // Before the state is made there is none.
            row.map_or(Some(()), |row| (row.get::<_, i64>(0) == 0).then_some(()))
        })
        .await;
    }

    async fn idle(&mut self, milliseconds: std::ops::Range<u64>) {
        tokio::time::sleep(Duration::from_millis(self.rng.u64(milliseconds))).await;
    }
}
