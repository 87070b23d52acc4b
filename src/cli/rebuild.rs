//! `walsift rebuild`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{ConfigFile, Exit};
use crate::config::Config;
use crate::operate::{self, Place, Progress, RebuildError, RebuildState};
use crate::pg;
use crate::pipeline::{self, Databases};

/// Between two looks of one who waits.
const PERIOD: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    start: StartOptions,
}

#[derive(Debug, Args)]
struct StartOptions {
    #[command(flatten)]
    place: PlaceOptions,
    /// The index to be made and filled
    #[arg(long, value_name = "INDEX", required = true)]
    into: Option<String>,
    /// Let it take the place of the present one as soon as it holds as much
    #[arg(long)]
    swap: bool,
    /// Wait until it is there: with --swap in the other's place, else filled and current
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows how far they are, and the last ones that have ended
    List(ListOptions),
    /// Lets the new index take the place of the present one as soon as it holds as much
    Swap(PlaceOptions),
    /// Ends it; the new index stays as it is
    Cancel(PlaceOptions),
}

#[derive(Debug, Args)]
struct ListOptions {
    #[command(flatten)]
    file: ConfigFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PlaceOptions {
    #[command(flatten)]
    file: ConfigFile,
    /// The sync whose documents fill it
    #[arg(value_name = "SYNC", required = true)]
    sync: Option<String>,
    /// The sink that is meant, where the sync has several of them
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
}

impl PlaceOptions {
    fn place(&self) -> Place<'_> {
        Place {
            sync: self.sync.as_deref().unwrap_or_default(),
            sink: self.sink.as_deref(),
        }
    }
}

pub(super) async fn rebuild(options: &Options) -> Exit {
    let done = match &options.verb {
        Some(Verb::List(list)) => list_all(list).await,
        Some(Verb::Swap(place)) => swap(place).await,
        Some(Verb::Cancel(place)) => cancel(place).await,
        None => begin(&options.start).await,
    };
    match done {
        Ok(()) => Exit::Done,
        Err(Trouble::Exit(exit)) => exit,
        Err(Trouble::Rebuild(RebuildError::Postgres(error))) if super::is_no_state(&error) => {
            eprintln!("{}", super::NO_STATE);
            Exit::NotReady
        }
        Err(Trouble::Rebuild(error)) => {
            eprintln!("{}", pipeline::chain(&error));
            match error {
                RebuildError::Usage(_) | RebuildError::NoTarget(_) | RebuildError::Unusable(_) => Exit::Refused,
                RebuildError::Refused(_) | RebuildError::Sink(_) => Exit::Failed,
                RebuildError::NotRun { .. } | RebuildError::Connect(_) | RebuildError::Postgres(_) => Exit::NotReady,
            }
        }
    }
}

#[derive(Debug)]
enum Trouble {
    Exit(Exit),
    Rebuild(RebuildError),
}

impl<E: Into<RebuildError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Rebuild(error.into())
    }
}

fn open(file: &ConfigFile) -> Result<(Config, Databases), Trouble> {
    let (loaded, databases) = file.open().map_err(Trouble::Exit)?;
    Ok((loaded.config, databases))
}

async fn begin(options: &StartOptions) -> Result<(), Trouble> {
    let (config, databases) = open(&options.place.file)?;
    let (place, into) = (options.place.place(), options.into.as_deref().unwrap_or_default());
    let sink = operate::start_rebuild(&databases.state, &config, place, into, options.swap).await?;
    let then = if options.swap {
        "and takes its place as soon as it holds as much"
    } else {
        "and is kept current until `walsift rebuild swap` or `cancel`"
    };
    super::print(&format!("{} → {sink}: `{into}` is filled {then}\n", place.sync));
    if !options.wait {
        return Ok(());
    }
    wait(&databases.state, place.sync, &sink, options.swap).await
}

async fn wait(state: &pg::Pool, sync: &str, sink: &str, swap: bool) -> Result<(), Trouble> {
    let mut said = String::new();
    loop {
        let all = operate::list_rebuilds(&state.get().await?)
            .await
            .map_err(RebuildError::from)?;
        let Some(progress) = all.into_iter().rfind(|it| it.sync == sync && it.sink == sink) else {
            return Err(RebuildError::Refused("the rebuild is no longer on record".to_owned()).into());
        };
        let line = text(&progress);
        if line != said {
            super::print(&line);
        }
        said = line;
        match progress.state {
            RebuildState::Swapped => return Ok(()),
            RebuildState::Current if !swap => return Ok(()),
            RebuildState::Canceled => return Err(Trouble::Exit(Exit::Failed)),
            RebuildState::Filling | RebuildState::Current | RebuildState::Swapping => {}
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn swap(options: &PlaceOptions) -> Result<(), Trouble> {
    let (config, databases) = open(&options.file)?;
    let rebuild = operate::ask_to_swap(&databases.state, &config, options.place()).await?;
    super::print(&format!(
        "{} → {}: `{}` takes its place as soon as it holds as much\n",
        rebuild.sync, rebuild.sink, rebuild.target
    ));
    Ok(())
}

async fn cancel(options: &PlaceOptions) -> Result<(), Trouble> {
    let (config, databases) = open(&options.file)?;
    let rebuild = operate::cancel_rebuild(&databases.state, &config, options.place()).await?;
    super::print(&format!(
        "{} → {}: canceled; `{}` stays as it is, and can be deleted\n",
        rebuild.sync, rebuild.sink, rebuild.target
    ));
    Ok(())
}

async fn list_all(options: &ListOptions) -> Result<(), Trouble> {
    let (_, databases) = open(&options.file)?;
    let all = operate::list_rebuilds(&databases.state.get().await?)
        .await
        .map_err(RebuildError::from)?;
    if options.json {
        let json = serde_json::to_string_pretty(&all).expect("a rebuild is plain data");
        super::print(&format!("{json}\n"));
    } else if all.is_empty() {
        super::print("no rebuilds\n");
    } else {
        super::print(&all.iter().map(text).collect::<String>());
    }
    Ok(())
}

/// One line, and what is in its way on another.
pub(super) fn text(progress: &Progress) -> String {
    let Progress { sync, sink, into, .. } = progress;
    let mut text = format!("{sync} → {sink}, into {into}: ");
    let jobs = match progress.jobs {
        1 => "1 job".to_owned(),
        jobs => format!("{jobs} jobs"),
    };
    let ended = progress.ended_at.map(|at| at.to_string()).unwrap_or_default();
    let _ = match progress.state {
        RebuildState::Filling => write!(
            text,
            "being filled since {}, {}",
            progress.started_at,
            visited(progress)
        ),
        RebuildState::Current if progress.swap => write!(text, "all visited, {jobs} left, then swapped"),
        RebuildState::Current => write!(text, "all visited and kept current, {jobs} left; swapped when asked"),
        RebuildState::Swapping => write!(text, "being swapped"),
        RebuildState::Swapped if progress.replaced.is_empty() => write!(text, "swapped at {ended}"),
        RebuildState::Swapped => write!(
            text,
            "swapped at {ended}; left as it was and not written to any more: {}",
            progress.replaced.join(", ")
        ),
        RebuildState::Canceled => write!(text, "canceled at {ended}; it stays as it was then"),
    };
    text.push('\n');
    if progress.given_up > 0 {
        let _ = writeln!(
            text,
            "  given up    {}: nothing is swapped before they are seen to",
            progress.given_up
        );
    }
    if let Some(problem) = &progress.problem {
        let _ = writeln!(text, "  waits       {problem}");
    }
    text
}

fn visited(progress: &Progress) -> String {
    match (progress.visited, progress.estimate) {
        (Some(visited), Some(estimate)) => format!("{visited} of about {} visited", estimate.max(visited)),
        (visited, _) => format!("{} visited", visited.unwrap_or_default()),
    }
}
