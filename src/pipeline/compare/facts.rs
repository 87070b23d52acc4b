//! Route by route.

use std::time::Duration;

use serde::Serialize;

use super::sample::{Sample, Sampler};
use crate::config::{Config, Deletes, Sync};
use crate::pg;
use crate::pipeline::prepare::tables;
use crate::pipeline::setup::{Due, due};
use crate::pipeline::{Databases, Fingerprint, Meaning, Prepared};
use crate::publish::Sink;
use crate::queue::{self, Route, Walk};
use crate::record;

/// A request over a network, where none is on record.
const LATENCY_ASSUMED: Duration = Duration::from_millis(50);

/// A configuration against the one that runs.
#[derive(Debug, Serialize)]
pub struct Comparison {
    pub syncs: Vec<RouteComparison>,
    /// What runs and is no longer configured.
    pub unconfigured: Vec<Unconfigured>,
}

#[derive(Debug, Serialize)]
pub struct Unconfigured {
    pub sync: String,
    pub sink: String,
}

/// One sync into one sink.
#[derive(Debug, Serialize)]
pub struct RouteComparison {
    pub sync: String,
    pub sink: String,
    /// `new`, `nothing`, `re-map`, `re-build`, `other-key`.
    pub meaning: &'static str,
    /// The same for people, with the reasons.
    pub words: String,
    /// Where documents may differ.
    pub sample: Option<Sample>,
    /// Why there is no sample.
    pub error: Option<String>,
    pub cost: Option<Cost>,
}

/// What applying it causes, about.
#[derive(Debug, Serialize)]
pub struct Cost {
    pub requests: u64,
    /// Whether there was nothing to compare with, so that every subject counts.
    pub at_most: bool,
    pub seconds: f64,
    /// Requests at the same time.
    pub concurrency: usize,
    pub latency_seconds: f64,
    /// Whether the latency is that of deliveries on record, and not a guess.
    pub latency_measured: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("the database does not answer: {}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error("there is no state yet: walsift has not run with this configuration")]
    NoState,
}

impl Comparison {
    /// Whether going over to the configuration does nothing at all.
    pub fn is_nothing(&self) -> bool {
        self.unconfigured.is_empty() && self.syncs.iter().all(|route| route.meaning == NOTHING)
    }
}

/// Compares `only` one sync, or all of them, by `size` subjects each.
pub async fn compare(
    config: &Config,
    prepared: &Prepared,
    databases: &Databases,
    only: Option<&str>,
    size: usize,
) -> Result<Comparison, CompareError> {
    let state = databases.state.get().await?;
    let no_state = |error: pg::Error| match pg::disposition(&error) {
        pg::Disposition::Statement => CompareError::NoState,
        _ => error.into(),
    };
    let routes = queue::routes(&**state).await.map_err(no_state)?;
    let running = queue::read_running(&**state).await?;
    let progress = queue::read_progress(&**state, &config.source.slot).await?;
    let mapped = progress.map(|(_, mapped)| mapped).unwrap_or_default();
    let is_wanted = |sync: &str| only.is_none_or(|only| only == sync);
    let mut syncs = Vec::new();
    for (sync, plan) in config.syncs.iter().zip(prepared.plans.iter()) {
        if !is_wanted(&sync.name) {
            continue;
        }
        let mut sampler = Sampler::new(sync, plan, &prepared.catalog, size);
        for sink in &sync.sinks {
            let before = routes
                .iter()
                .find(|route| route.sync == sync.name && route.sink == *sink);
            let fingerprint = Fingerprint::of(plan, sync, tables(config, &prepared.catalog));
            let meaning = before.map_or(Meaning::New, |route| {
                fingerprint.compare(&route.fingerprint, mapped.contains(&route.id))
            });
            let mut route = RouteComparison {
                sync: sync.name.clone(),
                sink: sink.clone(),
                meaning: name(&meaning),
                words: meaning.words(),
                sample: None,
                error: None,
                cost: None,
            };
            if !matches!(meaning, Meaning::Nothing | Meaning::OtherKey) {
                let runs = before.and_then(|route| running.get(&route.id));
                let due = due(sync, &meaning);
                let latency = match before {
                    Some(route) => record::latency(&**state, route.id).await?,
                    None => None,
                };
                let shared = prepared.sinks.get(sink);
                match sampler.take(&databases.source, runs).await? {
                    Ok(sample) => {
                        let requests = requests(sync, due, &sample);
                        route.cost = shared.map(|sink| cost(requests, false, sink, latency));
                        route.sample = Some(sample);
                    }
                    Err(error) => {
                        let all = prepared.catalog.find(&sync.root.table);
                        let all = all.map(|table| prepared.catalog.rows(table)).unwrap_or_default();
                        #[expect(
                            clippy::cast_possible_truncation,
                            clippy::cast_sign_loss,
                            reason = "an estimate of a count"
                        )]
                        let requests = all.round() as u64;
                        let known = requests > 0 && due.is_some();
                        route.cost = shared.filter(|_| known).map(|sink| cost(requests, true, sink, latency));
                        route.error = Some(error);
                    }
                }
            }
            syncs.push(route);
        }
    }
    let configured = |route: &Route| {
        let of_route = |sync: &Sync| sync.name == route.sync && sync.sinks.contains(&route.sink);
        config.syncs.iter().any(of_route)
    };
    let unconfigured = routes
        .into_iter()
        .filter(|route| {
            is_wanted(&route.sync)
                && !route.fingerprint.is_empty()
                && !configured(route)
                && !queue::is_beside(&route.sink)
        })
        .map(|route| Unconfigured {
            sync: route.sync,
            sink: route.sink,
        });
    Ok(Comparison {
        syncs,
        unconfigured: unconfigured.collect(),
    })
}

const NOTHING: &str = "nothing";

fn name(meaning: &Meaning) -> &'static str {
    match meaning {
        Meaning::New => "new",
        Meaning::Nothing => NOTHING,
        Meaning::ReMap(_) => "re-map",
        Meaning::ReBuild(_) => "re-build",
        Meaning::OtherKey => "other-key",
    }
}

/// Of the subjects that are visited those that come out otherwise.
fn requests(sync: &Sync, due: Option<Due>, sample: &Sample) -> u64 {
    let Some(due) = due else {
        return sample.extrapolated(0);
    };
    let mut sent = sample.changed;
    if due.walk == Walk::Source {
        sent += sample.new;
    }
    if (due.walk == Walk::Known || due.reconcile) && sync.deletes == Deletes::Publish {
        sent += sample.gone;
    }
    sample.extrapolated(sent)
}

fn cost(requests: u64, at_most: bool, sink: &Sink, latency: Option<Duration>) -> Cost {
    let each = latency.unwrap_or(if sink.is_remote() {
        LATENCY_ASSUMED
    } else {
        Duration::ZERO
    });
    let concurrency = sink.terms.concurrency;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let seconds = requests as f64 * each.as_secs_f64() / concurrency as f64;
    Cost {
        requests,
        at_most,
        seconds,
        concurrency,
        latency_seconds: each.as_secs_f64(),
        latency_measured: latency.is_some(),
    }
}
