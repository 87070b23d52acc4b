//! What these tests live in: a table of things, and a server that they are indexed in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::server::{Elastic, Index};
use crate::world::{DEADLINE, Engine, World, eventually};

/// What the index must hold.
pub const THINGS: &str = "select id::text, to_jsonb(t) from things t";

/// Two shards, and no field but these.
pub const MAPPING: &str = r#"{
    "settings": { "index": { "number_of_shards": 2, "gc_deletes": "600s" } },
    "mappings": {
        "dynamic": "strict",
        "properties": { "id": { "type": "long" }, "name": { "type": "text" }, "amount": { "type": "long" } }
    }
}"#;

/// Jobs that die at the fourth failure, and a breaker that opens before that and looks often.
pub const SHORT_LIVED: &str = "
    retry   = { attempts = 4, base = '10ms', max = '20ms' }
    breaker = { failures = 2, cooldown = '100ms' }";

pub struct Search {
    pub world: World,
    pub elastic: Elastic,
}

impl Search {
    /// With so many things, whose amounts are text in the table.
    pub async fn with(things: u32) -> Self {
        Self::at(Elastic::new().await, things).await
    }

    pub async fn at(elastic: Elastic, things: u32) -> Self {
        let world = World::new().await;
        world
            .sql("create table things (id int primary key, name text, amount text)")
            .await;
        world
            .sql(&format!(
                "insert into things select n, 'thing ' || n, n::text from generate_series(1, {things}) n"
            ))
            .await;
        Self { world, elastic }
    }

    /// The things to the index `things`, with these further keys of the sink.
    pub fn config(&self, sink: &str) -> PathBuf {
        self.config_of("[syncs.things]\ntable = 'things'\nsink = 'search'", sink)
    }

    /// As [`Search::config`], with a mapping that the index is made from.
    pub fn config_with_mapping(&self, sink: &str) -> PathBuf {
        let mapping = self.file("things.json", MAPPING);
        self.config(&format!("mapping = '{}'\n{sink}", mapping.display()))
    }

    pub fn config_of(&self, syncs: &str, sink: &str) -> PathBuf {
        let url = self.elastic.url();
        let retry = if sink.contains("retry") {
            ""
        } else {
            "retry = { base = '10ms', max = '50ms' }"
        };
        self.world.config(&format!(
            "{syncs}\n[sinks.search]\ntype = 'elasticsearch'\nurl = '{url}'\nindex = 'things'\n{retry}\n{sink}"
        ))
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.world.folder().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Id → document.
    pub fn held(&self, index: &str) -> BTreeMap<String, Value> {
        self.elastic.look(|cluster, _| {
            let documents = cluster.index(index).into_iter().flat_map(Index::documents);
            let mut held = BTreeMap::new();
            for (id, document) in documents {
                let before = held.insert(id.to_owned(), serde_json::from_str(&document.source).unwrap());
                assert_eq!(before, None, "{id} is in two shards");
            }
            held
        })
    }

    /// Panics unless the index holds what the statement yields, and no document ever went back in its version.
    pub async fn assert_holds(&self, index: &str, sync_sql: &str) {
        if let Some(divergence) = self.world.divergence_of(sync_sql, &self.held(index)).await {
            panic!("the index does not hold what the database yields\n{divergence}");
        }
        self.elastic.look(|_, journal| assert_eq!(journal.went_back(), [""; 0]));
    }

    /// Waits until all is done, and looks.
    pub async fn converges(&self) {
        self.world.settled().await;
        self.assert_holds("things", THINGS).await;
    }

    /// Starts an engine and waits until the index holds what there is.
    pub async fn synced(&self, config: &Path) -> Engine {
        let engine = self.world.engine(config);
        self.converges().await;
        engine
    }

    /// Key, state and the last attempt's class and certainty of each job that was given up.
    pub async fn given_up(&self) -> Vec<String> {
        let rows = self
            .world
            .query(
                "select concat_ws(' ', j.key, j.state, a.class, case when a.certain then 'certain' else 'uncertain' end)
                   from walsift.finished_job j
                   join lateral (select * from walsift.attempt where job = j.id order by number desc limit 1) a on true
                  where j.state in ('failed', 'dead')
                  order by j.key",
                &[],
            )
            .await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Why the last try of this job failed.
    pub async fn reason(&self, key: &str) -> String {
        let row = self
            .world
            .query_one(
                "select a.message from walsift.every_job j join walsift.attempt a on a.job = j.id
                  where j.key = $1 and a.message is not null order by a.job desc, a.number desc limit 1",
                &[&key],
            )
            .await;
        row.get(0)
    }

    /// How often the changed documents were changed; all of them alike.
    pub fn changed_once(&self, documents: usize) {
        self.elastic.look(|_, journal| {
            let changes = journal.changes();
            assert_eq!(changes.len(), documents);
            assert!(changes.values().all(|&times| times == 1), "{changes:?}");
        });
    }
}

/// Waits until the breaker of the sink is open (1) or closed (0).
pub async fn open_is(engine: &Engine, wanted: u64) {
    let what = format!("walsift_sink_open {wanted}");
    eventually(DEADLINE, &what, async || {
        let open = engine.metric("walsift_sink_open", &[("sink", "search")]).await;
        (open == wanted).then_some(())
    })
    .await;
}
