//! `walsift status`.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::backfill::backfill_line;
use super::{ConfigFile, Exit};
use crate::config::Config;
use crate::operate::{self, BackfillStatus, Progress};
use crate::pg;
use crate::pipeline::{self, Databases};
use crate::queue::{self, RouteId};
use crate::record::{self, RouteSurvey, Survey};
use crate::wal::{self, Slot};

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

/// Most backfills that are shown.
const BACKFILLS_MAX: u32 = 100;

/// How long a living process may take to answer.
const LIVE_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, Serialize)]
struct Status {
    slot: Option<SlotStatus>,
    #[serde(flatten)]
    survey: Survey,
    /// Those that stand, and the last ones that have ended.
    rebuilds: Vec<Progress>,
    /// Those that are not finished, the newest first.
    backfills: Vec<BackfillStatus>,
}

#[derive(Debug, Serialize)]
struct SlotStatus {
    name: String,
    /// Some process reads it.
    active: bool,
    /// `safe`, `endangered` or `lost`.
    standing: &'static str,
    /// Whether standbys keep a copy of it; null where the server knows no such thing.
    failover: Option<bool>,
    confirmed_lsn: String,
    /// WAL written since what was confirmed.
    lag_bytes: u64,
    /// How long ago what was confirmed was written; null while no more than a mebibyte waits.
    lag_seconds: Option<f64>,
    /// WAL that the server keeps for the slot.
    kept_bytes: u64,
    /// WAL that may still be written before the slot is in danger, where a limit is set.
    safe_bytes: Option<u64>,
    /// How long that lasts at the rate since the slot was left behind.
    seconds_left: Option<f64>,
}

#[derive(Debug, thiserror::Error)]
enum StatusError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

pub(super) async fn status(options: &Options) -> Exit {
    if options.live {
        return match options.file.load() {
            Ok(loaded) => live(loaded.config.admin.listen).await,
            Err(exit) => exit,
        };
    }
    let (loaded, databases) = match options.file.open() {
        Ok(opened) => opened,
        Err(exit) => return exit,
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
        Err(StatusError::Postgres(error)) if super::is_no_state(&error) => {
            eprintln!("{}", super::NO_STATE);
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
    let behind = queue::behind(&**state, &config.source.slot).await?;
    let rebuilds = operate::list_rebuilds(&state).await?;
    let slot = slot.map(|slot| SlotStatus::new(&config.source.slot, &slot, behind));
    let routes: Vec<RouteId> = queue::routes(&**state).await?.iter().map(|route| route.id).collect();
    let backfills = operate::backfills(&state, &routes, false, None, BACKFILLS_MAX).await?;
    Ok(Status {
        slot,
        survey,
        rebuilds,
        backfills,
    })
}

impl SlotStatus {
    fn new(name: &str, slot: &Slot, behind: Option<Duration>) -> Self {
        let lag = wal::lag(slot, behind);
        let left = lag.and_then(|lag| wal::time_left_since(slot, lag));
        Self {
            name: name.to_owned(),
            active: slot.active,
            standing: slot.standing.as_str(),
            failover: slot.failover,
            confirmed_lsn: slot.confirmed.to_string(),
            lag_bytes: slot.lag_bytes(),
            lag_seconds: lag.map(|lag| lag.as_secs_f64()),
            kept_bytes: slot.kept_bytes(),
            safe_bytes: slot.safe_bytes,
            seconds_left: left.map(|left| left.as_secs_f64()),
        }
    }
}

/// One line, and what is alarming on another.
fn slot_text(slot: &SlotStatus) -> String {
    let state = match (slot.standing, slot.active) {
        ("lost", _) => "lost",
        (_, true) => "being read",
        (_, false) => "read by nobody",
    };
    let mut text = format!("slot {}: {state}, at {}, ", slot.name, slot.confirmed_lsn);
    let _ = write!(text, "{} behind", size(slot.lag_bytes));
    if let Some(seconds) = slot.lag_seconds {
        let _ = write!(text, " and {}", time(seconds));
    }
    if slot.kept_bytes > 2 * slot.lag_bytes && slot.kept_bytes > wal::IDLE_STEP_BYTES {
        let _ = write!(text, ", keeps {} for an open transaction", size(slot.kept_bytes));
    }
    if let Some(safe) = slot.safe_bytes {
        let _ = write!(text, ", {} before it is in danger", size(safe));
    }
    if let Some(seconds) = slot.seconds_left {
        let _ = write!(text, ", in about {} at this rate", time(seconds));
    }
    if slot.standing == "endangered" {
        text.push_str("\n  the next checkpoint may remove WAL that it needs: raise max_slot_wal_keep_size");
    }
    text.push('\n');
    text
}

/// In the two largest units that matter.
pub(super) fn time(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    match () {
        () if seconds < 120.0 => format!("{seconds:.0} s"),
        () if minutes < 120.0 => format!("{minutes:.0} min"),
        () if minutes < 48.0 * 60.0 => format!("{:.0} h", minutes / 60.0),
        () => format!("{:.0} days", minutes / 60.0 / 24.0),
    }
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    match &status.slot {
        Some(slot) => text.push_str(&slot_text(slot)),
        None => text.push_str("slot: none yet\n"),
    }
    if status.survey.visits > 0 {
        let _ = writeln!(text, "visits of many subjects under way: {}", status.survey.visits);
    }
    for rebuild in status.rebuilds.iter().filter(|rebuild| rebuild.ended_at.is_none()) {
        let _ = write!(text, "rebuild of {}", super::rebuild::text(rebuild));
    }
    for backfill in &status.backfills {
        let _ = write!(text, "backfill {}", backfill_line(backfill).trim_start());
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
    for (kind, name, since) in route.paused_by_hand() {
        let _ = writeln!(text, "  paused      by hand since {since}: {kind} {name}");
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
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return format!("{value:.0} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}
