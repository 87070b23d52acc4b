//! `walsift pause` and `walsift resume`.

use clap::Args;
use serde_json::json;

use super::{ConfigFile, Exit};
use crate::config::Config;
use crate::operate::{self, Scope, UnknownScope};
use crate::pg;
use crate::pipeline::{self, Databases};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    scope: ScopeOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ScopeOptions {
    /// This sync, into all its sinks
    #[arg(long, value_name = "NAME")]
    sync: Option<String>,
    /// This sink, for all syncs
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
}

impl ScopeOptions {
    fn scope(&self) -> Scope {
        match (&self.sync, &self.sink) {
            (Some(sync), _) => Scope::Sync(sync.clone()),
            (None, sink) => Scope::Sink(sink.clone().expect("one of them is required")),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum PauseError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error(transparent)]
    Scope(#[from] UnknownScope),
}

/// What was done, for people and for machines.
struct Done {
    text: String,
    is_paused: bool,
    since: Option<String>,
    changed: bool,
}

pub(super) async fn pause(options: &Options) -> Exit {
    change(options, Wanted::Rest).await
}

pub(super) async fn resume(options: &Options) -> Exit {
    change(options, Wanted::Work).await
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    Rest,
    Work,
}

async fn change(options: &Options, wanted: Wanted) -> Exit {
    let (loaded, databases) = match options.file.open() {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let scope = options.scope.scope();
    let done = match wanted {
        Wanted::Rest => rest(&databases, &loaded.config, &scope).await,
        Wanted::Work => work(&databases, &loaded.config, &scope).await,
    };
    match done {
        Ok(done) => {
            say(options, &done);
            Exit::Done
        }
        Err(PauseError::Scope(error @ UnknownScope::Unknown { .. })) => {
            eprintln!("{error}");
            Exit::Refused
        }
        Err(PauseError::Scope(UnknownScope::Postgres(error))) if super::is_no_state(&error) => {
            eprintln!("{}", super::NO_STATE);
            Exit::NotReady
        }
        Err(error) => {
            eprintln!("{}", pipeline::chain(&error));
            Exit::NotReady
        }
    }
}

async fn rest(databases: &Databases, config: &Config, scope: &Scope) -> Result<Done, PauseError> {
    let state = databases.state.get().await?;
    let paused = operate::pause(&state, config, scope).await?;
    let (kind, name) = (scope.kind(), scope.name());
    let text = if paused.is_new {
        format!("{kind} {name} is paused: its jobs wait until `walsift resume --{kind} {name}`")
    } else {
        format!("{kind} {name} has been paused since {}", paused.since)
    };
    Ok(Done {
        text,
        is_paused: true,
        since: Some(paused.since),
        changed: paused.is_new,
    })
}

async fn work(databases: &Databases, config: &Config, scope: &Scope) -> Result<Done, PauseError> {
    let state = databases.state.get().await?;
    let since = operate::resume(&state, config, scope).await?;
    let (kind, name) = (scope.kind(), scope.name());
    let text = match &since {
        Some(since) => format!("{kind} {name} goes on; it was paused since {since}"),
        None => format!("{kind} {name} is not paused"),
    };
    Ok(Done {
        text,
        is_paused: false,
        changed: since.is_some(),
        since,
    })
}

fn say(options: &Options, done: &Done) {
    if !options.json {
        return super::print(&format!("{}\n", done.text));
    }
    let scope = options.scope.scope();
    let said = json!({
        "kind": scope.kind(), "name": scope.name(), "paused": done.is_paused, "since": done.since, "changed": done.changed,
    });
    super::print(&format!("{said}\n"));
}
