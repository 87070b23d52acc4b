//! `walsift jobs retry`, `replay`, `cancel` and `purge`: to some jobs by their names, or to all that filters let through.

use clap::Args;
use serde_json::json;

use super::filter::Filter;
use super::{Trouble, print_json, text};
use crate::cli::{ConfigFile, Exit, print};
use crate::operate::{self, Answer, Outcome, Reference, Verb};
use crate::pg;
use crate::queue::{JobId, Priority};

#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The jobs' numbers or correlation ids; or else filters
    #[arg(value_name = "JOB")]
    jobs: Vec<Reference>,
    #[command(flatten)]
    many: Many,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The jobs' numbers or correlation ids; or else filters
    #[arg(value_name = "JOB")]
    jobs: Vec<Reference>,
    /// The try that the new job is linked to, by its number; the last one by default. Of one job only
    #[arg(long, value_name = "NUMBER", requires = "jobs", value_parser = clap::value_parser!(u16).range(1..))]
    attempt: Option<u16>,
    #[command(flatten)]
    many: Many,
}

#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The jobs' numbers or correlation ids; or else filters
    #[arg(value_name = "JOB")]
    jobs: Vec<Reference>,
    #[command(flatten)]
    many: Many,
}

#[derive(Debug, Args)]
pub(super) struct Purge {
    #[command(flatten)]
    many: Many,
}

#[derive(Debug, Args)]
struct Many {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    filter: Filter,
    /// With filters: do it. Without it the number of jobs is shown, nothing is done, and the exit status is 2
    #[arg(long)]
    yes: bool,
    /// Print JSON: {"answers"}, or with filters {"matched", "done", "outcomes"}
    #[arg(long)]
    json: bool,
}

pub(super) async fn retry(options: &Retry) -> Result<Exit, Trouble> {
    act(Verb::Retry, &options.jobs, &options.many, async |state, jobs| {
        operate::retry(state, jobs, Priority::Normal).await
    })
    .await
}

pub(super) async fn replay(options: &Replay) -> Result<Exit, Trouble> {
    if options.attempt.is_some() && options.jobs.len() > 1 {
        return Err(Trouble::Usage("--attempt is for one job".to_owned()));
    }
    act(Verb::Replay, &options.jobs, &options.many, async |state, jobs| {
        operate::replay(state, jobs, options.attempt, Priority::Normal).await
    })
    .await
}

pub(super) async fn cancel(options: &Cancel) -> Result<Exit, Trouble> {
    act(Verb::Cancel, &options.jobs, &options.many, operate::cancel).await
}

pub(super) async fn purge(options: &Purge) -> Result<Exit, Trouble> {
    if options.many.filter.is_empty() {
        return Err(Trouble::Usage("filters are wanted; see --help".to_owned()));
    }
    to_all(Verb::Purge, &options.many).await
}

/// Does it to the jobs that are named, or else to all that the filters let through.
async fn act(
    verb: Verb,
    jobs: &[Reference],
    many: &Many,
    to_named: impl AsyncFnOnce(&mut pg::Client, &[JobId]) -> Result<Vec<Answer>, pg::Error>,
) -> Result<Exit, Trouble> {
    match (jobs, many.filter.is_empty()) {
        ([], true) => Err(Trouble::Usage("jobs or filters are wanted; see --help".to_owned())),
        ([], false) => to_all(verb, many).await,
        (_, false) => Err(Trouble::Usage("jobs or filters are wanted, not both".to_owned())),
        (jobs, true) => {
            let (_, databases) = many.file.open()?;
            let mut state = databases.state.get().await?;
            let mut found = Vec::new();
            for reference in jobs {
                found.push((*reference, operate::find(&state, *reference).await?));
            }
            let ids: Vec<JobId> = found.iter().filter_map(|(_, job)| *job).collect();
            let mut answers = to_named(&mut state, &ids).await?.into_iter();
            let outcomes: Vec<(Reference, Outcome)> = found
                .into_iter()
                .map(|(reference, job)| {
                    let answer = job.and_then(|_| answers.next());
                    (reference, answer.map_or(Outcome::Unknown, |answer| answer.outcome))
                })
                .collect();
            tell(&outcomes, many.json);
            let all_done = outcomes.iter().all(|(_, outcome)| outcome.is_done());
            Ok(if all_done { Exit::Done } else { Exit::Failed })
        }
    }
}

fn tell(outcomes: &[(Reference, Outcome)], json: bool) {
    if json {
        let answer = |(reference, outcome): &(Reference, Outcome)| {
            let mut facts = json!({ "asked": reference.to_string() });
            text::merge(&mut facts, outcome);
            facts
        };
        print_json(&json!({ "answers": outcomes.iter().map(answer).collect::<Vec<_>>() }));
    } else {
        for (reference, outcome) in outcomes {
            print(&format!("{}\n", text::outcome(*reference, *outcome)));
        }
    }
}

async fn to_all(verb: Verb, many: &Many) -> Result<Exit, Trouble> {
    let filter = many.filter.wanted();
    let possible = verb.states();
    if let Some(state) = filter.states.iter().find(|state| !possible.contains(state)) {
        let words: Vec<&str> = possible.iter().map(|state| state.as_str()).collect();
        let what = format!(
            "{state} jobs cannot be {}; those can that are {}",
            text::done(verb),
            words.join(", ")
        );
        return Err(Trouble::Usage(what));
    }
    let (_, databases) = many.file.open()?;
    let mut state = databases.state.get().await?;
    let selection = operate::select(&state, &verb.narrow(&filter)).await?;
    let matched = operate::matched(&state, &selection).await?;
    let is_meant = many.yes || matched.jobs == 0;
    let tally = if is_meant {
        operate::apply(&mut state, verb, &selection, matched).await?
    } else {
        operate::Tally::new()
    };
    if many.json {
        print_json(&json!({ "matched": matched.jobs, "done": is_meant, "outcomes": tally }));
    } else {
        print(&text::tally(verb, matched.jobs, is_meant.then_some(&tally)));
    }
    Ok(if is_meant { Exit::Done } else { Exit::Refused })
}
