//! What a day of churn does to the tables of the state while somebody holds an old snapshot open the whole time: how long a
//! claim takes, and what the tables take, at equal intervals; with the compactor and, for a shorter time, without.
//!
//! `cargo bench --bench churn`, with the simulated time in `WALSIFT_BENCH_HOURS` (24) and `WALSIFT_BENCH_CONTROL_HOURS` (2), the
//! changes a second in `WALSIFT_BENCH_RATE` (50), and the subjects in `WALSIFT_BENCH_SUBJECTS` (10000). One turn is one
//! second: its changes become jobs, which are claimed and settled; the compactor looks every ten turns, as it does every ten
//! seconds.

#![allow(clippy::unwrap_used, reason = "a benchmark has nobody to tell")]

#[path = "../tests/it/churn/mill.rs"]
#[allow(dead_code, reason = "the tests have it, too")]
mod mill;

use std::time::{Duration, Instant};

use mill::{Mill, old_snapshot};
use walsift::demo::{Cluster, ClusterSettings};

/// Turns between two looks of the compactor.
const LOOK_TURNS: u64 = 10;

/// Lines of a table.
const INTERVALS: u32 = 12;

const TABLES: [&str; 4] = ["job", "state", "progress", "tally"];

#[tokio::main]
async fn main() {
    let cluster = Cluster::start(ClusterSettings::default()).await.unwrap();
    let rate = setting("WALSIFT_BENCH_RATE", 50);
    let subjects = setting("WALSIFT_BENCH_SUBJECTS", 10_000);
    for (name, hours, compacts) in [
        ("with", setting("WALSIFT_BENCH_HOURS", 24.0), true),
        ("without", setting("WALSIFT_BENCH_CONTROL_HOURS", 2.0), false),
    ] {
        println!("{hours} hours of {rate} changes a second to {subjects} subjects, {name} the compactor");
        cluster.create_database(name).await.unwrap();
        let mut bench = Bench {
            mill: Mill::new(&cluster.url(name), subjects).await,
            compacts,
            rate,
            rebuilt: 0,
            slowest: Duration::ZERO,
        };
        let snapshot = old_snapshot(&cluster.url(name)).await;
        bench.run(hours).await;
        drop(snapshot);
    }
}

fn setting<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str, default: T) -> T {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

struct Bench {
    mill: Mill,
    compacts: bool,
    rate: u64,
    /// Since the last line.
    rebuilt: usize,
    slowest: Duration,
}

impl Bench {
    async fn run(&mut self, hours: f64) {
        println!(
            "  hour  claim p50  claim p99  rebuilt  slowest  {}  pg_class",
            TABLES.map(|table| format!("{table:>9}")).join("  ")
        );
        let interval = Duration::from_secs_f64(hours * 3600.0) / INTERVALS;
        let turns = interval.as_secs().max(1);
        for line in 1..=INTERVALS {
            let mut claims = Vec::new();
            for turn in 0..turns {
                claims.push(self.mill.turn(self.rate).await);
                if self.compacts && turn % LOOK_TURNS == 0 {
                    self.compact().await;
                }
            }
            claims.sort_unstable();
            self.say((interval * line).as_secs_f64() / 3600.0, &claims).await;
        }
    }

    async fn compact(&mut self) {
        let began = Instant::now();
        let rebuilt = self.mill.compact().await.len();
        self.rebuilt += rebuilt;
        if rebuilt > 0 {
            self.slowest = self.slowest.max(began.elapsed());
        }
    }

    async fn say(&mut self, hour: f64, claims: &[Duration]) {
        let percentile = |part: usize| milliseconds(claims[(claims.len() - 1) * part / 100]);
        let sizes = self.mill.sizes().await;
        let tables = TABLES.map(|table| format!("{:>5} KiB", sizes[table] / 1024)).join("  ");
        let catalog = "select pg_total_relation_size('pg_class')";
        let row = self.mill.client().await.query_one(catalog, &[]).await.unwrap();
        println!(
            "{hour:>6.2}  {:>9}  {:>9}  {:>7}  {:>7}  {tables}  {:>4} KiB",
            percentile(50),
            percentile(99),
            std::mem::take(&mut self.rebuilt),
            milliseconds(std::mem::take(&mut self.slowest)),
            row.get::<_, i64>(0) / 1024,
        );
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
