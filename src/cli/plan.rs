//! `walsift plan`.

use clap::Args;
use serde_json::json;

use super::{ConfigFile, Exit};
use crate::config::{Config, File, Report};
use crate::pipeline::{self, Databases};
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
