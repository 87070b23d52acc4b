//! `walsift jobs show`.

use clap::Args;

use super::{Trouble, print_json, text};
use crate::cli::{ConfigFile, Exit, print};
use crate::operate::{self, Reference};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The job's number, or its correlation id from a request or a log line
    #[arg(value_name = "JOB")]
    job: Reference,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn show(options: &Options) -> Result<Exit, Trouble> {
    let (_, databases) = options.file.open()?;
    let state = databases.state.get().await?;
    let story = match operate::find(&state, options.job).await? {
        Some(job) => operate::show(&state, job).await?,
        None => None,
    };
    let Some(story) = story else {
        eprintln!("{}", text::unknown(options.job));
        return Ok(Exit::Failed);
    };
    if options.json {
        print_json(&story);
    } else {
        print(&text::story(&story));
    }
    Ok(Exit::Done)
}
