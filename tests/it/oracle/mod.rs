//! Postgres as the oracle of everything at once: schemas, configurations and writes by chance.
//!
//! ```text
//! seed ─▶ schema ─▶ tables, foreign keys, rows
//!           └─────▶ trees ─┬─▶ the configuration ─▶ `check`, its remedies ─▶ engines ─▶ receiver ─┐
//!                          └─▶ the same in naive SQL ─▶ documents, subject by subject ───────────┴─▶ equal?
//! ```
//!
//! The schemas are of three to seven tables: chains, diamonds, trees within a table, one-to-one, m:n with and without a key, rows
//! whose key is part of another's, partitions, generated columns, keys that are deferrable or not the primary one, names that
//! need quotes or look like ours. Trees hold every key of a node; some are handed over as a statement by hand.
//!
//! Writes come in rounds. After each the receiver holds, for every sync and sink, just what the naive reading of the tree
//! yields; and as long as nothing fails nobody is sent twice in a row what he has accepted.
//!
//! A failed seed prints its schema, configuration and statements. Sessions write side by side, so that a replay may take another
//! course, but seldom an entirely different one.
//!
//! `WALSIFT_ORACLE_SEEDS=1000..1200` runs these seeds, and not the few of the suite; all of them, however many fail.

mod configuration;
mod gardener;
mod kinds;
mod naive;
mod schema;
mod tree;
mod verdict;
mod writes;

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use fastrand::Rng;
use futures_util::FutureExt;
use serde_json::Value;
use walsift::demo::{Behaviour, Paths};

use self::gardener::Gardener;
use self::kinds::{chance, pick};
use self::schema::Schema;
use self::tree::Sync;
use self::verdict::{assert_held, assert_only_differences};
use self::writes::{Script, Writer};
use crate::world::World;

const SESSIONS: usize = 3;
const ROUNDS: usize = 12;

/// Of each session, in one round: in a long one later writes hide what was made of earlier ones.
const TRANSACTIONS: [usize; 5] = [1, 1, 2, 4, 10];

/// Checks until nothing is proposed any more.
const CHECKS_MAX: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_documents_converge() {
    all(1..6, Weather::Fair).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_documents_converge_while_engines_die_and_the_receiver_fails() {
    all(101..104, Weather::Foul).await;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    /// Engines are killed, there are two of them now and then, and requests fail.
    Foul,
}

async fn all(usual: Range<u64>, weather: Weather) {
    let seeds = std::env::var("WALSIFT_ORACLE_SEEDS").ok().map_or(usual, |text| {
        let (first, end) = text.split_once("..").expect("FIRST..END");
        first.parse().unwrap()..end.parse().unwrap()
    });
    let mut failed = Vec::new();
    for seed in seeds {
        if AssertUnwindSafe(converge(seed, weather)).catch_unwind().await.is_err() {
            eprintln!("--- the seed was {seed}");
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "{weather:?}: these seeds failed: {failed:?}");
}

async fn converge(seed: u64, weather: Weather) {
    let told = Told::default();
    told.say(format!("-- seed {seed}, {weather:?}"));
    let mut rng = Rng::with_seed(seed);
    let world = World::new().await;
    let schema = Schema::generate(&mut rng);
    for statement in &schema.statements {
        told.say(format!("{statement};"));
        world.sql(statement).await;
    }
    let mut writers = Vec::new();
    for name in 0..SESSIONS {
        writers.push(Writer::new(world.connect().await, rng.fork(), name, Arc::clone(&told.0)).await);
    }
    writers[0].stock(&schema).await;
    let mut gardener = Gardener::new(&schema, &mut rng);
    let syncs: Vec<Sync> = (0..3).map(|number| gardener.sync(number)).collect();
    let sink = r#"retry = { attempts = 10000, base = "10ms", max = "100ms" }"#;
    let text = configuration::configuration(&schema, &syncs, &world.receiver().url(), sink);
    let config = world.config(&text);
    told.say(format!("/*\n{text}*/"));
    remedy(&world, &config, &told).await;

    // The first round runs beside the first visits.
    let mut engines = vec![world.engine(&config)];
    let mut committed = 0;
    for round in 0..ROUNDS {
        told.say(format!("-- round {round}"));
        let count = pick(&mut rng, &TRANSACTIONS);
        if weather == Weather::Foul {
            for _ in 0..rng.usize(0..4) {
                let failures = [
                    Behaviour::answer(503),
                    Behaviour::Cut,
                    Behaviour::ApplyThenCut,
                    Behaviour::ApplyThenAnswer(500),
                ];
                let failure = failures[rng.usize(..failures.len())].clone();
                world.receiver().rule_for_next(rng.usize(1..6), Paths::All, failure);
            }
        }
        let sessions = writers.iter_mut().map(|writer| writer.transactions(&schema, count));
        let writing = futures_util::future::join_all(sessions);
        let stormy = weather == Weather::Foul && chance(&mut rng, 150);
        let done = if stormy {
            let requests = world.receiver().request_count() + rng.usize(0..20);
            let killing = async {
                // However few requests there are to come.
                let patience = std::time::Duration::from_millis(300);
                let _ = world.receiver().wait_for_requests(requests, patience).await;
                let victim = pick(&mut rng, &[0, 0, 1]).min(engines.len() - 1);
                engines[victim].kill9();
                engines.remove(victim);
                for _ in engines.len()..rng.usize(1..=2) {
                    engines.push(world.engine(&config));
                }
            };
            tokio::join!(writing, killing).0
        } else {
            writing.await
        };
        committed += done.iter().sum::<usize>();
        world.settled().await;
        assert_held(&world, &schema, &syncs).await;
    }
    if weather == Weather::Fair {
        assert_only_differences(world.receiver());
    }
    let requests = world.receiver().request_count();
    println!("seed {seed}: {committed} transactions, {requests} requests");
    assert!(committed > ROUNDS, "only {committed} transactions were committed");
}

/// Does what `check` proposes until it has nothing more to say.
async fn remedy(world: &World, config: &std::path::Path, told: &Told) {
    for _ in 0..CHECKS_MAX {
        let output = world
            .walsift(&["check", "--json", "--config", config.to_str().unwrap()])
            .await;
        let said = String::from_utf8(output.stdout).unwrap();
        let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said} {:?}", output.stderr));
        let problems = report["problems"].as_array().unwrap();
        let remedies: Vec<&str> = problems.iter().filter_map(|problem| problem["sql"].as_str()).collect();
        for problem in problems.iter().filter(|problem| problem["level"] == "error") {
            assert!(problem["sql"].is_string(), "refused: {problem:#}");
        }
        if remedies.is_empty() {
            return;
        }
        for statement in remedies.iter().flat_map(|remedy| remedy.split_terminator(";\n")) {
            told.say(format!("{statement};"));
            world.sql(statement.trim_end_matches(';')).await;
        }
    }
    panic!("`check` goes on and on");
}

/// Says what it was when a test fails.
#[derive(Default)]
struct Told(Script);

impl Told {
    fn say(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let script = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            eprintln!("--- what was run\n{}\n---", script.join("\n"));
        }
    }
}
