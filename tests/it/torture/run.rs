//! One run from beginning to end.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use walsift::demo::{Answer, ClusterSettings};

use super::canary::Canary;
use super::faults::{Counts, Faults, Kind};
use super::fleet::Fleet;
use super::judge::{judge, receiver_faults};
use super::judgement::{Judgement, show};
use super::plan::{Plan, Scenario};
use super::schema::{SCHEMA, oracles};
use super::standby::Standby;
use super::tormentor::Tormentor;
use super::weather;
use super::writer::{Writer, Written};
use crate::world::{Nudge, Proxy, World, eventually};

/// For the quiet after a round.
const QUIET_WITHIN: Duration = Duration::from_mins(4);

/// WAL that may be behind the slot when all is quiet: what moving it is not worth, and what moving it writes.
const LAG_BYTES_MAX: i64 = 3 << 20;

/// What a run was, if it was good.
#[derive(Debug)]
pub struct Report {
    pub plan: Plan,
    pub took: Duration,
    pub faults: Counts,
    pub written: Written,
    pub judgement: Judgement,
    pub peak_bytes: u64,
}

/// Panics, with the seed, if anything was not as it must be. Everybody is at work for `seconds` in all.
pub async fn run(seed: u64, seconds: u64) -> Report {
    let mut run = Run::new(Plan::new(seed, seconds)).await;
    for round in 0..run.plan.rounds.len() {
        run.torment(run.plan.rounds[round]).await;
        run.stand_by_again().await;
        run.quiet(round).await;
    }
    run.judge().await
}

struct Run {
    plan: Plan,
    began: Instant,
    // In the order in which they are to go: the processes before what they are connected to.
    fleet: Fleet,
    writers: Vec<Writer>,
    canary: Canary,
    faults: Faults,
    written: Written,
    proxy: Proxy,
    /// Ready to take over.
    standby: Option<Standby>,
    world: World,
}

impl Run {
    async fn new(mut plan: Plan) -> Run {
        eprintln!("seed {}: {plan:?}", plan.seed);
        // Elsewhere nobody waits for a standby but who says so.
        let failover = plan.scenario == Scenario::Failover;
        let commit = if failover { "on" } else { "local" };
        let world = World::apart(ClusterSettings::default().with("synchronous_commit", commit)).await;
        let standby = if failover {
            Some(Standby::new(&world).await)
        } else {
            None
        };
        world.sql(SCHEMA).await;
        if plan.scenario.pauses_beyond_the_lease() {
            world.receiver().guard();
        }
        let proxy = Proxy::before(&world.url()).await;
        let config = plan.configuration(&proxy.url(&world.url()), world.slot(), &world.receiver().url());
        let file = world.folder().join("torture.toml");
        fs::write(&file, config).unwrap();
        let writers = (0..plan.writers).map(|_| Writer::new(plan.rng.fork())).collect();
        Run {
            began: Instant::now(),
            fleet: Fleet::new(&world, file, plan.processes),
            writers,
            canary: Canary::default(),
            faults: Faults::default(),
            written: Written::default(),
            plan,
            standby,
            proxy,
            world,
        }
    }

    /// Everybody at work. Afterwards all processes and Postgres are up, and the receiver accepts everything.
    async fn torment(&mut self, length: Duration) {
        let end = Instant::now() + length;
        let world = &self.world;
        let mut tormentor = Tormentor {
            world,
            proxy: &self.proxy,
            faults: &self.faults,
            scenario: self.plan.scenario,
            standby: self.standby.take(),
            rng: self.plan.rng.fork(),
        };
        let sessions = join_all(self.writers.iter_mut().map(|writer| writer.until(world, end)));
        let weather = weather::until(world, &self.faults, self.plan.rng.fork(), &self.canary, end);
        let (written, (), ()) = tokio::join!(sessions, tormentor.until(&mut self.fleet, end), weather);
        self.standby = tormentor.standby;
        for session in written {
            self.written.transactions += session.transactions;
            self.written.rows += session.rows;
        }
        world.receiver().clear_rules();
        self.fleet.revive(world);
    }

    /// Where the standby of the last round took over, there is another one for the next.
    async fn stand_by_again(&mut self) {
        if self.plan.scenario == Scenario::Failover && self.standby.is_none() {
            let _begun = self.faults.begin(Kind::PostgresRestarted);
            self.standby = Some(Standby::new(&self.world).await);
        }
    }

    /// Nothing is left to do, and the receiver holds what it must.
    async fn quiet(&mut self, round: usize) {
        self.settled().await;
        self.replay_what_was_refused(round).await;
        self.settled().await;
        self.lag_is_small().await;
        self.fleet.weigh_all();
        for (sink, oracle) in oracles() {
            if let Some(divergence) = self.world.divergence(&oracle, &format!("/{sink}/")).await {
                panic!("{sink} does not hold what the database yields in round {round}\n{divergence}");
            }
        }
    }

    async fn settled(&self) {
        if let Err(last) = self.world.try_settled_by(Nudge::Message, QUIET_WITHIN).await {
            panic!("{last}");
        }
    }

    /// What was refused for good waits for a person, who changes it.
    async fn replay_what_was_refused(&self, round: usize) {
        let refused: Vec<String> = self.world.receiver().look(|ledger| {
            let last: std::collections::BTreeMap<&str, _> = ledger
                .journal()
                .iter()
                .map(|request| (request.path.as_str(), request))
                .collect();
            let refused = last
                .iter()
                .filter(|(_, request)| matches!(request.answer, Answer::Status(400 | 403 | 422)));
            refused
                .filter_map(|(path, _)| path.strip_prefix("/orders/").map(str::to_owned))
                .collect()
        });
        for id in refused {
            let statement = format!(
                "insert into orders values ({id}, 'mended {round}') on conflict (id) do update set status = excluded.status"
            );
            self.world.sql(&statement).await;
        }
    }

    async fn lag_is_small(&self) {
        let slot = self.world.slot();
        let lag = format!(
            "select (pg_current_wal_lsn() - confirmed_flush_lsn)::int8 from pg_replication_slots where slot_name = '{slot}'"
        );
        let what = format!("the slot at most {LAG_BYTES_MAX} bytes behind");
        eventually(QUIET_WITHIN, &what, async || {
            (self.world.value::<i64>(&lag).await <= LAG_BYTES_MAX).then_some(())
        })
        .await;
    }

    /// The end: everybody leaves when asked, and the journal is looked at.
    async fn judge(mut self) -> Report {
        self.fleet.stop_all().await;
        let journal = self.world.receiver().look(|ledger| ledger.journal().to_vec());
        let (faults, plan) = (self.faults.list(), &self.plan);
        let guarded = plan.scenario.pauses_beyond_the_lease();
        let mut judgement = judge(&journal, self.began, &faults, guarded);
        judgement.complaints.append(&mut self.fleet.complaints);
        let forgetful: usize = faults.iter().map(|fault| fault.kind.forgetful(plan.processes)).sum();
        let unrecorded = judgement.after_unrecorded;
        // On another server each process doubts all that it ever sent.
        let count = |kind| faults.iter().filter(|fault| fault.kind == kind).count();
        let doubted = count(Kind::StandbyPromoted) * plan.processes * judgement.subjects;
        judgement.bound(
            "requests repeat what may not have been recorded",
            unrecorded,
            forgetful * plan.in_hand() + doubted,
        );
        // Each paused process can have had as many under way as its sinks have places.
        let paused = count(Kind::ProcessPausedBeyondLease);
        let under_way = paused * plan.concurrency * super::schema::SINKS.len();
        let late = judgement.backwards.max(judgement.overlaps).max(judgement.outdated);
        judgement.bound("requests went backwards or overlapped", late, under_way);
        assert!(judgement.complaints.is_empty(), "{judgement}");
        let mut counts = self.faults.counts();
        for (kind, count) in receiver_faults(&journal) {
            *counts.entry(kind).or_default() += count;
        }
        Report {
            took: self.began.elapsed(),
            faults: counts,
            written: self.written,
            judgement,
            peak_bytes: self.fleet.peak_bytes,
            plan: self.plan.clone(),
        }
    }

    /// For whoever has to find out what happened.
    fn leave_behind(&self, folder: &std::path::Path) -> std::io::Result<()> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
        for (number, lines) in self.fleet.said().iter().enumerate() {
            fs::write(folder.join(format!("process-{number}.log")), lines.join("\n"))?;
        }
        fs::write(folder.join("postgres.log"), self.world.cluster().log())?;
        // Seconds since the beginning of the run; the log lines of the processes have the time of day.
        let at = |moment: Instant| moment.saturating_duration_since(self.began).as_secs_f64();
        let journal: Vec<String> = self.world.receiver().look(|ledger| {
            let journal = ledger.journal().iter();
            journal
                .map(|request| format!("{:9.3} {}", at(request.arrived), show(request)))
                .collect()
        });
        fs::write(folder.join("journal.txt"), journal.join("\n"))?;
        let faults: Vec<String> = self
            .faults
            .list()
            .iter()
            .map(|fault| format!("{:9.3} to {:9.3?} {}", at(fault.began), fault.ended.map(at), fault.kind))
            .collect();
        fs::write(folder.join("faults.txt"), faults.join("\n"))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let seed = self.plan.seed;
        let folder = std::env::temp_dir().join(format!("walsift-torture-{seed}"));
        let left = self.leave_behind(&folder);
        eprintln!("--- the seed was {seed}; again: WALSIFT_TORTURE_SEEDS={seed} make torture");
        eprintln!("--- logs and journal are in {} ({left:?})", folder.display());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, judgement, written) = (&self.plan, &self.judgement, &self.written);
        write!(
            f,
            "seed {} {:?}: {} processes, {:.0?}, {} transactions of {} rows, {} requests ({} uncertain; again: {} after those, {} \
             unrecorded; late: {} ignored, {} overlapping), peak {} MiB, faults {}",
            plan.seed,
            plan.scenario,
            plan.processes,
            self.took,
            written.transactions,
            written.rows,
            judgement.requests,
            judgement.uncertain,
            judgement.after_uncertain,
            judgement.after_unrecorded,
            judgement.outdated,
            judgement.overlaps,
            self.peak_bytes >> 20,
            self.faults.values().sum::<usize>()
        )
    }
}
