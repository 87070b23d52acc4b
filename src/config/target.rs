//! Where a sink writes to, as something that another of its kind can take the place of.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde_json::value::RawValue;

use super::{Config, ElasticSink, IndexMapping, Sink, SinkKind};

/// Why there can be no sink like another one that writes to another place.
#[derive(Debug, thiserror::Error)]
pub enum NoTarget {
    #[error("only sinks of type `elasticsearch` and `opensearch` have an index that another one can take the place of")]
    Kind,
    #[error("`{0}` can't be the name of an index")]
    Name(String),
    #[error("the sink writes to `{0}` already")]
    Same(String),
}

impl Sink {
    /// Where documents go, by its name; `None` where nothing else could take its place.
    pub fn target(&self) -> Option<&str> {
        match &self.kind {
            SinkKind::Elastic(elastic) => Some(&elastic.index),
            _ => None,
        }
    }

    /// The same sink under another name, writing to another index, which is made from the same mapping. The aliases that the mapping
    /// names are left out: they belong to the index that they stand for now.
    pub fn with_target(&self, name: &str, target: &str) -> Result<Self, NoTarget> {
        let SinkKind::Elastic(elastic) = &self.kind else {
            return Err(NoTarget::Kind);
        };
        if !is_index(target) {
            return Err(NoTarget::Name(target.to_owned()));
        }
        if target == elastic.index {
            return Err(NoTarget::Same(target.to_owned()));
        }
        let mapping = elastic.mapping.as_ref();
        let mapping = IndexMapping {
            file: mapping.map(|mapping| mapping.file.clone()).unwrap_or_default(),
            text: mapping.map_or_else(|| "{}".to_owned(), |mapping| without_aliases(&mapping.text)),
        };
        let elastic = ElasticSink {
            index: target.to_owned(),
            mapping: Some(mapping),
            ..ElasticSink::clone(elastic)
        };
        Ok(Self {
            name: name.to_owned(),
            kind: SinkKind::Elastic(Box::new(elastic)),
            ..self.clone()
        })
    }

    /// Whether both write to the same place.
    fn meets(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (SinkKind::Elastic(one), SinkKind::Elastic(other)) => {
                let url = |sink: &ElasticSink| sink.url.expose_secret().trim_end_matches('/').to_owned();
                one.index == other.index && url(one) == url(other)
            }
            _ => false,
        }
    }
}

impl Config {
    /// The names of the sinks that write to where this one does.
    pub fn sinks_into(&self, sink: &Sink) -> Vec<&str> {
        let into = self.sinks.iter().filter(|other| other.meets(sink));
        into.map(|other| other.name.as_str()).collect()
    }

    /// The other syncs whose documents go to where those of a sync go by this sink.
    pub fn neighbours(&self, sync: &str, sink: &Sink) -> Vec<&str> {
        let into = self.sinks_into(sink);
        let others = self.syncs.iter().filter(|other| other.name != sync);
        let meet = others.filter(|other| other.sinks.iter().any(|name| into.contains(&name.as_str())));
        meet.map(|other| other.name.as_str()).collect()
    }
}

fn without_aliases(mapping: &str) -> String {
    let Ok(mut members) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(mapping) else {
        return mapping.to_owned();
    };
    members.remove("aliases");
    serde_json::to_string(&members).unwrap_or_else(|_| mapping.to_owned())
}

/// What the name of an index may not have.
const NOT_IN_AN_INDEX: [char; 14] = ['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':', '{', '}'];
const INDEX_BYTES_MAX: usize = 255;

pub(super) fn is_index(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= INDEX_BYTES_MAX
        && !name.starts_with(['-', '_', '+', '.'])
        && !name.contains(NOT_IN_AN_INDEX)
        && !name.contains(char::is_control)
        && name.to_lowercase() == name
}
