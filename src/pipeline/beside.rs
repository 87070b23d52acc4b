//! The sinks that are filled beside those of the configuration, as long as their rebuilds stand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::gauge;

use super::shared_sink::SharedSink;
use crate::config::{Config, Sync};
use crate::metrics as names;
use crate::publish::Sink;
use crate::queue::Rebuild;

/// They outlive a generation, so that none forgets how its sink was.
#[derive(Debug, Default)]
pub(super) struct Beside {
    // Held for a look or a change only.
    sinks: Mutex<BTreeMap<i32, (Rebuild, Arc<SharedSink>)>>,
}

impl Beside {
    /// Those of rebuilds that this configuration knows the sync and the sink of; the sinks of others are forgotten.
    pub fn of(
        &self,
        rebuilds: Vec<Rebuild>,
        config: &Config,
        shared: &BTreeMap<String, Arc<SharedSink>>,
    ) -> Vec<(Rebuild, Arc<SharedSink>)> {
        let mut sinks = self.sinks.lock().expect("no holder panics");
        let gone = |id: &i32| !rebuilds.iter().any(|rebuild| rebuild.id == *id);
        for (_, (rebuild, _)) in sinks.extract_if(.., |id, _| gone(id)) {
            show_nothing(&rebuild);
        }
        let mut found = Vec::new();
        for rebuild in rebuilds {
            let known = sinks.get(&rebuild.id).map(|(_, sink)| sink.clone());
            if let Some(sink) = known.or_else(|| make(&rebuild, config, shared)) {
                sinks.insert(rebuild.id, (rebuild.clone(), sink.clone()));
                found.push((rebuild, sink));
            }
        }
        found
    }
}

fn make(rebuild: &Rebuild, config: &Config, shared: &BTreeMap<String, Arc<SharedSink>>) -> Option<Arc<SharedSink>> {
    let of_sync = |sync: &&Sync| sync.name == rebuild.sync && sync.sinks.contains(&rebuild.sink);
    config.syncs.iter().find(of_sync)?;
    let sink = config.sinks.iter().find(|sink| sink.name == rebuild.sink)?;
    let made = sink
        .with_target(&rebuild.label(), &rebuild.target)
        .map_err(|error| error.to_string())
        .and_then(|sink| Sink::build(&sink).map_err(|error| error.to_string()));
    match made {
        Ok(made) => Some(Arc::new(shared.get(&rebuild.sink)?.beside(&rebuild.label(), made))),
        Err(error) => {
            let (sync, target) = (&rebuild.sync, &rebuild.target);
            tracing::error!(sync, target, error, "a rebuild cannot go on with this configuration");
            None
        }
    }
}

/// Gauges keep what they were told last.
fn show_nothing(rebuild: &Rebuild) {
    let (sync, sink) = (&rebuild.sync, rebuild.label());
    gauge!(names::SINK_OPEN, "sink" => sink.clone()).set(0.0);
    for state in ["pending", "running", "failed", "dead"] {
        gauge!(names::JOBS, "sync" => sync.clone(), "sink" => sink.clone(), "state" => state).set(0.0);
    }
    gauge!(names::OLDEST_JOB, "sync" => sync.clone(), "sink" => sink).set(0.0);
}
