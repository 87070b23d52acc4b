//! Letting a sync or a sink rest, until somebody says otherwise.
//!
//! Nothing of it is claimed any more from the moment this is committed, in all processes; what a process has claimed
//! before is let go of within seconds, but for requests under way, which are finished. Changes go on becoming jobs, one for each
//! subject.

use serde::Serialize;

use crate::config::Config;
use crate::pg;

/// What rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Sync(String),
    Sink(String),
}

impl Scope {
    pub fn kind(&self) -> &'static str {
        match self {
            Scope::Sync(_) => "sync",
            Scope::Sink(_) => "sink",
        }
    }

    pub fn name(&self) -> &str {
        let (Scope::Sync(name) | Scope::Sink(name)) = self;
        name
    }
}

/// Since when something rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// RFC 3339, UTC.
    pub since: String,
    /// It did not rest before.
    pub is_new: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum UnknownScope {
    #[error("there is no {kind} `{name}`; there are: {}", known.join(", "))]
    Unknown {
        kind: &'static str,
        name: String,
        known: Vec<String>,
    },
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

pub async fn pause(client: &pg::Client, config: &Config, scope: &Scope) -> Result<Paused, UnknownScope> {
    known(scope, configured(config, scope))?;
    let sql = include_str!("../../sql/operate/pause.sql");
    let row = client.query_one(sql, &[&scope.kind(), &scope.name()]).await?;
    Ok(Paused {
        since: row.get("since"),
        is_new: row.get("is_new"),
    })
}

/// Returns since when it rested; `None` if it did not.
pub async fn resume(client: &pg::Client, config: &Config, scope: &Scope) -> Result<Option<String>, UnknownScope> {
    let mut names = configured(config, scope);
    let sql = include_str!("../../sql/operate/paused.sql");
    for row in client.query(sql, &[&scope.kind()]).await? {
        // It may not be configured any more.
        let name: String = row.get("name");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    known(scope, names)?;
    let sql = include_str!("../../sql/operate/resume.sql");
    let row = client.query_opt(sql, &[&scope.kind(), &scope.name()]).await?;
    Ok(row.map(|row| row.get("since")))
}

fn configured(config: &Config, scope: &Scope) -> Vec<String> {
    match scope {
        Scope::Sync(_) => config.syncs.iter().map(|sync| sync.name.clone()).collect(),
        Scope::Sink(_) => config.sinks.iter().map(|sink| sink.name.clone()).collect(),
    }
}

fn known(scope: &Scope, names: Vec<String>) -> Result<(), UnknownScope> {
    if names.iter().any(|name| name == scope.name()) {
        return Ok(());
    }
    Err(UnknownScope::Unknown {
        kind: scope.kind(),
        name: scope.name().to_owned(),
        known: names,
    })
}
