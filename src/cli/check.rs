//! `walsift check`.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use serde_json::{Value, json};

use super::{ConfigFile, Exit};
use crate::catalog::{Fix, Locks};
use crate::config::{Config, File, LoadError, Problem, Report};
use crate::pipeline::{self, Databases, Mended, Mender, Reached};
use crate::record;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// Print the configuration as it is understood, secrets masked
    #[arg(long)]
    print_config: bool,
    /// Show what mends the database, ask, run it, and check again
    ///
    /// Covers replica identities, indexes that look-ups need, and the publication where `manage = false`. Each statement is
    /// run by itself and gives up soon where it would have to wait for a lock.
    #[arg(long)]
    fix: bool,
    /// With --fix: do not ask. Without it, and without a terminal or with --json, nothing is run and the exit status is 2
    #[arg(long, requires = "fix")]
    yes: bool,
    /// Do not try whether somebody answers for each sink
    #[arg(long)]
    skip_sinks: bool,
}

pub(super) async fn check(options: &Options) -> Exit {
    let environment = |name: &str| std::env::var(name).ok();
    let mut loaded = match Config::load(&options.file.config, &environment) {
        Ok(loaded) => loaded,
        Err(LoadError::Refused { file, report }) => {
            print(options, &report, &file, &[], None);
            return Exit::Refused;
        }
        Err(error) => {
            eprintln!("{error}");
            return Exit::Refused;
        }
    };
    if options.print_config {
        print!("{}", loaded.config.print_masked());
    }
    let databases = match Databases::open(&loaded.config) {
        Ok(databases) => databases,
        Err(problem) => {
            let mut report = loaded.report;
            report.push(*problem);
            print(options, &report, &loaded.file, &[], None);
            return Exit::Refused;
        }
    };
    let reached = if options.skip_sinks {
        Vec::new()
    } else {
        pipeline::reach(&loaded.config).await
    };
    loaded
        .report
        .problems
        .extend(reached.iter().filter_map(Reached::problem));
    let mut asked = ask(&loaded.config, &databases, &loaded.report, options.fix).await;
    let mut facts = None;
    if options.fix && asked.exit == Exit::Done {
        match mend(options, &databases, &asked.fixes).await {
            Ok(Fixed::Nothing) => facts = Some(Vec::new()),
            Ok(Fixed::Shown) => {
                let shown = |fix: &Fix| to_json(fix, "shown", None);
                print(
                    options,
                    &asked.report,
                    &loaded.file,
                    &reached,
                    Some(asked.fixes.iter().map(shown).collect()),
                );
                return Exit::Refused;
            }
            Ok(Fixed::Run(results)) => {
                facts = Some(results);
                asked = ask(&loaded.config, &databases, &loaded.report, false).await;
            }
            Err(exit) => return exit,
        }
    }
    print(options, &asked.report, &loaded.file, &reached, facts);
    if asked.report.errors() > 0 && asked.exit == Exit::Done {
        Exit::Refused
    } else {
        asked.exit
    }
}

/// What the databases say.
struct Asked {
    exit: Exit,
    report: Report,
    fixes: Vec<Fix>,
}

async fn ask(config: &Config, databases: &Databases, of_file: &Report, with_fixes: bool) -> Asked {
    let mut asked = Asked {
        exit: Exit::Done,
        report: of_file.clone(),
        fixes: Vec::new(),
    };
    match pipeline::prepare(config, &databases.source).await {
        Ok(prepared) => {
            if with_fixes {
                match pipeline::fixes(config, &prepared, &databases.source).await {
                    Ok(fixes) => asked.fixes = fixes,
                    Err(error) => return asked.not_ready(config, &error),
                }
            }
            asked.report.problems.extend(prepared.problems);
        }
        Err(error) => return asked.not_ready(config, &error),
    }
    match databases.reading.inspect(config).await {
        Ok(problem) => asked.report.problems.extend(problem),
        Err(error) => return asked.not_ready(config, &error.into()),
    }
    match record::schema_problem(&databases.state, config).await {
        Ok(problem) => asked.report.problems.extend(problem),
        Err(error) => {
            let summary = format!("the state database is not ready: {}", pipeline::chain(&error));
            asked.report.push(Problem::at(&config.state.connection.place, summary));
            asked.exit = Exit::NotReady;
        }
    }
    asked
}

impl Asked {
    fn not_ready(mut self, config: &Config, error: &pipeline::PrepareError) -> Self {
        let summary = format!("the source is not ready: {}", pipeline::chain(error));
        self.report.push(Problem::at(&config.source.connection.place, summary));
        self.exit = Exit::NotReady;
        self
    }
}

/// What became of the fixes.
enum Fixed {
    /// There is none.
    Nothing,
    /// Nobody agreed to them.
    Shown,
    /// Each as JSON, with its result.
    Run(Vec<Value>),
}

async fn mend(options: &Options, databases: &Databases, fixes: &[Fix]) -> Result<Fixed, Exit> {
    if fixes.is_empty() {
        return Ok(Fixed::Nothing);
    }
    if !options.json {
        show(fixes);
    }
    // Whoever reads JSON has not seen the statements.
    if !options.yes && (options.json || !agreed(fixes.len())) {
        return Ok(Fixed::Shown);
    }
    let mut mender = Mender::connect(&databases.source_dsn).await.map_err(|error| {
        eprintln!("the source is not ready: {}", pipeline::chain(&error));
        Exit::NotReady
    })?;
    let mut results = Vec::new();
    for (number, fix) in (1..).zip(fixes) {
        if !options.json {
            println!("{number}/{} {}", fixes.len(), fix.statement);
        }
        let outcome = mender.apply(fix).await;
        let (result, error, line) = match &outcome {
            Mended::Done { took } => ("done", None, format!("done in {:.1} s", took.as_secs_f64())),
            Mended::Failed(error) => ("failed", Some(error.as_str()), format!("failed: {error}")),
            Mended::Skipped => ("skipped", None, "skipped, as what it needs has failed".to_owned()),
        };
        if !options.json {
            println!("    {line}");
        }
        results.push(to_json(fix, result, error));
    }
    if !options.json {
        println!();
    }
    Ok(Fixed::Run(results))
}

fn show(fixes: &[Fix]) {
    println!("What mends the database:\n");
    for fix in fixes {
        println!("-- {}", fix.purpose);
        println!("--   {}", locks(fix.locks));
        if let Some(cost) = &fix.cost {
            println!("--   from then on {cost}");
        }
        println!("{};\n", fix.statement);
    }
}

fn locks(locks: Locks) -> &'static str {
    match locks {
        Locks::Nobody => "nobody who reads or writes waits for it",
        Locks::Instant => "locks the table for an instant, once it gets the lock",
        Locks::Writers => "locks the table against writes until it is done",
    }
}

/// Whether somebody is there and says yes.
fn agreed(count: usize) -> bool {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        eprintln!("nothing was run: there is no terminal to ask at, and no --yes");
        return false;
    }
    let what = if count == 1 {
        "this statement".to_owned()
    } else {
        format!("these {count} statements")
    };
    eprint!("Run {what}? [y/N] ");
    let mut answer = String::new();
    let read = io::stderr()
        .flush()
        .and_then(|()| io::stdin().lock().read_line(&mut answer));
    read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

fn to_json(fix: &Fix, result: &str, error: Option<&str>) -> Value {
    let locks = match fix.locks {
        Locks::Nobody => "nobody",
        Locks::Instant => "instant",
        Locks::Writers => "writers",
    };
    json!({
        "statement": fix.statement, "purpose": fix.purpose, "locks": locks, "cost": fix.cost,
        "result": result, "error": error,
    })
}

/// `fixes`, each with its result, where they were asked for.
fn print(options: &Options, report: &Report, file: &File, reached: &[Reached], fixes: Option<Vec<Value>>) {
    if options.json {
        let mut facts = report.to_json(file);
        facts["sinks"] = reached.iter().map(reach_to_json).collect();
        if let Some(fixes) = fixes {
            facts["fixes"] = fixes.into();
        }
        println!("{facts}");
        return;
    }
    for reached in reached {
        for step in &reached.reach.tried {
            println!("sink `{}`: {step}", reached.sink);
        }
    }
    if report.is_empty() {
        println!("ok: nothing stands in the way");
    } else {
        eprint!("{}", report.render(file, super::color()));
    }
}

fn reach_to_json(reached: &Reached) -> Value {
    let wrong = reached.reach.wrong.as_ref().map(|wrong| &wrong.message);
    json!({ "sink": reached.sink, "tried": reached.reach.tried, "wrong": wrong })
}
