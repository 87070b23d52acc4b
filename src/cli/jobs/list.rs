//! `walsift jobs list`.

use clap::Args;

use super::filter::Filter;
use super::{Trouble, print_json, text};
use crate::cli::{ConfigFile, Exit, print};
use crate::operate::{self, Order, Page, Reference};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    filter: Filter,
    /// Most jobs
    #[arg(long, value_name = "JOBS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Those made first come first
    #[arg(long)]
    oldest_first: bool,
    /// Go on after this job
    #[arg(long, value_name = "JOB")]
    after: Option<Reference>,
    /// Print JSON: {"jobs", "next"}
    #[arg(long)]
    json: bool,
}

pub(super) async fn list(options: &Options) -> Result<Exit, Trouble> {
    let (_, databases) = options.file.open()?;
    let state = databases.state.get().await?;
    let selection = operate::select(&state, &options.filter.wanted()).await?;
    let after = match options.after {
        None => None,
        // Whether it is still there does not matter.
        Some(Reference::Id(job)) => Some(job),
        Some(Reference::Correlation(correlation)) => Some(correlation.job),
    };
    let order = if options.oldest_first {
        Order::OldestFirst
    } else {
        Order::NewestFirst
    };
    let page = Page {
        order,
        after,
        newest: None,
        most: options.limit,
    };
    let listed = operate::list(&state, &selection, page).await?;
    if options.json {
        print_json(&listed);
    } else if listed.jobs.is_empty() {
        print("no jobs match\n");
    } else {
        print(&text::table(&listed.jobs));
        if let Some(next) = listed.next {
            print(&format!("there are more: --after {}\n", next.0));
        }
    }
    Ok(Exit::Done)
}
