//! `walsift audit`.

mod progress;
mod text;

use std::time::SystemTime;

use clap::Args;
use serde_json::json;

use self::progress::Progress;
use super::jobs::{Trouble, prepare, print_json, sync};
use super::{ConfigFile, Exit, print, rate};
use crate::config::{Config, Sync};
use crate::pg;
use crate::pipeline::{self, AuditError, DiffError, Findings, News, Order, Question, Report};
use crate::queue::{self, RouteId};
use crate::record::{self, AuditRow, AuditWalk};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The sync whose subjects are looked at
    sync: String,
    /// Only with this sink of the sync
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
    /// Most subjects to look at in a second
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<f64>,
    /// Send again what is wrong, and delete from the sinks what the source does not have
    #[arg(long)]
    repair: bool,
    /// Go on where the last audit was ended
    #[arg(long)]
    resume: bool,
    /// Print JSON at the end, and nothing before
    #[arg(long)]
    json: bool,
}

pub(super) async fn audit(options: &Options) -> Exit {
    let ended = tokio::select! {
        biased;
        ended = look(options) => ended,
        _ = tokio::signal::ctrl_c() => {
            eprintln!("ended before there is a verdict: with --resume it goes on here");
            return Exit::NotReady;
        }
    };
    match ended {
        Ok(reports) if reports.iter().all(|report| report.findings.is_clean()) => Exit::Done,
        Ok(_) => Exit::Failed,
        Err(trouble) => trouble.tell(),
    }
}

async fn look(options: &Options) -> Result<Vec<Report>, Trouble> {
    let (loaded, databases) = options.file.open()?;
    let (sync, sinks) = sync(&loaded.config, &options.sync, options.sink.as_deref())?;
    let prepared = prepare(&loaded, &databases, &sync.name).await?;
    let state = databases.state.get().await?;
    let rows = rows(&state, sync, &sinks, options.resume).await?;
    drop(state);
    let mut reports = Vec::new();
    for (sink, row) in sinks.iter().zip(rows) {
        let order = Order {
            question: Question {
                databases: &databases,
                prepared: &prepared,
                sync,
                sink,
            },
            slot: &loaded.config.source.slot,
            is_shared: is_shared(&loaded.config, sync, sink),
            rate: options.rate,
            repair: options.repair,
        };
        let mut progress = Progress::new(&format!("{} → {sink}", sync.name), options.json);
        let mut hear = |news: News<'_>| match news {
            News::Found(fault, sample) if !options.json => progress.tell(&text::line(fault, sample)),
            News::Found(..) => {}
            News::Progress(subjects, estimate) => progress.show(subjects, estimate),
        };
        let report = pipeline::audit(&order, row, &mut hear).await?;
        progress.clear();
        if !options.json {
            print(&text::sum(&report));
        }
        reports.push(report);
    }
    if options.json {
        print_json(&document(sync, &sinks, &reports));
    }
    Ok(reports)
}

/// Where the audit of each sink begins, or goes on.
async fn rows(state: &pg::Client, sync: &Sync, sinks: &[&str], resume: bool) -> Result<Vec<AuditRow>, Trouble> {
    let all = queue::routes(&***state).await?;
    let mut routes = Vec::new();
    for sink in sinks {
        let route = all.iter().find(|route| route.sync == sync.name && route.sink == *sink);
        let route = route.ok_or_else(|| {
            let (sync, sink) = (sync.name.clone(), (*sink).to_owned());
            Trouble::from(AuditError::NeverRun { sync, sink })
        })?;
        routes.push(route.id);
    }
    let mut kept = Vec::new();
    for route in &routes {
        kept.push(record::read_audit(state, *route).await?);
    }
    let unfinished = kept.iter().flatten().filter(|row| row.walk != AuditWalk::End);
    let unfinished = unfinished.map(|row| row.begun_at).max();
    if resume && unfinished.is_none() {
        let what = format!("there is no audit of {} to go on with: leave --resume out", sync.name);
        return Err(Trouble::Usage(what));
    }
    begun(state, &routes, kept, unfinished.filter(|_| resume)).await
}

/// Those of the audit that began then, and new ones for the rest.
async fn begun(
    state: &pg::Client,
    routes: &[RouteId],
    kept: Vec<Option<AuditRow>>,
    mut part_of: Option<SystemTime>,
) -> Result<Vec<AuditRow>, Trouble> {
    let mut rows = Vec::new();
    for (route, kept) in routes.iter().zip(kept) {
        let row = match kept.filter(|row| part_of == Some(row.begun_at)) {
            Some(row) => row,
            None => pipeline::begin_audit(state, *route, part_of).await?,
        };
        part_of = Some(row.begun_at);
        rows.push(row);
    }
    Ok(rows)
}

/// Whether documents of other syncs go to the same place.
fn is_shared(config: &Config, sync: &Sync, sink: &str) -> bool {
    let mut others = config.syncs.iter().filter(|other| other.name != sync.name);
    let place = config.sinks.iter().find(|other| other.name == sink);
    others.any(|other| other.sinks.iter().any(|name| name == sink))
        || place.is_some_and(|place| !config.neighbours(&sync.name, place).is_empty())
}

impl From<AuditError> for Trouble {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Look(DiffError::State(error)) => error.into(),
            AuditError::Look(DiffError::Postgres(error)) => error.into(),
            other => Self::NotReady(pipeline::chain(&other)),
        }
    }
}

fn document(sync: &Sync, sinks: &[&str], reports: &[Report]) -> serde_json::Value {
    let is_clean = reports.iter().all(|report| report.findings.is_clean());
    let sinks: Vec<_> = sinks
        .iter()
        .zip(reports)
        .map(|(sink, report)| of_sink(sink, report))
        .collect();
    json!({ "verdict": verdict(is_clean), "sync": sync.name, "sinks": sinks })
}

fn of_sink(sink: &str, report: &Report) -> serde_json::Value {
    let Findings {
        subjects,
        faulty,
        in_flight,
        repaired,
        strangers,
        ref faults,
    } = report.findings;
    json!({
        "sink": sink,
        "verdict": verdict(report.findings.is_clean()),
        "unread": report.unread,
        "notes": report.notes,
        "subjects": subjects,
        "in_order": report.findings.in_order(),
        "in_flight": in_flight,
        "faulty": faulty,
        "repaired": repaired,
        "strangers": strangers,
        "faults": faults,
    })
}

fn verdict(is_clean: bool) -> &'static str {
    if is_clean { "clean" } else { "faulty" }
}
