//! One index: its documents, their versions, and what it remembers of those that were deleted.
//!
//! `server/src/main/java/org/elasticsearch/index/VersionType.java`, `EXTERNAL`: a write whose version is not higher than that of the
//! document, or of its tombstone, is a conflict. `org.elasticsearch.index.engine.InternalEngine`, `LiveVersionMap`: a delete leaves a
//! tombstone, also where there was nothing, which is forgotten after `index.gc_deletes`. The same as tests:
//! `rest-api-spec/test/index/35_external_version.yml`, `rest-api-spec/test/delete/25_external_version.yml`.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cluster::Product;
use super::fault::Fault;
use super::mapping::Mapping;

const GC_DELETES: Duration = Duration::from_mins(1);

/// Why nothing is written to an index at present.
///
/// `org.elasticsearch.cluster.metadata.IndexMetadata`, `INDEX_READ_ONLY_ALLOW_DELETE_BLOCK` and `INDEX_WRITE_BLOCK`;
/// `org.elasticsearch.cluster.block.ClusterBlockException`.
#[derive(Debug, Clone, Copy)]
pub enum Block {
    /// The disk is full.
    FloodStage,
    /// `index.blocks.write`
    Write,
    /// `POST /{index}/_close`
    Closed,
}

#[derive(Debug)]
pub struct Index {
    pub name: String,
    pub block: Option<Block>,
    uuid: String,
    mapping: Mapping,
    needs_routing: bool,
    gc_deletes: Duration,
    shards: Vec<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    documents: BTreeMap<String, Document>,
    tombstones: HashMap<String, (i64, Instant)>,
    sequence: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub version: i64,
    pub source: String,
    pub routing: Option<String>,
}

/// One write with an external version.
#[derive(Debug)]
pub struct Write {
    pub id: String,
    pub routing: Option<String>,
    pub version: i64,
    /// `None` is a delete.
    pub source: Option<String>,
}

/// A write that was taken.
#[derive(Debug)]
pub struct Done {
    pub status: u16,
    pub result: &'static str,
    pub sequence: u64,
}

impl Index {
    /// As nobody has said how it should be.
    pub fn dynamic(product: Product, name: &str) -> Self {
        Self::with(name, Mapping::dynamic(product), &Value::Null, false)
    }

    /// From the body of the request that makes it.
    pub fn parse(product: Product, name: &str, body: &Value) -> Result<Self, Fault> {
        let unknown = body.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        if let Some(key) = unknown
            .filter(|key| !["settings", "mappings", "aliases"].contains(key))
            .min()
        {
            let reason = format!("unknown key [{key}] for create index");
            return Err(Fault::new(400, "parse_exception", reason));
        }
        let null = Value::Null;
        let mapping = Mapping::parse(product, body.get("mappings").unwrap_or(&null))?;
        let needs_routing = body.pointer("/mappings/_routing/required") == Some(&Value::Bool(true));
        let settings = body.get("settings").unwrap_or(&null);
        Ok(Self::with(name, mapping, settings, needs_routing))
    }

    fn with(name: &str, mapping: Mapping, settings: &Value, needs_routing: bool) -> Self {
        let setting = |key: &str| {
            settings
                .get("index")
                .and_then(|index| index.get(key))
                .or_else(|| settings.get(key))
        };
        let count = setting("number_of_shards").and_then(Value::as_u64).unwrap_or(1);
        let seconds = setting("gc_deletes").and_then(Value::as_str);
        let seconds = seconds.and_then(|text| text.strip_suffix('s')?.parse().ok());
        Self {
            name: name.to_owned(),
            block: None,
            uuid: format!("{:022x}", fastrand::u64(..)),
            mapping,
            needs_routing,
            gc_deletes: seconds.map_or(GC_DELETES, Duration::from_secs),
            shards: (0..count).map(|_| Shard::default()).collect(),
        }
    }

    /// Those of all shards; one that was written with several routings is here several times.
    pub fn documents(&self) -> impl Iterator<Item = (&str, &Document)> {
        let documents = self.shards.iter().flat_map(|shard| &shard.documents);
        documents.map(|(id, document)| (id.as_str(), document))
    }

    /// What a get finds, which looks in one shard only.
    pub fn get(&self, id: &str, routing: Option<&str>) -> Result<Option<&Document>, Fault> {
        if self.needs_routing && routing.is_none() {
            let reason = format!("routing is required for [{}]/[{id}]", self.name);
            return Err(Fault::new(400, "routing_missing_exception", reason).of_index(&self.name, &self.uuid));
        }
        let shard = &self.shards[shard_of(routing.unwrap_or(id), self.shards.len())];
        Ok(shard.documents.get(id))
    }

    /// Changes what is there as nobody would who keeps to versions, in all shards; `None` takes it away.
    pub fn tamper(&mut self, id: &str, source: Option<&Value>) {
        for shard in &mut self.shards {
            match source {
                None => drop(shard.documents.remove(id)),
                Some(source) => {
                    if let Some(document) = shard.documents.get_mut(id) {
                        document.source = source.to_string();
                    }
                }
            }
        }
    }

    /// Adds a document that nobody has sent.
    pub fn plant(&mut self, id: &str, source: &Value) {
        let shard = shard_of(id, self.shards.len());
        let document = Document {
            version: 1,
            source: source.to_string(),
            routing: None,
        };
        self.shards[shard].documents.insert(id.to_owned(), document);
    }

    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// As if the time of `index.gc_deletes` were up.
    pub fn forget_deletes(&mut self) {
        self.shards.iter_mut().for_each(|shard| shard.tombstones.clear());
    }

    pub fn write(&mut self, write: &Write) -> Result<Done, Fault> {
        self.admit(write)?;
        // Before the versions are compared: `org.elasticsearch.index.shard.IndexShard.applyIndexOperation`.
        if let Some(source) = &write.source {
            self.mapping.take(&write.id, source)?;
        }
        let shard = shard_of(write.routing.as_ref().unwrap_or(&write.id), self.shards.len());
        self.check_version(&self.shards[shard], write)?;
        Ok(self.shards[shard].apply(write))
    }

    fn admit(&self, write: &Write) -> Result<(), Fault> {
        let name = &self.name;
        let fault = match self.block {
            Some(Block::FloodStage) => Fault::new(
                429,
                "cluster_block_exception",
                format!(
                    "index [{name}] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has \
                     read-only-allow-delete block];"
                ),
            ),
            Some(Block::Write) => Fault::new(
                403,
                "cluster_block_exception",
                format!("index [{name}] blocked by: [FORBIDDEN/8/index write (api)];"),
            ),
            Some(Block::Closed) => Fault::new(400, "index_closed_exception", "closed"),
            None if self.needs_routing && write.routing.is_none() => Fault::new(
                400,
                "routing_missing_exception",
                format!("routing is required for [{name}]/[{}]", write.id),
            ),
            None => return Ok(()),
        };
        Err(fault.of_index(name, &self.uuid))
    }

    fn check_version(&self, shard: &Shard, write: &Write) -> Result<(), Fault> {
        let (id, version) = (&write.id, write.version);
        let current = match (shard.documents.get(id), shard.tombstones.get(id)) {
            (Some(document), _) => document.version,
            (None, Some((version, since))) if since.elapsed() < self.gc_deletes => *version,
            (None, _) => return Ok(()),
        };
        if version > current {
            return Ok(());
        }
        let reason = format!(
            "[{id}]: version conflict, current version [{current}] is higher or equal to the one provided [{version}]"
        );
        let fault = Fault::new(409, "version_conflict_engine_exception", reason);
        Err(fault.of_index(&self.name, &self.uuid))
    }

    pub fn shown(&self, id: &str) -> Option<Value> {
        let (_, document) = self.documents().find(|(other, _)| *other == id)?;
        let source: Value = serde_json::from_str(&document.source).ok()?;
        Some(json!({ "_index": self.name, "_id": id, "_version": document.version, "found": true, "_source": source }))
    }
}

impl Shard {
    fn apply(&mut self, write: &Write) -> Done {
        let sequence = self.sequence;
        self.sequence += 1;
        let (id, version) = (write.id.clone(), write.version);
        let (status, result) = if let Some(source) = &write.source {
            let document = Document {
                version,
                source: source.clone(),
                routing: write.routing.clone(),
            };
            self.tombstones.remove(&id);
            match self.documents.insert(id, document) {
                Some(_) => (200, "updated"),
                None => (201, "created"),
            }
        } else {
            self.tombstones.insert(id.clone(), (version, Instant::now()));
            match self.documents.remove(&id) {
                Some(_) => (200, "deleted"),
                None => (404, "not_found"),
            }
        };
        Done {
            status,
            result,
            sequence,
        }
    }
}

/// <https://www.elastic.co/docs/reference/elasticsearch/mapping-reference/mapping-routing-field>: by the routing value, which is the id
/// where none is given. The hash is another one.
fn shard_of(routing: &str, shards: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    routing.hash(&mut hasher);
    usize::try_from(hasher.finish() % shards as u64).expect("below the number of shards")
}
