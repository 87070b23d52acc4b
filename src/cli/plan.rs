//! `walsift plan`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{ConfigFile, Exit};
use crate::config::{Config, File, Report};
use crate::pipeline::{self, Databases, Prepared};
use crate::plan::Picture;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Only this sync
    sync: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// With the statements that build documents and look up subjects
    #[arg(long)]
    sql: bool,
    /// Compare with what runs: what going over to this configuration would send
    ///
    /// Exit status: 0 everything runs as it is configured, 1 something differs, 2 bad usage or configuration, 3 a database
    /// cannot be reached or nothing has run yet.
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with = "sql")]
    against: Option<Against>,
    /// With --against: how many subjects of each sync are built both ways
    #[arg(long, value_name = "SUBJECTS", default_value_t = 200, requires = "against",
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    sample: u16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Against {
    /// What the state database says was started last
    Running,
}

pub(super) async fn plan(options: &Options) -> Exit {
    let loaded = match options.file.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    if let Err(exit) = known(options, &loaded.config) {
        return exit;
    }
    let databases = match Databases::open(&loaded.config) {
        Ok(databases) => databases,
        Err(problem) => {
            return refuse(
                &loaded.file,
                &Report {
                    problems: vec![*problem],
                },
            );
        }
    };
    let prepared = match pipeline::prepare(&loaded.config, &databases.source).await {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("{}", pipeline::chain(&error));
            return Exit::NotReady;
        }
    };
    if prepared.plans.is_empty() {
        let problems = prepared.problems;
        return refuse(&loaded.file, &Report { problems });
    }
    if let Some(Against::Running) = options.against {
        return compare(options, &loaded.config, &prepared, &databases).await;
    }
    let pictures = match pipeline::paint(&loaded.config, &prepared, &databases.source).await {
        Ok(pictures) => pictures,
        Err(error) => {
            eprintln!("{}", pipeline::chain(&error));
            return Exit::NotReady;
        }
    };
    let wanted = |picture: &&Picture| options.sync.as_ref().is_none_or(|name| *name == picture.sync);
    let pictures: Vec<&Picture> = pictures.iter().filter(wanted).collect();
    if options.json {
        super::print(&format!("{}\n", json!({ "syncs": pictures })));
    } else {
        let texts: Vec<String> = pictures.iter().map(|picture| picture.text(options.sql)).collect();
        super::print(&texts.join("\n"));
    }
    let report = Report {
        problems: prepared.problems,
    };
    let errors = report.errors();
    if errors > 0 {
        let what = if errors == 1 {
            "1 error is".to_owned()
        } else {
            format!("{errors} errors are")
        };
        eprintln!("\n{what} in the way of `run`: see `walsift check`");
    }
    Exit::Done
}

async fn compare(options: &Options, config: &Config, prepared: &Prepared, databases: &Databases) -> Exit {
    let size = usize::from(options.sample);
    match pipeline::compare(config, prepared, databases, options.sync.as_deref(), size).await {
        Ok(comparison) => {
            if options.json {
                super::print(&format!("{}\n", json!(comparison)));
            } else {
                super::print(&comparison.text());
            }
            if comparison.is_nothing() {
                Exit::Done
            } else {
                Exit::Failed
            }
        }
        Err(error) => {
            eprintln!("{}", pipeline::chain(&error));
            Exit::NotReady
        }
    }
}

/// Refuses a sync that is not configured.
fn known(options: &Options, config: &Config) -> Result<(), Exit> {
    let Some(name) = &options.sync else { return Ok(()) };
    if config.syncs.iter().any(|sync| sync.name == *name) {
        return Ok(());
    }
    let names: Vec<&str> = config.syncs.iter().map(|sync| sync.name.as_str()).collect();
    eprintln!("there is no sync `{name}`; there are: {}", names.join(", "));
    Err(Exit::Refused)
}

fn refuse(file: &File, report: &Report) -> Exit {
    eprint!("{}", report.render(file, super::color()));
    Exit::Refused
}
