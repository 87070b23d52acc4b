//! `walsift check`.

use clap::Args;

use super::{ConfigFile, Exit};
use crate::config::{Config, File, LoadError, Problem, Report};
use crate::pipeline::{self, Databases};
use crate::record;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// Print the configuration as it is understood, secrets masked
    #[arg(long)]
    print_config: bool,
}

pub(super) async fn check(options: &Options) -> Exit {
    let environment = |name: &str| std::env::var(name).ok();
    let loaded = match Config::load(&options.file.config, &environment) {
        Ok(loaded) => loaded,
        Err(LoadError::Refused { file, report }) => {
            print(options, &report, &file);
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
    let mut report = loaded.report;
    let exit = match Databases::open(&loaded.config) {
        Ok(databases) => ask(&loaded.config, &databases, &mut report).await,
        Err(problem) => {
            report.push(*problem);
            Exit::Refused
        }
    };
    print(options, &report, &loaded.file);
    if report.errors() > 0 && exit == Exit::Done {
        Exit::Refused
    } else {
        exit
    }
}

async fn ask(config: &Config, databases: &Databases, report: &mut Report) -> Exit {
    match pipeline::prepare(config, &databases.source).await {
        Ok(prepared) => report.problems.extend(prepared.problems),
        Err(error) => {
            let summary = format!("the source is not ready: {}", pipeline::chain(&error));
            report.push(Problem::at(&config.source.url_place, summary));
            return Exit::NotReady;
        }
    }
    match record::schema_problem(&databases.state, config).await {
        Ok(problem) => report.problems.extend(problem),
        Err(error) => {
            let summary = format!("the state database is not ready: {}", pipeline::chain(&error));
            report.push(Problem::at(&config.state.url_place, summary));
            return Exit::NotReady;
        }
    }
    Exit::Done
}

fn print(options: &Options, report: &Report, file: &File) {
    if options.json {
        println!("{}", report.to_json(file));
    } else if report.is_empty() {
        println!("ok: nothing stands in the way");
    } else {
        eprint!("{}", report.render(file, super::color()));
    }
}
