//! Route by route.

use std::time::Duration;

use serde::Serialize;

use super::sample::{Sample, Sampler};
use crate::config::{Config, Deletes, Initial, Sync};
use crate::pg;
use crate::pipeline::{Databases, Prepared, setup};
use crate::plan::SyncPlan;
use crate::publish::Sink;
use crate::queue::{self, RunningRoute};
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
    pub meaning: Meaning,
    /// Where documents may differ.
    pub sample: Option<Sample>,
    /// Why there is no sample.
    pub error: Option<String>,
    pub cost: Option<Cost>,
}

/// What going over to the configuration means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// It has never worked.
    New,
    Nothing,
    /// Every subject is built again, and sent where it differs.
    ReBuild,
    /// Its subjects have other names: it cannot go on.
    OtherKey,
}

/// What applying it causes, about.
#[derive(Debug, Serialize)]
pub struct Cost {
    pub requests: u64,
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
        self.unconfigured.is_empty() && self.syncs.iter().all(|route| route.meaning == Meaning::Nothing)
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
    let running = queue::read_running(&**state).await.map_err(|error| {
        if pg::disposition(&error) == pg::Disposition::Statement {
            CompareError::NoState
        } else {
            error.into()
        }
    })?;
    let is_wanted = |sync: &str| only.is_none_or(|only| only == sync);
    let mut syncs = Vec::new();
    for (sync, plan) in config.syncs.iter().zip(prepared.plans.iter()) {
        if !is_wanted(&sync.name) {
            continue;
        }
        let mut sampler = Sampler::new(sync, plan, &prepared.catalog, size);
        for sink in &sync.sinks {
            let before = running
                .iter()
                .find(|route| route.sync == sync.name && route.sink == *sink);
            let meaning = meaning(before, plan);
            let mut route = RouteComparison {
                sync: sync.name.clone(),
                sink: sink.clone(),
                meaning,
                sample: None,
                error: None,
                cost: None,
            };
            if matches!(meaning, Meaning::New | Meaning::ReBuild) {
                let before_sql = before.and_then(|route| route.running.as_ref());
                match sampler.take(&databases.source, before_sql).await? {
                    Ok(sample) => {
                        let latency = match before {
                            Some(route) => record::latency(&**state, route.id).await?,
                            None => None,
                        };
                        route.cost = prepared
                            .sinks
                            .get(sink)
                            .map(|sink| cost(sync, meaning, &sample, sink, latency));
                        route.sample = Some(sample);
                    }
                    Err(error) => route.error = Some(error),
                }
            }
            syncs.push(route);
        }
    }
    let configured = |route: &RunningRoute| {
        let of_route = |sync: &Sync| sync.name == route.sync && sync.sinks.contains(&route.sink);
        config.syncs.iter().any(of_route)
    };
    let unconfigured = running
        .into_iter()
        .filter(|route| is_wanted(&route.sync) && !route.fingerprint.is_empty() && !configured(route))
        .map(|route| Unconfigured {
            sync: route.sync,
            sink: route.sink,
        });
    Ok(Comparison {
        syncs,
        unconfigured: unconfigured.collect(),
    })
}

fn meaning(before: Option<&RunningRoute>, plan: &SyncPlan) -> Meaning {
    let stored = before.map_or("", |route| &route.fingerprint);
    let own = setup::fingerprint(plan);
    let key = |fingerprint: &str| fingerprint.split('/').next().map(str::to_owned);
    if stored.is_empty() {
        Meaning::New
    } else if stored == own {
        Meaning::Nothing
    } else if key(stored) == key(&own) {
        Meaning::ReBuild
    } else {
        Meaning::OtherKey
    }
}

fn cost(sync: &Sync, meaning: Meaning, sample: &Sample, sink: &Sink, latency: Option<Duration>) -> Cost {
    let visited = !(meaning == Meaning::New && sync.initial == Initial::None);
    let mut sent = sample.changed + sample.new;
    if sync.deletes == Deletes::Publish {
        sent += sample.gone;
    }
    let requests = if visited { sample.extrapolated(sent) } else { 0 };
    let each = latency.unwrap_or(match sink {
        Sink::Http(_) => LATENCY_ASSUMED,
        Sink::Stdout(_) => Duration::ZERO,
    });
    let concurrency = sink.concurrency();
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let seconds = requests as f64 * each.as_secs_f64() / concurrency as f64;
    Cost {
        requests,
        seconds,
        concurrency,
        latency_seconds: each.as_secs_f64(),
        latency_measured: latency.is_some(),
    }
}
