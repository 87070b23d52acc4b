//! Rebuilding what a sink writes to: another index is filled beside it, kept current, and takes its place.
//!
//! Here it is begun, ended and looked at; the processes at work notice it by themselves, and do the rest.
//!
//! ```text
//! start ─▶ the index is made, a route is there ─▶ (the processes fill it) ─▶ swap, at once or when it is asked for
//!                                                        └── cancel: the route goes, the index stays
//! ```

use std::time::Duration;

use serde::Serialize;
use tokio_postgres::GenericClient;
use tokio_postgres::error::SqlState;

use super::Timestamp;
use crate::config::{self, Config, NoTarget};
use crate::failpoint;
use crate::pg;
use crate::publish::{Failure, Named, Sink, Unusable};
use crate::queue::{self, Rebuild};

/// How long the other side may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// A sync, and which of its sinks is meant; `None`: the only one that can be.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub sync: &'a str,
    pub sink: Option<&'a str>,
}

#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// What is asked for makes no sense with this configuration.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    NoTarget(#[from] NoTarget),
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// As things are on the other side, or with another rebuild, it cannot be done.
    #[error("{0}")]
    Refused(String),
    #[error("{}", .0.message)]
    Sink(Failure),
    #[error("sync {sync} has not run with sink {sink} yet: whatever it is given then is filled from the beginning")]
    NotRun { sync: String, sink: String },
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

impl From<Failure> for RebuildError {
    fn from(failure: Failure) -> Self {
        Self::Sink(failure)
    }
}

/// Makes the index `target`, and has it filled and kept current. With `swap` it takes the place of the one that the sink writes
/// to as soon as it holds as much. Returns the name of the sink.
pub async fn start_rebuild(
    state: &pg::Pool,
    config: &Config,
    place: Place<'_>,
    target: &str,
    swap: bool,
) -> Result<String, RebuildError> {
    let written = configured(config, place)?;
    let beside = written.with_target(&queue::label(&written.name, target), target)?;
    if let Some(other) = config.sinks_into(&beside).first() {
        return Err(RebuildError::Usage(format!("sink `{other}` writes to `{target}`")));
    }
    let client = state.get().await?;
    refuse_others(&**client, place.sync, &written.name, target).await?;
    if swap {
        may_swap(config, place.sync, written).await?;
    }
    let target_id = make(&Sink::build(&beside)?, target).await?;
    failpoint::die_at("rebuild-after-make");
    let sql = include_str!("../../sql/rebuild/start.sql");
    let begun = client
        .execute(sql, &[&place.sync, &written.name, &target, &target_id, &swap])
        .await;
    match begun {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            let said = format!("somebody else has just begun a rebuild of {}", place.sync);
            return Err(RebuildError::Refused(said));
        }
        begun => begun?,
    };
    Ok(written.name.clone())
}

/// From now on a rebuild takes its place as soon as it can.
pub async fn ask_to_swap(state: &pg::Pool, config: &Config, place: Place<'_>) -> Result<Rebuild, RebuildError> {
    let client = state.get().await?;
    let rebuild = standing(&client, place).await?;
    let place = Place {
        sync: &rebuild.sync,
        sink: Some(&rebuild.sink),
    };
    may_swap(config, place.sync, configured(config, place)?).await?;
    let sql = include_str!("../../sql/rebuild/ask_to_swap.sql");
    client.execute(sql, &[&rebuild.sync, &rebuild.sink]).await?;
    Ok(rebuild)
}

/// Ends a rebuild. What it has filled stays as it is, and is not written to any more.
pub async fn cancel_rebuild(state: &pg::Pool, config: &Config, place: Place<'_>) -> Result<Rebuild, RebuildError> {
    let mut client = state.get().await?;
    let rebuild = standing(&client, place).await?;
    let tx = client.transaction().await?;
    // Nobody else is at it from here on.
    let Some((rebuild, is_swapping)) = queue::find_rebuild(&tx, &rebuild.sync, &rebuild.sink).await? else {
        return Err(RebuildError::Refused("the rebuild is over".to_owned()));
    };
    let sink = config.sinks.iter().find(|sink| sink.name == rebuild.sink);
    if let Some(sink) = sink.filter(|_| is_swapping)
        && Sink::build(sink)?.look_up(ANSWER_TIME).await?.leads_to(&rebuild.target)
    {
        let said = format!("`{}` has taken its place already", rebuild.target);
        return Err(RebuildError::Refused(said));
    }
    queue::drop_rebuild(&tx, &rebuild).await?;
    tx.commit().await?;
    Ok(rebuild)
}

/// The sink of the configuration that is meant.
fn configured<'a>(config: &'a Config, place: Place<'_>) -> Result<&'a config::Sink, RebuildError> {
    let Some(sync) = config.syncs.iter().find(|sync| sync.name == place.sync) else {
        let names: Vec<&str> = config.syncs.iter().map(|sync| sync.name.as_str()).collect();
        let said = format!("there is no sync `{}`; there are: {}", place.sync, names.join(", "));
        return Err(RebuildError::Usage(said));
    };
    let sinks = config.sinks.iter().filter(|sink| sync.sinks.contains(&sink.name));
    let sinks: Vec<&config::Sink> = match place.sink {
        Some(name) => sinks.filter(|sink| sink.name == name).collect(),
        None => sinks.filter(|sink| sink.target().is_some()).collect(),
    };
    match (sinks.as_slice(), place.sink) {
        ([sink], _) => Ok(sink),
        ([], None) => Err(NoTarget::Kind.into()),
        ([], Some(_)) => {
            let said = format!("sync `{}` has the sinks {}", sync.name, sync.sinks.join(", "));
            Err(RebuildError::Usage(said))
        }
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|sink| sink.name.as_str()).collect();
            let said = format!("which sink is meant? Say one by --sink: {}", names.join(", "));
            Err(RebuildError::Usage(said))
        }
    }
}

async fn refuse_others(client: &impl GenericClient, sync: &str, sink: &str, target: &str) -> Result<(), RebuildError> {
    let routes = queue::routes(client).await?;
    if !routes.iter().any(|route| route.sync == sync && route.sink == sink) {
        let (sync, sink) = (sync.to_owned(), sink.to_owned());
        return Err(RebuildError::NotRun { sync, sink });
    }
    for other in queue::rebuilds(client).await? {
        if (other.sync == sync && other.sink == sink) || other.target == target {
            let said = format!(
                "a rebuild of {} into `{}` stands: wait for its end, or `walsift rebuild cancel {}`",
                other.sync, other.target, other.sync
            );
            return Err(RebuildError::Refused(said));
        }
    }
    Ok(())
}

/// Whether what the sink writes to can be another one at once.
async fn may_swap(config: &Config, sync: &str, written: &config::Sink) -> Result<(), RebuildError> {
    let neighbours = config.neighbours(sync, written);
    if !neighbours.is_empty() {
        let said = format!(
            "documents of {} are in the same index, and would not be in the new one: without --swap it is filled all the same",
            neighbours.join(", ")
        );
        return Err(RebuildError::Usage(said));
    }
    let name = written.target().unwrap_or_default();
    match Sink::build(written)?.look_up(ANSWER_TIME).await? {
        Named::Itself { .. } => Err(RebuildError::Refused(no_alias(name, &written.name))),
        Named::Alias { .. } | Named::Nothing => Ok(()),
    }
}

/// Why an index cannot be swapped, and what makes an alias of it. A clone keeps documents with their versions; nothing is written
/// meanwhile, and nothing is lost: jobs wait.
fn no_alias(name: &str, sink: &str) -> String {
    format!(
        "`{name}` is an index, and a swap takes an alias. These requests make it one, with the documents that are there:

    walsift pause --sink {sink}
    PUT  /{name}/_settings     {{\"index.blocks.write\": true}}
    POST /{name}/_clone/{name}_v1
    GET  /_cluster/health/{name}_v1?wait_for_status=yellow
    POST /_aliases  {{\"actions\": [{{\"remove_index\": {{\"index\": \"{name}\"}}}}, {{\"add\": {{\"index\": \"{name}_v1\", \"alias\": \"{name}\"}}}}]}}
    PUT  /{name}_v1/_settings  {{\"index.blocks.write\": null}}
    walsift resume --sink {sink}"
    )
}

/// Makes the index, or takes one that is there and empty. Answers with what the server calls it.
async fn make(beside: &Sink, target: &str) -> Result<String, RebuildError> {
    let found = beside.look_up(ANSWER_TIME).await?;
    if let Named::Alias { to } = &found {
        let said = format!("`{target}` is an alias, of {}", to.join(", "));
        return Err(RebuildError::Refused(said));
    }
    let is_new = found == Named::Nothing && beside.make_target(ANSWER_TIME).await?;
    if !is_new {
        let documents = beside.count_documents(ANSWER_TIME).await?;
        if documents > 0 {
            let said =
                format!("there is an index `{target}` with {documents} documents: take another name, or delete it");
            return Err(RebuildError::Refused(said));
        }
    }
    match beside.look_up(ANSWER_TIME).await? {
        Named::Itself { id } => Ok(id),
        _ => Err(RebuildError::Refused(format!("`{target}` was made, and is gone"))),
    }
}

/// The one that stands.
async fn standing(client: &pg::Client, place: Place<'_>) -> Result<Rebuild, RebuildError> {
    let is_meant = |rebuild: &Rebuild| rebuild.sync == place.sync && place.sink.is_none_or(|sink| sink == rebuild.sink);
    let mut found = queue::rebuilds(&***client).await?;
    found.retain(is_meant);
    let count = found.len();
    match (found.pop(), count) {
        (Some(rebuild), 1) => Ok(rebuild),
        (None, _) => Err(RebuildError::Usage(format!("there is no rebuild of {}", place.sync))),
        (Some(_), _) => Err(RebuildError::Usage("which sink is meant? Say one by --sink".to_owned())),
    }
}

/// How far a rebuild is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    pub sync: String,
    pub sink: String,
    /// What is filled.
    pub into: String,
    pub state: RebuildState,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// It takes its place as soon as it can.
    pub swap: bool,
    /// Subjects that its last load has come by, and about how many there are; as far as is known.
    pub visited: Option<i64>,
    pub estimate: Option<i64>,
    /// Subjects that wait.
    pub jobs: i64,
    /// Subjects that were given up.
    pub given_up: i64,
    /// Why it could not take its place.
    pub problem: Option<String>,
    /// What the name of the sink led to before.
    pub replaced: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RebuildState {
    /// Not all subjects have been visited.
    Filling,
    /// What waits are changes.
    Current,
    Swapping,
    Swapped,
    Canceled,
}

/// All that stand, and the last of each sync and sink that has ended.
pub async fn list_rebuilds(client: &pg::Client) -> Result<Vec<Progress>, pg::Error> {
    let rows = client.query(include_str!("../../sql/rebuild/list.sql"), &[]).await?;
    Ok(rows.iter().map(progress).collect())
}

fn progress(row: &tokio_postgres::Row) -> Progress {
    let state = match row.get::<_, Option<&str>>("outcome") {
        Some("swapped") => RebuildState::Swapped,
        Some(_) => RebuildState::Canceled,
        None if row.get("swapping") => RebuildState::Swapping,
        None if row.get("loaded") => RebuildState::Current,
        None => RebuildState::Filling,
    };
    Progress {
        sync: row.get("sync"),
        sink: row.get("sink"),
        into: row.get("target"),
        state,
        started_at: Timestamp(row.get("started_at")),
        ended_at: row.get::<_, Option<_>>("ended_at").map(Timestamp),
        swap: row.get("swap"),
        visited: row.get("visited"),
        estimate: row.get("estimate"),
        jobs: row.get("jobs"),
        given_up: row.get("given_up"),
        problem: row.get("problem"),
        replaced: row.get("replaced"),
    }
}
