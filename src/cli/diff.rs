//! `walsift diff`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::jobs::{Trouble, prepare, sync};
use super::{ConfigFile, Exit, print};
use crate::diff::places;
use crate::operate;
use crate::pipeline::{self, Counts, DiffError, Differing, Found, Question, Wanted};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The sync whose subjects are compared
    sync: String,
    /// Only with this sink of the sync
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
    /// These subjects, each by its key: `42`, or in JSON `[42]`, `["de", 7]`
    #[arg(long, value_name = "KEY", group = "wanted")]
    key: Vec<String>,
    /// So many subjects of the source, from all over. Those that are gone from it are not among them
    #[arg(long, value_name = "SUBJECTS", group = "wanted", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    sample: u32,
    /// All subjects: those that the sink may hold, and those of the source that it never got
    #[arg(long, group = "wanted")]
    all: bool,
    /// Print JSON, one object a line: the subjects that differ, and at the end of each sink {"counts"}
    #[arg(long)]
    json: bool,
}

pub(super) async fn diff(options: &Options) -> Exit {
    match look(options).await {
        Ok(counts) if counts.iter().all(is_even) => Exit::Done,
        Ok(_) => Exit::Failed,
        Err(trouble) => trouble.tell(),
    }
}

async fn look(options: &Options) -> Result<Vec<Counts>, Trouble> {
    let (loaded, databases) = options.file.open()?;
    let (sync, sinks) = sync(&loaded.config, &options.sync, options.sink.as_deref())?;
    let prepared = prepare(&loaded, &databases, &sync.name).await?;
    let wanted = if options.all {
        Wanted::All
    } else if options.key.is_empty() {
        Wanted::Sample(options.sample as usize)
    } else {
        let source = databases.source.get().await?;
        Wanted::Keys(operate::subjects(&source, &prepared.plans[0], &options.key).await?)
    };
    let mut counts = Vec::new();
    for sink in sinks {
        let question = Question {
            databases: &databases,
            prepared: &prepared,
            sync,
            sink,
        };
        if !options.json {
            print(&format!("{} → {sink}\n", sync.name));
        }
        let mut tell = |differing: Differing| print(&line(&differing, options.json));
        let of_sink = pipeline::differing(&question, &wanted, &mut tell).await?;
        print(&sum(&of_sink, options.json));
        counts.push(of_sink);
    }
    Ok(counts)
}

impl From<DiffError> for Trouble {
    fn from(error: DiffError) -> Self {
        match error {
            DiffError::State(error) => error.into(),
            DiffError::Postgres(error) => error.into(),
            other => Self::NotReady(pipeline::chain(&other)),
        }
    }
}

fn is_even(counts: &Counts) -> bool {
    counts.unchanged == counts.subjects
}

fn line(differing: &Differing, as_json: bool) -> String {
    if as_json {
        return format!("{}\n", json!(differing));
    }
    let what = match differing.found {
        Found::Unchanged => "unchanged",
        Found::Changed => "changed",
        Found::New => "new",
        Found::Gone => "gone",
        Found::Unknown => "unknown",
        Found::Failed => "failed",
    };
    let key = differing.key.escape_debug();
    let mut line = format!("  {what:<8} {key}");
    if let Some(differences) = &differing.differences {
        let _ = write!(line, "  {}", places(differences));
    }
    if let Some(error) = &differing.error {
        let _ = write!(line, "  {error}");
    }
    if let Some(job) = differing.job {
        let _ = write!(line, "  (job {})", job.0);
    }
    line.push('\n');
    line
}

fn sum(counts: &Counts, as_json: bool) -> String {
    if as_json {
        return format!("{}\n", json!({ "counts": counts }));
    }
    let parts = [
        (counts.unchanged, "unchanged"),
        (counts.changed, "changed"),
        (counts.new, "new"),
        (counts.gone, "gone"),
        (counts.unknown, "unknown"),
        (counts.failed, "failed"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, what)| *count > 0 || *what == "unchanged")
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let mut sum = format!("{} subjects: {}", counts.subjects, parts.join(", "));
    if counts.with_jobs > 0 {
        let _ = write!(sum, "; {} of them have a job", counts.with_jobs);
    }
    sum.push('\n');
    sum
}
