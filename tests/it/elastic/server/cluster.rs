//! What there is: indexes, aliases, data streams, pipelines; and which index a name means.
//!
//! `org.elasticsearch.action.bulk.TransportBulkAction` and `BulkOperation`: a write with an external version, deletes too, makes a
//! missing index unless `action.auto_create_index` forbids it. `org.elasticsearch.cluster.metadata.IndexNameExpressionResolver`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::index::{Done, Index, Write};

/// They differ in a few types and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    Elasticsearch,
    OpenSearch,
}

#[derive(Debug)]
pub struct Cluster {
    pub product: Product,
    /// `action.auto_create_index`
    pub auto_create: bool,
    pub pipelines: BTreeSet<String>,
    pub data_streams: BTreeSet<String>,
    indexes: BTreeMap<String, Index>,
    aliases: BTreeMap<String, Alias>,
}

#[derive(Debug, Clone, Default)]
struct Alias {
    indexes: BTreeSet<String>,
    /// Which of them says of itself that it is written to.
    write: Option<String>,
}

impl Alias {
    /// The one that says so, or else the only one.
    fn target(&self) -> Option<&String> {
        let only = self.indexes.first().filter(|_| self.indexes.len() == 1);
        self.write.as_ref().or(only)
    }
}

impl Cluster {
    pub fn new(product: Product) -> Self {
        Self {
            product,
            auto_create: true,
            pipelines: BTreeSet::new(),
            data_streams: BTreeSet::new(),
            indexes: BTreeMap::new(),
            aliases: BTreeMap::new(),
        }
    }

    /// `PUT /{index}`; makes the aliases of its body as well.
    pub fn create(&mut self, name: &str, body: &Value) -> Result<(), Fault> {
        check_name(name)?;
        if let Some(index) = self.indexes.get(name) {
            let uuid = "0000000000000000000000";
            let reason = format!("index [{}/{uuid}] already exists", index.name);
            return Err(Fault::new(400, "resource_already_exists_exception", reason).of_index(name, uuid));
        }
        if self.aliases.contains_key(name) {
            let reason = format!("Invalid index name [{name}], already exists as alias");
            return Err(Fault::new(400, "invalid_index_name_exception", reason));
        }
        let index = Index::parse(self.product, name, body)?;
        self.indexes.insert(name.to_owned(), index);
        for (alias, told) in body.get("aliases").and_then(Value::as_object).into_iter().flatten() {
            let writes = told.get("is_write_index").and_then(Value::as_bool);
            self.alias(alias, name, writes.unwrap_or(false));
        }
        Ok(())
    }

    pub fn alias(&mut self, alias: &str, index: &str, writes: bool) {
        let alias = self.aliases.entry(alias.to_owned()).or_default();
        alias.indexes.insert(index.to_owned());
        if writes {
            alias.write = Some(index.to_owned());
        }
    }

    /// `GET /{name}`, as far as it is asked for: an index, or those behind an alias.
    pub fn about(&self, name: &str) -> Option<Value> {
        let names: Vec<&String> = match self.aliases.get(name) {
            Some(alias) => alias.indexes.iter().collect(),
            None => vec![&self.indexes.get(name)?.name],
        };
        let about = names.into_iter().map(|name| {
            let aliases = self.aliases.iter().filter(|(_, alias)| alias.indexes.contains(name));
            let aliases = aliases.map(|(alias, of)| {
                let writes = of.write.as_ref() == Some(name);
                let about = if writes {
                    json!({ "is_write_index": true })
                } else {
                    json!({})
                };
                (alias.clone(), about)
            });
            let aliases: Map<String, Value> = aliases.collect();
            let uuid = self.indexes[name].uuid();
            (
                name.clone(),
                json!({ "aliases": aliases, "settings": { "index": { "uuid": uuid } } }),
            )
        });
        Some(Value::Object(about.collect()))
    }

    /// `POST /_aliases`: all of the actions or none of them.
    ///
    /// `org.elasticsearch.cluster.metadata.MetadataIndexAliasesService.applyAliasActions`: one new state of the cluster from all actions.
    pub fn update_aliases(&mut self, body: &Value) -> Result<(), Fault> {
        let mut aliases = self.aliases.clone();
        for action in body["actions"].as_array().into_iter().flatten() {
            let (kind, told) = action.as_object().and_then(|it| it.iter().next()).expect("an action");
            let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
            let (index, alias) = (text("index"), text("alias"));
            if !self.indexes.contains_key(&index) {
                let reason = format!("no such index [{index}]");
                return Err(Fault::new(404, "index_not_found_exception", reason).of_index(&index, "_na_"));
            }
            if self.indexes.contains_key(&alias) {
                let reason = format!(
                    "Invalid alias name [{alias}]: an index or data stream exists with the same name as the alias"
                );
                return Err(Fault::new(400, "invalid_alias_name_exception", reason));
            }
            match kind.as_str() {
                "add" => {
                    let known = aliases.entry(alias.clone()).or_default();
                    known.indexes.insert(index.clone());
                    if told["is_write_index"] == true
                        && known.write.replace(index.clone()).is_some_and(|it| it != index)
                    {
                        let reason = format!("alias [{alias}] has more than one write index");
                        return Err(Fault::new(500, "illegal_state_exception", reason));
                    }
                }
                "remove" => {
                    let known = aliases.get_mut(&alias);
                    let Some(known) = known.and_then(|known| known.indexes.remove(&index).then_some(known)) else {
                        let reason = format!("aliases [{alias}] missing");
                        return Err(Fault::new(404, "aliases_not_found_exception", reason));
                    };
                    known.write.take_if(|write| *write == index);
                }
                other => panic!("not played: {other}"),
            }
        }
        aliases.retain(|_, alias| !alias.indexes.is_empty());
        self.aliases = aliases;
        Ok(())
    }

    /// Takes an index away, with all that it remembers.
    pub fn delete(&mut self, name: &str) {
        self.indexes.remove(name);
        self.aliases.retain(|_, alias| {
            alias.indexes.remove(name);
            alias.write.take_if(|index| index == name);
            !alias.indexes.is_empty()
        });
    }

    pub fn exists(&self, name: &str) -> bool {
        self.indexes.contains_key(name) || self.aliases.contains_key(name) || self.data_streams.contains(name)
    }

    /// Those that are read by this name.
    pub fn behind(&self, name: &str) -> Vec<&Index> {
        match self.aliases.get(name) {
            Some(alias) => alias
                .indexes
                .iter()
                .filter_map(|index| self.indexes.get(index))
                .collect(),
            None => self.indexes.get(name).into_iter().collect(),
        }
    }

    /// By its own name.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.get(name)
    }

    pub fn index_mut(&mut self, name: &str) -> Option<&mut Index> {
        self.indexes.get_mut(name)
    }

    /// One write to an index, an alias, or what is made by it; with the name of the index.
    pub fn write(&mut self, name: &str, pipeline: Option<&str>, write: &Write) -> (String, Result<Done, Fault>) {
        let lost = pipeline.filter(|pipeline| write.source.is_some() && !self.pipelines.contains(*pipeline));
        if let Some(pipeline) = lost {
            let fault = Fault::illegal_argument(format!("pipeline with id [{pipeline}] does not exist"));
            return (name.to_owned(), Err(fault));
        }
        let concrete = match self.resolve(name) {
            Ok(concrete) => concrete,
            Err(fault) => return (name.to_owned(), Err(fault)),
        };
        let product = self.product;
        let index = self.indexes.entry(concrete.clone());
        let index = index.or_insert_with(|| Index::dynamic(product, &concrete));
        let done = index.write(write);
        (concrete, done)
    }

    fn resolve(&self, name: &str) -> Result<String, Fault> {
        if self.data_streams.contains(name) {
            let reason = "only write ops with an op_type of create are allowed in data streams";
            return Err(Fault::illegal_argument(reason));
        }
        match self.aliases.get(name) {
            Some(alias) => alias.target().cloned().ok_or_else(|| {
                Fault::illegal_argument(format!(
                    "no write index is defined for alias [{name}]. The write index may be explicitly disabled using \
                     is_write_index=false or the alias points to multiple indices without one being designated as a write index"
                ))
            }),
            None if self.indexes.contains_key(name) || self.auto_create => {
                check_name(name)?;
                Ok(name.to_owned())
            }
            None => {
                let reason = format!("no such index [{name}] and [action.auto_create_index] is [false]");
                Err(Fault::new(404, "index_not_found_exception", reason).of_index(name, "_na_"))
            }
        }
    }
}

/// `org.elasticsearch.cluster.metadata.MetadataCreateIndexService.validateIndexOrAliasName`
fn check_name(name: &str) -> Result<(), Fault> {
    let why = if name.to_lowercase() != name {
        "must be lowercase"
    } else if name.starts_with(['_', '-', '+']) {
        "must not start with '_', '-', or '+'"
    } else if name.contains(['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':']) {
        "must not contain the following characters [' ','\"','*',',','/','<','>','?','\\\\','|']"
    } else if name.len() > 255 {
        "index name is too long"
    } else {
        return Ok(());
    };
    let reason = format!("Invalid index name [{name}], {why}");
    Err(Fault::new(400, "invalid_index_name_exception", reason))
}
