//! `walsift audit`: planted faults are found, named and repaired, and nothing else is.

mod busy;
mod http;
mod keys;
mod running;
mod search;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::world::World;

/// A document of `walsift audit --json`.
pub struct Said {
    pub code: Option<i32>,
    pub document: Value,
}

/// Audits a sync with these further arguments.
pub async fn audit(world: &World, config: &Path, sync: &str, arguments: &[&str]) -> Said {
    let (code, out, err) = raw(world, config, sync, &[&["--json"], arguments].concat()).await;
    let document = serde_json::from_str(&out).unwrap_or_else(|_| panic!("no JSON: {out}\n{err}"));
    Said { code, document }
}

/// Status, standard output and standard error.
pub async fn raw(world: &World, config: &Path, sync: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let start = ["audit", sync, "--config", config.to_str().unwrap()];
    let output = world.walsift(&[&start[..], arguments].concat()).await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

impl Said {
    /// Of the first sink.
    pub fn count(&self, name: &str) -> u64 {
        self.document["sinks"][0][name].as_u64().unwrap()
    }

    /// Of the first sink: kind → keys, sorted.
    pub fn faults(&self) -> BTreeMap<&str, Vec<&str>> {
        let faults = self.document["sinks"][0]["faults"].as_object().unwrap();
        let faults = faults.iter().map(|(kind, faults)| {
            let samples = faults["samples"].as_array().unwrap();
            assert_eq!(faults["count"], samples.len(), "{faults}");
            let mut keys: Vec<&str> = samples.iter().map(|sample| sample["key"].as_str().unwrap()).collect();
            keys.sort_unstable();
            (kind.as_str(), keys)
        });
        faults.collect()
    }

    pub fn assert_clean(&self) {
        assert_eq!(
            (self.code, self.faults()),
            (Some(0), BTreeMap::new()),
            "{}",
            self.document
        );
        assert_eq!(self.document["verdict"], "clean");
    }
}

/// Has changes made that are never sent: so many jobs are canceled.
pub async fn missed(world: &World, config: &Path, sync: &str, statements: &str, jobs: usize) {
    let walsift = async |arguments: &[&str]| {
        let output = world
            .walsift(&[arguments, &["--config", config.to_str().unwrap()]].concat())
            .await;
        assert!(output.status.success(), "{output:?}");
    };
    walsift(&["pause", "--sync", sync]).await;
    world.sql(statements).await;
    world
        .wait_until_true(&format!("select count(*) = {jobs} from walsift.job"))
        .await;
    walsift(&["jobs", "cancel", "--sync", sync, "--yes"]).await;
    walsift(&["resume", "--sync", sync]).await;
}
