//! `walsift jobs enqueue`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::filter::duration;
use super::{Trouble, prepare, print_json, sync, text};
use crate::cli::{ConfigFile, Exit, print};
use crate::mapping::SubjectKey;
use crate::operate::{self, Outcome, Timestamp, Wish};
use crate::pg;
use crate::pipeline::PrepareError;
use crate::queue::{self, Priority, RouteId};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The sync whose subjects they are
    #[arg(long, value_name = "SYNC")]
    sync: String,
    /// Only for this sink of the sync
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
    /// The key of a subject: `42`, or in JSON `[42]`, `["de", 7]`; may be given several times
    #[arg(long, value_name = "KEY", required_unless_present = "keys")]
    key: Vec<String>,
    /// A file with a key in each line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Send even what the sink holds already
    #[arg(long)]
    force: bool,
    /// How urgent they are; by default as changes of the sync
    #[arg(long, value_enum, value_name = "PRIORITY")]
    priority: Option<Urgency>,
    /// When they are due, such as 2026-03-01T06:30:00Z. A change of the subject does not wait with them: it takes them along
    #[arg(long, value_name = "TIME", conflicts_with = "in")]
    at: Option<Timestamp>,
    /// The same from now on: 90s, 15m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    r#in: Option<Duration>,
    /// Print JSON: {"answers"}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Urgency {
    High,
    Normal,
    Low,
}

/// So many answers are read one by one; of more, those are shown that need to be.
const SHOWN_MAX: usize = 20;

pub(super) async fn enqueue(options: &Options) -> Result<Exit, Trouble> {
    let (loaded, databases) = options.file.open()?;
    let (sync, sinks) = sync(&loaded.config, &options.sync, options.sink.as_deref())?;
    let wish = Wish {
        priority: options.priority.map_or(sync.priority.into(), Priority::from),
        forced: options.force,
        run_at: options
            .at
            .map(|at| at.0)
            .or(options.r#in.map(|wait| SystemTime::now() + wait)),
    };
    let written = keys(options)?;
    let prepared = prepare(&loaded, &databases, &sync.name).await?;
    let source = databases.source.get().await.map_err(PrepareError::from)?;
    let subjects = operate::subjects(&source, &prepared.plans[0], &written).await?;
    let state = databases.state.get().await?;
    let mut answers = Vec::new();
    for sink in sinks {
        let route = route(&state, &sync.name, sink).await?;
        for (key, outcome) in operate::enqueue(&state, route, &subjects, &wish).await? {
            answers.push((sink, key, outcome));
        }
    }
    tell(options, &answers);
    let all_done = answers.iter().all(|(.., outcome)| outcome.is_done());
    Ok(if all_done { Exit::Done } else { Exit::Failed })
}

fn keys(options: &Options) -> Result<Vec<String>, Trouble> {
    let mut keys = options.key.clone();
    if let Some(file) = &options.keys {
        keys.extend(read_keys(file)?);
    }
    Ok(keys)
}

/// The lines of a file, or of standard input for `-`.
pub(in crate::cli) fn read_keys(file: &Path) -> Result<Vec<String>, Trouble> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Trouble::Usage(format!("cannot read {}: {error}", file.display())))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

async fn route(state: &pg::Client, sync: &str, sink: &str) -> Result<RouteId, Trouble> {
    let routes = queue::routes(&***state).await?;
    let route = routes.iter().find(|route| route.sync == sync && route.sink == sink);
    route
        .map(|route| route.id)
        .ok_or_else(|| Trouble::NotReady(format!("walsift has not run yet with {sync} → {sink}")))
}

fn tell(options: &Options, answers: &[(&str, SubjectKey, Outcome)]) {
    if options.json {
        let answer = |(sink, key, outcome): &(&str, SubjectKey, Outcome)| {
            let mut facts = json!({ "sync": options.sync, "sink": sink, "key": key.as_str() });
            text::merge(&mut facts, outcome);
            facts
        };
        return print_json(&json!({ "answers": answers.iter().map(answer).collect::<Vec<_>>() }));
    }
    let is_short = answers.len() <= SHOWN_MAX;
    for (sink, key, outcome) in answers.iter().filter(|(.., outcome)| is_short || !outcome.is_done()) {
        let subject = format!("{} → {sink}, {key}", options.sync);
        print(&format!("{}\n", text::enqueued(&subject, *outcome)));
    }
    if !is_short {
        let done = answers.iter().filter(|(.., outcome)| outcome.is_done()).count();
        print(&format!("{done} jobs were made\n"));
    }
}

impl From<Urgency> for Priority {
    fn from(urgency: Urgency) -> Self {
        match urgency {
            Urgency::High => Priority::High,
            Urgency::Normal => Priority::Normal,
            Urgency::Low => Priority::Low,
        }
    }
}
