//! `walsift backfill pause`, `resume` and `cancel`.

use clap::Args;
use serde_json::json;

use crate::cli::jobs::{Trouble, print_json};
use crate::cli::{ConfigFile, Exit, print};
use crate::operate;
use crate::queue::BackfillId;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The numbers of the backfills
    #[arg(value_name = "BACKFILL", required = true)]
    backfills: Vec<i64>,
    /// Print JSON: {"answers"}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Pause,
    Resume,
    Cancel,
}

impl Act {
    fn done(self) -> &'static str {
        match self {
            Act::Pause => "paused",
            Act::Resume => "goes on",
            Act::Cancel => "canceled",
        }
    }
}

pub(super) async fn act(options: &Options, act: Act) -> Result<Exit, Trouble> {
    let (_, databases) = options.file.open()?;
    let state = databases.state.get().await?;
    let mut answers = Vec::new();
    for &number in &options.backfills {
        let id = BackfillId(number);
        let done = match act {
            Act::Pause => operate::pause_backfill(&state, id, true).await?,
            Act::Resume => operate::pause_backfill(&state, id, false).await?,
            Act::Cancel => operate::cancel_backfill(&state, id).await?,
        };
        answers.push((number, done));
    }
    if options.json {
        let answer = |(number, done): &(i64, bool)| json!({ "backfill": number, "done": done });
        print_json(&json!({ "answers": answers.iter().map(answer).collect::<Vec<_>>() }));
    } else {
        for (number, done) in &answers {
            let what = if *done { act.done() } else { "is over, or there is none" };
            print(&format!("backfill {number}: {what}\n"));
        }
    }
    let all_done = answers.iter().all(|(_, done)| *done);
    Ok(if all_done { Exit::Done } else { Exit::Failed })
}
