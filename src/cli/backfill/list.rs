//! `walsift backfill list`.

use clap::Args;
use serde_json::json;

use super::{routes, text};
use crate::cli::jobs::{Trouble, print_json};
use crate::cli::{ConfigFile, Exit, print};
use crate::operate;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Only of this sync
    #[arg(long, value_name = "SYNC")]
    sync: Option<String>,
    /// Only for this sink
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
    /// Those too that are over
    #[arg(long)]
    all: bool,
    /// Most of them to show
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON: {"backfills"}
    #[arg(long)]
    json: bool,
}

pub(super) async fn list(options: &Options) -> Result<Exit, Trouble> {
    let (_, databases) = options.file.open()?;
    let state = databases.state.get().await?;
    let routes = routes(&state, options.sync.as_deref(), options.sink.as_deref()).await?;
    let backfills = operate::backfills(&state, &routes, options.all, None, options.limit).await?;
    if options.json {
        print_json(&json!({ "backfills": backfills }));
        return Ok(Exit::Done);
    }
    for backfill in &backfills {
        print(&text::line(backfill));
    }
    if backfills.is_empty() {
        eprintln!("there are no backfills");
    }
    Ok(Exit::Done)
}
