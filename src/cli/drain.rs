//! `walsift drain`.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::{ConfigFile, Exit};
use crate::config::{Config, parse_duration};
use crate::operate::{self, Left};
use crate::pg;
use crate::pipeline;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// When to give up, such as 30s or 10m: the processes that are still there then go on as before
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    /// Print JSON at the end, and nothing before
    #[arg(long)]
    json: bool,
}

/// Between two looks at what is left.
const PERIOD: Duration = Duration::from_millis(500);

/// How long taking the request back may take.
const TAKE_BACK_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// All processes have left.
    Left,
    /// There was none.
    Nobody,
    TimedOut,
    Interrupted,
}

fn time(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text).ok_or("wanted: a whole number and `ms`, `s`, `m`, `h` or `d`")
}

pub(super) async fn drain(options: &Options) -> Exit {
    let (loaded, databases) = match options.file.open() {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let drain = Drain {
        state: &databases.state,
        config: &loaded.config,
        quiet: options.json,
    };
    match drain.run(options.timeout).await {
        Ok((ended, left)) => conclude(options, ended, left),
        Err(DrainError::Postgres(error)) if super::is_no_state(&error) => {
            eprintln!("{}", super::NO_STATE);
            Exit::NotReady
        }
        Err(error) => {
            eprintln!("{}", pipeline::chain(&error));
            Exit::NotReady
        }
    }
}

struct Drain<'a> {
    state: &'a pg::Pool,
    config: &'a Config,
    quiet: bool,
}

impl Drain<'_> {
    async fn run(&self, timeout: Option<Duration>) -> Result<(Ended, Left), DrainError> {
        let owners = self.ask(None).await?;
        if owners.is_empty() {
            return Ok((Ended::Nobody, self.left().await?));
        }
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let ended = tokio::select! {
            biased;
            () = self.all_have_left(&owners) => Ended::Left,
            () = interrupted() => Ended::Interrupted,
            () = passed(deadline) => Ended::TimedOut,
        };
        if ended != Ended::Left {
            let taken_back = tokio::time::timeout(TAKE_BACK_TIMEOUT, self.take_back()).await;
            taken_back.unwrap_or(Err(pg::ConnectError::Timeout.into()))?;
        }
        Ok((ended, self.left().await?))
    }

    async fn all_have_left(&self, owners: &[String]) {
        let mut said = String::new();
        loop {
            let line = match self.look(owners).await {
                Ok((0, _)) => return,
                Ok((processes, left)) => progress(processes, left),
                Err(error) => format!("cannot look at present: {}", pipeline::chain(&error)),
            };
            if line != said && !self.quiet {
                eprintln!("{line}");
            }
            said = line;
            sleep(PERIOD).await;
        }
    }

    /// How many of the processes are still there, and what is left to do.
    async fn look(&self, owners: &[String]) -> Result<(usize, Left), DrainError> {
        Ok((self.ask(Some(owners)).await?.len(), self.left().await?))
    }

    async fn ask(&self, owners: Option<&[String]>) -> Result<Vec<String>, DrainError> {
        let state = self.state.get().await?;
        Ok(operate::ask_to_drain(&state, owners).await?)
    }

    async fn left(&self) -> Result<Left, DrainError> {
        let state = self.state.get().await?;
        Ok(operate::left(&state, self.config).await?)
    }

    async fn take_back(&self) -> Result<(), DrainError> {
        let state = self.state.get().await?;
        Ok(operate::take_back_drain(&state).await?)
    }
}

/// Returns at the first SIGTERM or SIGINT.
async fn interrupted() {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn progress(processes: usize, left: Left) -> String {
    format!(
        "{} draining: {}",
        count(processes as u64, "process", "processes"),
        what(left)
    )
}

fn what(left: Left) -> String {
    let jobs = count(left.jobs, "job", "jobs");
    match left.visits {
        0 => format!("{jobs} left"),
        visits => format!("{jobs} and {} left", count(visits, "visit", "visits")),
    }
}

fn count(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn conclude(options: &Options, ended: Ended, left: Left) -> Exit {
    let is_finished = left.is_continued || (left.jobs == 0 && left.visits == 0);
    let (text, exit) = match ended {
        Ended::Left if is_finished && left.backfills > 0 => (
            "drained: the processes have left; the next one goes on with the backfill".to_owned(),
            Exit::Done,
        ),
        Ended::Left if is_finished => ("drained: the processes have left".to_owned(), Exit::Done),
        Ended::Left => (
            format!("the processes are gone, and not everything is finished: {}", what(left)),
            Exit::Failed,
        ),
        Ended::Nobody if is_finished => (
            "no process is at work, and nothing is left to do".to_owned(),
            Exit::Done,
        ),
        Ended::Nobody => (format!("no process is at work, and {}", what(left)), Exit::Failed),
        Ended::TimedOut | Ended::Interrupted => (
            format!("not drained: {}; the processes go on as before", what(left)),
            Exit::Failed,
        ),
    };
    if options.json {
        let said = json!({ "drained": exit == Exit::Done, "jobs": left.jobs, "visits": left.visits, "backfills": left.backfills, "continued": left.is_continued });
        super::print(&format!("{said}\n"));
    } else if exit == Exit::Done {
        super::print(&format!("{text}\n"));
    } else {
        eprintln!("{text}");
    }
    exit
}
