//! `walsift backfill`.

mod act;
mod list;
mod start;
mod text;
mod wait;

pub(super) use text::line as backfill_line;

use clap::{Args, Subcommand};

use super::Exit;
use super::jobs::Trouble;
use crate::pg;
use crate::queue::{self, RouteId};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Backfill {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    start: start::Options,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists backfills and how far they have come, the newest first
    List(list::Options),
    /// Lets backfills rest; what they have in hand is finished
    Pause(act::Options),
    /// Ends the rest of backfills
    Resume(act::Options),
    /// Ends backfills where they are; what they have in hand is finished
    Cancel(act::Options),
}

pub(super) async fn backfill(options: &Backfill) -> Exit {
    let done = match &options.verb {
        None => start::start(&options.start).await,
        Some(Verb::List(options)) => list::list(options).await,
        Some(Verb::Pause(options)) => act::act(options, act::Act::Pause).await,
        Some(Verb::Resume(options)) => act::act(options, act::Act::Resume).await,
        Some(Verb::Cancel(options)) => act::act(options, act::Act::Cancel).await,
    };
    done.unwrap_or_else(|trouble| trouble.tell())
}

/// The routes of some syncs and sinks, those that are configured no more too.
async fn routes(state: &pg::Client, sync: Option<&str>, sink: Option<&str>) -> Result<Vec<RouteId>, Trouble> {
    let routes = queue::routes(&***state).await?;
    let wanted = routes
        .iter()
        .filter(|route| sync.is_none_or(|sync| sync == route.sync) && sink.is_none_or(|sink| sink == route.sink));
    Ok(wanted.map(|route| route.id).collect())
}
