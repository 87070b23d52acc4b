//! `walsift backfill SYNC`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{routes, text, wait};
use crate::cli::jobs::{Trouble, prepare, print_json, read_keys, sync};
use crate::cli::{ConfigFile, Exit, print, rate};
use crate::operate;
use crate::pipeline::PrepareError;
use crate::queue::{BackfillId, NewBackfill, Walk, Worker};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command")]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The sync whose subjects are visited
    #[arg(value_name = "SYNC", required = true)]
    sync: Option<String>,
    /// Only for this sink of the sync
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
    /// Only rows of the root table of which this SQL expression is true, such as `status = 'open'`
    #[arg(long = "where", value_name = "SQL", conflicts_with_all = ["keys", "reconcile"])]
    condition: Option<String>,
    /// Only the subjects whose keys stand in this file, one a line; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "reconcile")]
    keys: Option<PathBuf>,
    /// Send even what the sink holds already
    #[arg(long)]
    force: bool,
    /// Afterwards delete from the sink what it accepted once and the source has no more
    #[arg(long)]
    reconcile: bool,
    /// Most subjects to visit in a second, by all processes together
    #[arg(long, value_name = "RATE", value_parser = rate)]
    limit_rate: Option<f64>,
    /// Stay until it is done and show how it gets on
    #[arg(long)]
    wait: bool,
    /// Print JSON: {"backfills"}, with --wait as they stand at the end
    #[arg(long)]
    json: bool,
}

/// What became of the wish for one sink; `None`: a backfill stands that will find whatever this one would.
struct Started<'a> {
    sink: &'a str,
    id: Option<BackfillId>,
}

pub(super) async fn start(options: &Options) -> Result<Exit, Trouble> {
    let (loaded, databases) = options.file.open()?;
    let name = options.sync.as_deref().unwrap_or_default();
    let (sync, sinks) = sync(&loaded.config, name, options.sink.as_deref())?;
    let prepared = prepare(&loaded, &databases, &sync.name).await?;
    let plan = &prepared.plans[0];
    let source = databases.source.get().await.map_err(PrepareError::from)?;
    let mut keys = Vec::new();
    if let Some(file) = &options.keys {
        keys = operate::subjects(&source, plan, &read_keys(file)?).await?;
        // A subject is in one chunk once.
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Err(Trouble::Usage(format!("there are no keys in {}", file.display())));
        }
    }
    if let Some(condition) = &options.condition
        && let Err(why) = operate::check_condition(&source, plan, condition).await?
    {
        return Err(Trouble::Usage(format!("postgres refuses the condition: {why}")));
    }
    let mut state = databases.state.get().await?;
    let mut started = Vec::new();
    for sink in sinks {
        let Some(route) = routes(&state, Some(&sync.name), Some(sink)).await?.first().copied() else {
            let what = format!("walsift has not run yet with {} → {sink}", sync.name);
            return Err(Trouble::NotReady(what));
        };
        let new = NewBackfill {
            reconcile: options.reconcile,
            condition: options.condition.clone(),
            forced: options.force,
            rate: options.limit_rate,
            ..NewBackfill::new(
                route,
                "asked",
                if options.keys.is_some() {
                    Walk::Keys
                } else {
                    Walk::Source
                },
            )
        };
        let id = operate::start_backfill(&mut state, &new, &keys).await?;
        started.push(Started { sink, id });
    }
    if !options.json || options.wait {
        tell(options, &sync.name, &started);
    }
    if Worker::count_live(&state).await? == 0 {
        eprintln!("no process is at work: it begins once one is");
    }
    let ids: Vec<BackfillId> = started.iter().filter_map(|started| started.id).collect();
    let all = routes(&state, Some(&sync.name), None).await?;
    drop(state);
    if options.wait && !ids.is_empty() {
        return wait::wait(&databases, &all, &ids, options.json).await;
    }
    if options.json {
        let state = databases.state.get().await?;
        let most = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let made = operate::backfills(&state, &all, true, Some(&ids), most).await?;
        print_json(&json!({ "backfills": made }));
    }
    Ok(Exit::Done)
}

/// On standard error where standard output is for JSON.
fn tell(options: &Options, sync: &str, started: &[Started<'_>]) {
    for Started { sink, id } in started {
        let what = match id {
            Some(id) => format!("backfill {} of {sync} → {sink}: begins\n", id.0),
            None => format!("{sync} → {sink}: {}\n", text::COVERED),
        };
        if options.json {
            eprint!("{what}");
        } else {
            print(&what);
        }
    }
}
