//! The command line: one verb, one file.
//!
//! Exit status: 0 done, 1 failed, 2 bad usage or configuration, 3 the environment is not ready.

mod audit;
mod backfill;
mod bars;
mod check;
mod demo;
mod diff;
mod drain;
mod init;
mod jobs;
mod log;
mod pause;
mod plan;
mod publish;
mod rebuild;
mod run;
mod schema;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, LoadError, Loaded};
use crate::pg;
use crate::pipeline::Databases;

/// Keeps external systems in step with a Postgres database and sends them only real differences.
#[derive(Debug, Parser)]
#[command(name = "walsift", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    log: log::LogOptions,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Reads the source and delivers until it is told to stop
    Run(run::Options),
    /// Says everything that `run` would refuse, and more, without changing anything
    Check(check::Options),
    /// Shows what was derived from the configuration: tables, columns that count, ways to the subjects
    Plan(plan::Options),
    /// Writes a first configuration from the foreign keys around a table
    Init(init::Options),
    /// Shows the slot, the jobs, and what has been published and suppressed
    Status(status::Options),
    /// Shows what would be sent for a subject now: the verdict and the request, secrets masked
    ///
    /// Exit status: 0 shown, 1 it cannot be built or sent, 2 bad usage or configuration, 3 a database cannot be reached.
    Publish(publish::Options),
    /// Shows what would be sent now and why, for one subject or all, without sending anything
    ///
    /// Exit status: 0 no subject differs from what its sinks accepted last, 1 some do, 2 bad usage or configuration, 3 a database
    /// cannot be reached, or nothing has run yet.
    Diff(diff::Options),
    /// Visits the subjects of a sync and sends those that differ from what its sinks accepted last
    ///
    /// The running processes do it, beside live changes and below them. A new sync is visited by itself.
    ///
    /// Exit status: 0 begun, or with --wait done; 1 it was ended, or one that was named is over; 2 bad usage or configuration; 3 a
    /// database cannot be reached, or nothing has run yet.
    Backfill(backfill::Backfill),
    /// Proves that source, state and sinks agree, or says where they don't; with --repair puts it right
    ///
    /// Exit status: 0 they agree, 1 they don't, even where it was repaired, 2 bad usage or configuration, 3 there is no verdict: a
    /// database or a sink cannot be reached, nothing has run yet, or somebody has ended it.
    Audit(audit::Options),
    /// Shows jobs, and does what a person asks of them: again, now, not at all
    ///
    /// Exit status: 0 done; 1 nothing was done for some of the jobs that were named, and the answer says why; 2 bad usage or
    /// configuration, or --yes is missing; 3 a database cannot be reached, or nothing has run yet.
    Jobs(jobs::Options),
    /// Lets a sync or a sink rest: its jobs wait until it is resumed, whatever processes come and go
    Pause(pause::Options),
    /// Ends the rest of a sync or a sink
    Resume(pause::Options),
    /// Fills a new index beside the one that a sink writes to, and swaps the two without a gap
    ///
    /// Exit status: 0 done; 1 it cannot be done as things are, and the answer says why; 2 bad usage or configuration; 3 a database
    /// cannot be reached, or nothing has run yet.
    Rebuild(rebuild::Options),
    /// Asks the running processes to stop reading, finish all jobs, and leave, as before an upgrade
    Drain(drain::Options),
    /// Prints a JSON Schema of the configuration file, for editors
    Schema,
    /// Shows the main job on a throwaway Postgres
    Demo(demo::Options),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "WALSIFT_CONFIG",
        default_value = "config.toml"
    )]
    config: PathBuf,
}

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Done,
    Failed,
    /// Bad usage or configuration.
    Refused,
    /// The environment is not ready: a database cannot be reached. (A sink may be away, even when `run` starts.)
    NotReady,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Refused => 2,
            Exit::NotReady => 3,
        })
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.log.init();
    crate::failpoint::arm();
    // Every TLS connection of the process uses this one. A second call would only say that it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(async {
        // In a task of its own: what runs in `block_on` itself shares no thread with the others.
        let verb = tokio::spawn(async move {
            match cli.verb {
                Verb::Run(options) => run::run(&options).await,
                Verb::Check(options) => check::check(&options).await,
                Verb::Plan(options) => plan::plan(&options).await,
                Verb::Init(options) => init::init(&options).await,
                Verb::Status(options) => status::status(&options).await,
                Verb::Publish(options) => publish::publish(&options).await,
                Verb::Diff(options) => diff::diff(&options).await,
                Verb::Audit(options) => audit::audit(&options).await,
                Verb::Backfill(options) => backfill::backfill(&options).await,
                Verb::Jobs(options) => jobs::jobs(&options).await,
                Verb::Pause(options) => pause::pause(&options).await,
                Verb::Resume(options) => pause::resume(&options).await,
                Verb::Rebuild(options) => rebuild::rebuild(&options).await,
                Verb::Drain(options) => drain::drain(&options).await,
                Verb::Schema => schema::schema(),
                Verb::Demo(options) => demo::demo(&options).await,
            }
        });
        verb.await.unwrap_or(Exit::Failed)
    });
    // Whatever still runs is not waited for.
    runtime.shutdown_background();
    exit.into()
}

impl ConfigFile {
    /// The configuration, or its problems on standard error.
    fn load(&self) -> Result<Loaded, Exit> {
        let environment = |name: &str| std::env::var(name).ok();
        Config::load(&self.config, &environment).map_err(|error| {
            match error {
                LoadError::Unreadable { .. } => eprintln!("{error}"),
                LoadError::Refused { file, report } => eprint!("{}", report.render(&file, color())),
            }
            Exit::Refused
        })
    }

    /// The configuration and its databases, to none of which there is a connection yet, or what is wrong on standard error.
    fn open(&self) -> Result<(Loaded, Databases), Exit> {
        let loaded = self.load()?;
        match Databases::open(&loaded.config) {
            Ok(databases) => Ok((loaded, databases)),
            Err(problem) => {
                eprintln!("{}", problem.summary);
                Err(Exit::Refused)
            }
        }
    }
}

const NO_STATE: &str = "there is no state yet: walsift has not run with this configuration";

/// Whether that is why a statement on the state was refused.
fn is_no_state(error: &pg::Error) -> bool {
    pg::disposition(error) == pg::Disposition::Statement
}

/// On standard output. Whoever reads it may stop whenever they have seen enough.
fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// An argument: so many in a second.
fn rate(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or("wanted: a number above 0")
}

/// Whether standard error is a terminal that takes colors.
fn color() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none()
}
