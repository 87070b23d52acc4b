//! Which jobs are meant.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio_postgres::types::ToSql;

use crate::mapping::SubjectKey;
use crate::pg;
use crate::queue::{self, Correlation, JobId};

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for its time, or for a worker.
    Pending,
    /// A worker has it in hand.
    Running,
    /// The sink holds what it should.
    Succeeded,
    /// Refused for good.
    Failed,
    /// Out of tries.
    Dead,
    /// Ended by a person.
    Canceled,
}

impl State {
    pub const ALL: [State; 6] = [
        State::Pending,
        State::Running,
        State::Succeeded,
        State::Failed,
        State::Dead,
        State::Canceled,
    ];

    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Running => "running",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Dead => "dead",
            State::Canceled => "canceled",
        }
    }

    pub fn is_active(self) -> bool {
        matches!(self, State::Pending | State::Running)
    }

    pub(super) fn from_stored(text: &str) -> Self {
        let known = State::ALL.into_iter().find(|state| state.as_str() == text);
        known.expect("the schema has no other states")
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A job by its number or by its correlation id, as it stands in requests and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    Id(JobId),
    Correlation(Correlation),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job's number is wanted, or its correlation id of 32 hex digits")]
pub struct NoReference;

impl FromStr for Reference {
    type Err = NoReference;

    fn from_str(text: &str) -> Result<Self, NoReference> {
        if let Ok(correlation) = text.parse() {
            return Ok(Reference::Correlation(correlation));
        }
        let id = text.parse().map_err(|_| NoReference)?;
        Ok(Reference::Id(JobId(id)))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Id(id) => write!(f, "{}", id.0),
            Reference::Correlation(correlation) => correlation.fmt(f),
        }
    }
}

/// The job's number, if it is on record. The same number with another time was another job.
pub async fn find(client: &pg::Client, reference: Reference) -> Result<Option<JobId>, pg::Error> {
    let (id, created_at) = match reference {
        Reference::Id(id) => (id, None),
        Reference::Correlation(correlation) => match correlation.created_at() {
            Some(created_at) => (correlation.job, Some(created_at)),
            None => return Ok(None),
        },
    };
    let sql = include_str!("../../sql/operate/find.sql");
    Ok(client.query_opt(sql, &[&id.0, &created_at]).await?.map(|_| id))
}

/// What jobs have in common; what is `None` or empty is no condition.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub sync: Option<String>,
    pub sink: Option<String>,
    pub states: Vec<State>,
    /// Whether something newer has closed them.
    pub superseded: Option<bool>,
    /// As it is stored; see [`stored_key`].
    pub key: Option<String>,
    /// Of the last try's error.
    pub class: Option<String>,
    /// Since the job came to its end or, while it is active, since it was made.
    pub older_than: Option<Duration>,
    pub younger_than: Option<Duration>,
}

/// Nothing was ever delivered for this sync and sink.
#[derive(Debug, thiserror::Error)]
pub enum NoSuchRoute {
    #[error("there is nothing of {wanted}; there is: {there}")]
    Unknown { wanted: String, there: String },
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

/// A filter as the statements take it.
#[derive(Debug, Clone)]
pub struct Selection {
    routes: Vec<i16>,
    states: Option<Vec<&'static str>>,
    active: Option<bool>,
    superseded: Option<bool>,
    key: Option<String>,
    class: Option<String>,
    older_seconds: Option<f64>,
    younger_seconds: Option<f64>,
}

/// Looks up the routes that a filter names.
pub async fn select(client: &pg::Client, filter: &Filter) -> Result<Selection, NoSuchRoute> {
    let routes = queue::routes(&***client).await?;
    let is_wanted = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let wanted = routes
        .iter()
        .filter(|route| is_wanted(&filter.sync, &route.sync) && is_wanted(&filter.sink, &route.sink));
    let wanted: Vec<i16> = wanted.map(|route| route.id.0).collect();
    if wanted.is_empty() && (filter.sync.is_some() || filter.sink.is_some()) {
        let there: Vec<String> = routes
            .iter()
            .map(|route| format!("{} → {}", route.sync, route.sink))
            .collect();
        let part = |name: &Option<String>| name.clone().unwrap_or_else(|| "any".to_owned());
        return Err(NoSuchRoute::Unknown {
            wanted: format!("{} → {}", part(&filter.sync), part(&filter.sink)),
            there: there.join(", "),
        });
    }
    let states = &filter.states;
    let is_one_kind = states.iter().all(|state| state.is_active() == states[0].is_active());
    Ok(Selection {
        routes: wanted,
        states: (!states.is_empty()).then(|| states.iter().map(|state| state.as_str()).collect()),
        active: states.first().filter(|_| is_one_kind).map(|state| state.is_active()),
        superseded: filter.superseded,
        key: filter.key.clone(),
        class: filter.class.clone(),
        older_seconds: filter.older_than.map(|age| age.as_secs_f64()),
        younger_seconds: filter.younger_than.map(|age| age.as_secs_f64()),
    })
}

impl Selection {
    /// The parameters from `$1` to `$8`.
    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.routes,
            &self.states,
            &self.active,
            &self.superseded,
            &self.key,
            &self.class,
            &self.older_seconds,
            &self.younger_seconds,
        ]
    }
}

/// A key as it stands in jobs, from that or from its JSON form. Values of an array must be as Postgres writes them: of jobs alone
/// nobody knows their types.
pub fn stored_key(text: &str) -> String {
    let values = match serde_json::from_str(text) {
        Ok(Value::Array(values)) if !values.is_empty() => values,
        _ => return text.to_owned(),
    };
    let texts: Vec<String> = values
        .into_iter()
        .map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        })
        .collect();
    SubjectKey::new(texts.iter().map(String::as_str)).as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_named_by_number_or_correlation_id() {
        assert_eq!("17".parse(), Ok(Reference::Id(JobId(17))));
        let text = "0006608b016112400000000000001267";
        let reference: Reference = text.parse().unwrap();
        assert!(matches!(reference, Reference::Correlation(correlation) if correlation.job == JobId(4711)));
        assert_eq!(reference.to_string(), text);
        // Digits alone are many enough for either.
        assert!(matches!(
            "00000000000000010000000000000001".parse(),
            Ok(Reference::Correlation(_))
        ));
        for text in ["", "x", "1.5", "0x1"] {
            assert_eq!(text.parse::<Reference>(), Err(NoReference), "{text}");
        }
    }

    #[test]
    fn keys_are_taken_as_they_are_stored_or_as_json() {
        let cases = [
            ("42", "42"),
            ("[42]", "42"),
            ("[\"a:b\",7]", "a\\:b:7"),
            ("de:7", "de:7"),
            ("[", "["),
            ("[]", "[]"),
        ];
        for (text, stored) in cases {
            assert_eq!(stored_key(text), stored);
        }
    }
}
