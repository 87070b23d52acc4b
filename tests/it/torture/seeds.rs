//! Which runs there are: a few in every test run, and as many as are asked for.

use std::time::{Duration, Instant};

use super::faults::Counts;
use super::run::{Report, run};

/// How long everybody is at work in a run that is part of every test run.
const SECONDS: u64 = 12;

/// The same for the long test.
const LONG_SECONDS: u64 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_by_everything() {
    eprintln!("{}", run(21, SECONDS).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_by_the_receiver() {
    eprintln!("{}", run(22, SECONDS).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_of_processes() {
    eprintln!("{}", run(23, SECONDS).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_of_postgres() {
    eprintln!("{}", run(24, SECONDS).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_by_pauses_beyond_the_lease() {
    eprintln!("{}", run(25, SECONDS).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_by_loss_of_the_slot() {
    eprintln!("{}", run(26, SECONDS).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torture_by_failover() {
    eprintln!("{}", run(27, SECONDS).await);
}

/// `make torture`. `WALSIFT_TORTURE_SEEDS`: `7`, or `1..20`; without it, seeds from the clock on, for
/// `WALSIFT_TORTURE_MINUTES`.
#[test]
#[ignore = "runs for as long as one likes"]
fn torture_for_long() {
    let seeds = seeds();
    let minutes =
        std::env::var("WALSIFT_TORTURE_MINUTES").map_or(60, |text| text.parse().expect("a number of minutes"));
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut totals = Totals::default();
    let mut failed = Vec::new();
    for seed in seeds {
        if Instant::now() >= end {
            break;
        }
        // A thread of its own, so that a run that fails does not end the others.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build();
            runtime.unwrap().block_on(run(seed, LONG_SECONDS))
        });
        if let Ok(report) = thread.join() {
            println!("{report}");
            totals.add(&report);
        } else {
            println!("seed {seed} FAILED");
            failed.push(seed);
        }
    }
    println!("{totals}");
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
}

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("WALSIFT_TORTURE_SEEDS") else {
        let first = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        return first..u64::MAX;
    };
    let number = |text: &str| {
        text.trim_start_matches('=')
            .parse::<u64>()
            .expect("seeds are numbers, `7` or `1..20`")
    };
    match text.split_once("..") {
        Some((first, last)) => number(first)..number(last) + 1,
        None => number(&text)..number(&text) + 1,
    }
}

#[derive(Default)]
struct Totals {
    runs: usize,
    took: Duration,
    transactions: usize,
    rows: u64,
    requests: usize,
    faults: Counts,
}

impl Totals {
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.took += report.took;
        self.transactions += report.written.transactions;
        self.rows += report.written.rows;
        self.requests += report.judgement.requests;
        for (kind, count) in &report.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Totals {
            runs,
            took,
            transactions,
            rows,
            requests,
            faults,
        } = self;
        writeln!(
            f,
            "{runs} good runs in {took:.0?}: {transactions} transactions of {rows} rows, {requests} requests, and"
        )?;
        faults
            .iter()
            .try_for_each(|(kind, count)| writeln!(f, "{count:8} {kind}"))
    }
}
