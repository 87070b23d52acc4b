//! `walsift status`.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{ConfigFile, Exit};
use crate::config::Config;
use crate::pg;
use crate::pipeline::{self, Databases};
use crate::record::{self, RouteSurvey, Survey};
use crate::wal;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only ask the process at the configured admin address whether it lives, as a container's health check does
    #[arg(long, conflicts_with = "json")]
    live: bool,
}

/// How long a living process may take to answer.
const LIVE_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, Serialize)]
struct Status {
    slot: Option<SlotStatus>,
    #[serde(flatten)]
    survey: Survey,
}

#[derive(Debug, Serialize)]
struct SlotStatus {
    name: String,
    /// Some process reads it.
    active: bool,
    lost: bool,
    confirmed_lsn: String,
    lag_bytes: i64,
    /// WAL that may still be written before the slot is in danger, where a limit is set.
    safe_bytes: Option<i64>,
}

#[derive(Debug, thiserror::Error)]
enum StatusError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

pub(super) async fn status(options: &Options) -> Exit {
    let loaded = match options.file.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    if options.live {
        return live(loaded.config.admin.listen).await;
    }
    let databases = match Databases::open(&loaded.config) {
        Ok(databases) => databases,
        Err(problem) => {
            eprintln!("{}", problem.summary);
            return Exit::Refused;
        }
    };
    match look(&loaded.config, &databases).await {
        Ok(status) if options.json => {
            println!(
                "{}",
                serde_json::to_string_pretty(&status).expect("a status is plain data")
            );
            Exit::Done
        }
        Ok(status) => {
            print!("{}", text(&status));
            Exit::Done
        }
        Err(StatusError::Postgres(error)) if pg::disposition(&error) == pg::Disposition::Statement => {
            eprintln!("there is no state yet: walsift has not run with this configuration");
            Exit::NotReady
        }
        Err(error) => {
            eprintln!("{}", pipeline::chain(&error));
            Exit::NotReady
        }
    }
}

async fn live(mut admin: SocketAddr) -> Exit {
    if admin.ip().is_unspecified() {
        admin.set_ip(if admin.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    let asked = async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(LIVE_TIMEOUT)
            .build()?;
        client
            .get(format!("http://{admin}/healthz"))
            .send()
            .await?
            .error_for_status()
    };
    match asked.await {
        Ok(_) => Exit::Done,
        Err(error) => {
            eprintln!("{}", pipeline::chain(&error));
            Exit::Failed
        }
    }
}

async fn look(config: &Config, databases: &Databases) -> Result<Status, StatusError> {
    let source = databases.source.get().await?;
    let slot = wal::read_slot(&**source, &config.source.slot).await?;
    let state = databases.state.get().await?;
    let survey = record::survey(&state).await?;
    let slot = slot.map(|slot| SlotStatus {
        name: config.source.slot.clone(),
        active: slot.active,
        lost: slot.lost,
        confirmed_lsn: slot.confirmed.to_string(),
        lag_bytes: slot.lag_bytes,
        safe_bytes: slot.safe_bytes,
    });
    Ok(Status { slot, survey })
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    match &status.slot {
        Some(slot) => {
            let state = if slot.lost {
                "lost"
            } else if slot.active {
                "being read"
            } else {
                "read by nobody"
            };
            let _ = write!(
                text,
                "slot {}: {state}, at {}, {} behind",
                slot.name,
                slot.confirmed_lsn,
                size(slot.lag_bytes)
            );
            if let Some(safe) = slot.safe_bytes {
                let _ = write!(text, ", {} before it is in danger", size(safe));
            }
            text.push('\n');
        }
        None => text.push_str("slot: none yet\n"),
    }
    if status.survey.visits > 0 {
        let _ = writeln!(text, "visits of many subjects under way: {}", status.survey.visits);
    }
    for route in &status.survey.routes {
        text.push_str(&route_text(route));
    }
    text
}

fn route_text(route: &RouteSurvey) -> String {
    let jobs = &route.jobs;
    let mut text = format!("\n{} → {}\n", route.sync, route.sink);
    if let Some(reason) = &route.paused {
        let _ = writeln!(text, "  paused      {reason}");
    }
    let _ = writeln!(
        text,
        "  jobs        {} pending, {} running, {} failing, {} failed, {} dead",
        jobs.pending, jobs.running, jobs.failing, jobs.failed, jobs.dead
    );
    if let Some(seconds) = route.oldest_seconds {
        let _ = writeln!(text, "  oldest      waits for {seconds:.1} s");
    }
    let _ = writeln!(text, "  published   {}", counts(&route.published));
    let _ = writeln!(text, "  suppressed  {}", counts(&route.suppressed));
    text
}

fn counts(counts: &std::collections::BTreeMap<String, i64>) -> String {
    if counts.is_empty() {
        return "nothing yet".to_owned();
    }
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    each.join(", ")
}

#[expect(clippy::cast_precision_loss, reason = "for people, to one decimal")]
fn size(bytes: i64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value.abs() < 1024.0 {
            return format!("{value:.0} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}
