//! `walsift jobs`.

mod act;
mod enqueue;
mod filter;
mod list;
mod show;
mod text;

use clap::{Args, Subcommand};

use super::{ConfigFile, Exit};
use crate::config::Loaded;
use crate::operate::NoSuchRoute;
use crate::pg;
use crate::pipeline::{self, Databases};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists jobs, the newest first
    List(list::Options),
    /// Shows everything about one job: its tries, who has it in hand, what its sink holds
    Show(show::Options),
    /// Does now what waits, and does again what was given up
    ///
    /// A pending job becomes due at once. A failed, dead or canceled one is followed by a new job, which builds the document again and
    /// sends what is true now if it differs from what the sink holds. The old job and its tries stay as they are.
    ///
    /// With filters, all jobs that match: pending, failed and dead ones that nothing newer has closed, unless --state says otherwise.
    Retry(act::Retry),
    /// Sends again what is over, even if the sink holds it already
    ///
    /// Makes a new job, linked to the old one and to one of its tries, which sends what is true now. The old job and its tries stay as
    /// they are. A subject that has an active job gets no second one: the answer names it.
    Replay(act::Replay),
    /// Ends pending jobs without doing them
    ///
    /// They are kept with their tries, as canceled. The change that a job stands for is NOT sent: the sink keeps what it has until the
    /// subject changes again, or somebody retries the job. A running job is left to its worker.
    Cancel(act::Cancel),
    /// Makes jobs for subjects, named by their keys
    ///
    /// They build the document and send it if it differs from what the sink holds, or in any case with --force. A subject that is gone
    /// is deleted at the sink. One that has an active job gets no second one: the answer names it, and the exit status is 1.
    Enqueue(enqueue::Options),
    /// Forgets finished jobs with their tries
    ///
    /// Never active ones. What sinks have accepted stays known.
    Purge(act::Purge),
}

pub(super) async fn jobs(options: &Options) -> Exit {
    let done = match &options.verb {
        Verb::List(options) => list::list(options).await,
        Verb::Show(options) => show::show(options).await,
        Verb::Retry(options) => act::retry(options).await,
        Verb::Replay(options) => act::replay(options).await,
        Verb::Cancel(options) => act::cancel(options).await,
        Verb::Enqueue(options) => enqueue::enqueue(options).await,
        Verb::Purge(options) => act::purge(options).await,
    };
    done.unwrap_or_else(|trouble| trouble.tell())
}

/// Why a verb came to nothing.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// It has been told already.
    #[error("told")]
    Told(Exit),
    #[error("{0}")]
    Usage(String),
    #[error("cannot reach the database with the state")]
    Connect(#[from] pg::ConnectError),
    #[error(
        "there is no state of this version: walsift has not run with this configuration, or not since it was upgraded"
    )]
    NoState,
    #[error("the database with the state does not answer: {}", pg::describe(.0))]
    Postgres(pg::Error),
    #[error("{0}")]
    NotReady(String),
}

impl From<pg::Error> for Trouble {
    fn from(error: pg::Error) -> Self {
        match pg::disposition(&error) {
            pg::Disposition::Statement => Self::NoState,
            _ => Self::Postgres(error),
        }
    }
}

impl From<NoSuchRoute> for Trouble {
    fn from(error: NoSuchRoute) -> Self {
        match error {
            NoSuchRoute::Postgres(error) => error.into(),
            NoSuchRoute::Unknown { .. } => Self::Usage(error.to_string()),
        }
    }
}

impl Trouble {
    fn tell(&self) -> Exit {
        if let Self::Told(exit) = self {
            return *exit;
        }
        eprintln!("{}", pipeline::chain(self));
        match self {
            Self::Usage(_) => Exit::Refused,
            _ => Exit::NotReady,
        }
    }
}

/// The configuration, and its databases, to none of which there is a connection yet.
fn open(file: &ConfigFile) -> Result<(Loaded, Databases), Trouble> {
    let loaded = file.load().map_err(Trouble::Told)?;
    let databases = Databases::open(&loaded.config).map_err(|problem| Trouble::Usage(problem.summary))?;
    Ok((loaded, databases))
}

fn print_json(facts: &impl serde::Serialize) {
    let text = serde_json::to_string_pretty(facts).expect("facts are plain data");
    super::print(&format!("{text}\n"));
}
