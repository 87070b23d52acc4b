//! A shop at work: how fast Walsift is, what it costs, and what others take for the same in the same run.
//!
//! `cargo bench --bench shop`, with the names of workloads behind `--` for some of them: `backfill`, `backlog`, `single`, `decode`,
//! `redundant`, `live`, `fan_out`, `latency`, `big`, `outage`, `start`. `WALSIFT_BENCH_SECONDS` (60) is how long latency and outage take each,
//! `WALSIFT_BENCH_FILLER` (10000000) the rows of the largest transaction; with `WALSIFT_BENCH_PROFILE` there are the dearest statements of
//! Walsift behind each workload. The shop is in `shop.sql`, the configuration in `shop.toml`, the
//! server's settings in `stage.rs`; server, load, receiver and Walsift share the machine. `TMPDIR` says where the database is.
//!
//! Of each workload: time, units a second, CPU seconds of Walsift and of Postgres (all of it, the load included), bytes of WAL (of
//! everybody, from the beginning to the end of the measurement) and statements of Walsift for each delivered document, documents in a request, and
//! the most memory that Walsift has had since its start.

#![allow(clippy::unwrap_used, reason = "a benchmark has nobody to tell")]
#![allow(clippy::cast_precision_loss, reason = "for people")]

mod load;
mod meter;
mod process;
mod receiver;
mod report;
mod stage;
mod workloads;

use std::error::Error;

use stage::{Stage, Way};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const WORKLOADS: [&str; 11] = [
    "backfill",
    "backlog",
    "decode",
    "redundant",
    "live",
    "fan_out",
    "latency",
    "big",
    "outage",
    "start",
    "single",
];

#[tokio::main]
async fn main() -> Result<()> {
    // Whoever panics ends all: nobody would wait for what does not come any more.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(1);
    }));
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let Some(unknown) = asked.iter().find(|name| !WORKLOADS.contains(&name.as_str())) {
        return Err(format!("there is no workload `{unknown}`; there are {}", WORKLOADS.join(", ")).into());
    }
    let stage = Stage::build().await?;
    report::head();
    for name in WORKLOADS
        .into_iter()
        .filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name))
    {
        let done = match name {
            "backfill" => workloads::backfill(&stage, Way::Bulk).await,
            "backlog" => workloads::backlog(&stage, Way::Bulk).await,
            "decode" => workloads::decode(&stage).await,
            "redundant" => workloads::redundant(&stage).await,
            "live" => workloads::live(&stage).await,
            "fan_out" => workloads::fan_out(&stage).await,
            "latency" => workloads::latency(&stage).await,
            "big" => workloads::big(&stage).await,
            "outage" => workloads::outage(&stage).await,
            "start" => workloads::start(&stage).await,
            _ => match workloads::backfill(&stage, Way::Single).await {
                Ok(()) => workloads::backlog(&stage, Way::Single).await,
                Err(error) => Err(error),
            },
        };
        if std::env::var_os("WALSIFT_BENCH_PROFILE").is_some() {
            stage.profile().await?;
        }
        if let Err(error) = done {
            eprintln!("{}", std::fs::read_to_string(stage.log()).unwrap_or_default());
            return Err(error);
        }
    }
    Ok(())
}

fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}
