//! `walsift jobs`.

mod act;
mod enqueue;
mod filter;
mod list;
mod show;
mod text;

pub(super) use enqueue::read_keys;

use clap::{Args, Subcommand};

use super::{Exit, color};
use crate::config::{Config, Loaded, Report, Sync};
use crate::operate::{NoKey, NoSuchRoute};
use crate::pg;
use crate::pipeline::{self, Databases, Prepared};

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
pub(super) enum Trouble {
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

impl From<Exit> for Trouble {
    fn from(told: Exit) -> Self {
        Self::Told(told)
    }
}

impl From<pipeline::PrepareError> for Trouble {
    fn from(error: pipeline::PrepareError) -> Self {
        Self::NotReady(pipeline::chain(&error))
    }
}

impl From<NoKey> for Trouble {
    fn from(error: NoKey) -> Self {
        match error {
            NoKey::Postgres(_) => Self::NotReady(error.to_string()),
            _ => Self::Usage(error.to_string()),
        }
    }
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
    pub fn tell(&self) -> Exit {
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

/// A sync of the configuration, and those of its sinks that are meant.
pub(super) fn sync<'a>(
    config: &'a Config,
    name: &str,
    sink: Option<&str>,
) -> Result<(&'a Sync, Vec<&'a str>), Trouble> {
    let Some(sync) = config.syncs.iter().find(|sync| sync.name == name) else {
        let names: Vec<&str> = config.syncs.iter().map(|sync| sync.name.as_str()).collect();
        let what = format!("there is no sync `{name}`; there are: {}", names.join(", "));
        return Err(Trouble::Usage(what));
    };
    let sinks = sync.sinks.iter().map(String::as_str);
    let sinks: Vec<&str> = sinks.filter(|name| sink.is_none_or(|sink| sink == *name)).collect();
    if sinks.is_empty() {
        let what = format!("sync `{name}` has the sinks {}", sync.sinks.join(", "));
        return Err(Trouble::Usage(what));
    }
    Ok((sync, sinks))
}

/// What the database says of one sync. The others may have troubles of their own.
pub(super) async fn prepare(loaded: &Loaded, databases: &Databases, sync: &str) -> Result<Prepared, Trouble> {
    let mut config = loaded.config.clone();
    config.syncs.retain(|other| other.name == sync);
    let prepared = pipeline::prepare(&config, &databases.source).await?;
    if prepared.plans.is_empty() {
        let report = Report {
            problems: prepared.problems,
        };
        eprint!("{}", report.render(&loaded.file, color()));
        return Err(Trouble::Told(Exit::Refused));
    }
    Ok(prepared)
}

pub(super) fn print_json(facts: &impl serde::Serialize) {
    let text = serde_json::to_string_pretty(facts).expect("facts are plain data");
    super::print(&format!("{text}\n"));
}
