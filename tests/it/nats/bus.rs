//! A NATS to deliver to, and what it holds by the word of the usual client.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use walsift::config::Config;
use walsift::diff::Operation;
use walsift::mapping::SubjectKey;
use walsift::plan::{KeyColumn, KeyShape};
use walsift::publish::{Delivery, Outcome, Sink};

use crate::servers::Server;

pub struct Bus {
    pub server: Server,
}

/// A message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub subject: String,
    pub headers: BTreeMap<String, String>,
    pub payload: String,
}

impl Bus {
    /// With a stream `ORDERS` for `shop.orders.*`.
    pub async fn new() -> Bus {
        let bus = Bus::bare("").await;
        bus.stream("ORDERS", "shop.orders.*").await;
        bus
    }

    /// Without a stream, and with this in its configuration.
    pub async fn bare(configuration: &str) -> Bus {
        Bus {
            server: Server::nats(configuration).await,
        }
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.server.address())
    }

    pub async fn jetstream(&self) -> jetstream::Context {
        self.jetstream_as(async_nats::ConnectOptions::new()).await
    }

    pub async fn jetstream_as(&self, who: async_nats::ConnectOptions) -> jetstream::Context {
        jetstream::new(who.connect(self.url()).await.unwrap())
    }

    pub async fn stream(&self, name: &str, subject: &str) {
        self.make(stream::Config {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            ..stream::Config::default()
        })
        .await;
    }

    pub async fn make(&self, config: stream::Config) {
        self.jetstream().await.create_stream(config).await.unwrap();
    }

    /// All messages of `ORDERS`, the oldest first.
    pub async fn messages(&self) -> Vec<Stored> {
        stored(&self.jetstream().await).await
    }

    /// The last message of each subject of `ORDERS`.
    pub async fn last(&self) -> BTreeMap<String, Stored> {
        let all = self.messages().await.into_iter();
        all.map(|message| (message.subject.clone(), message)).collect()
    }

    /// A sink for `shop.orders.{id}` with these keys.
    pub fn sink(&self, keys: &str) -> Sink {
        sink(&format!(
            "url = '{}'\nsubject = 'shop.orders.{{id}}'\n{keys}",
            self.url()
        ))
    }
}

pub async fn stored(jetstream: &jetstream::Context) -> Vec<Stored> {
    let mut stream = jetstream.get_stream("ORDERS").await.unwrap();
    let state = stream.info().await.unwrap().state.clone();
    let mut messages = Vec::new();
    if state.messages == 0 {
        return messages;
    }
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let headers = message.headers.iter().map(|(name, values)| {
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            (name.to_string(), values.join(", "))
        });
        messages.push(Stored {
            subject: message.subject.to_string(),
            headers: headers.collect(),
            payload: String::from_utf8(message.payload.to_vec()).unwrap(),
        });
    }
    messages
}

/// A sink of type `nats` with these keys, and the defaults for the rest.
pub fn sink(keys: &str) -> Sink {
    let text = format!(
        "source.url = 'postgresql://localhost/shop'
         [sinks.bus]\ntype = 'nats'\n{keys}
         [syncs.orders]\nsink = 'bus'\ntable = 'orders'"
    );
    let loaded = Config::parse(Path::new("config.toml"), &text, &|_| None);
    Sink::build(&loaded.unwrap().config.sinks[0]).unwrap()
}

/// Of an order; of a delete if the document is empty.
pub fn delivery(id: &str, version: i64, document: &str) -> Delivery {
    let column = KeyColumn {
        name: "id".to_owned(),
        sql_type: "text".to_owned(),
        bare_in_json: false,
    };
    let is_gone = document.is_empty();
    Delivery {
        sync: "orders".into(),
        shape: Arc::new(KeyShape { columns: vec![column] }),
        key: SubjectKey::new(std::iter::once(id)),
        operation: if is_gone { Operation::Delete } else { Operation::Upsert },
        version,
        correlation: "0123456789abcdef0123456789abcdef".to_owned(),
        document: document.into(),
        remote_id: None,
        deadline: Instant::now() + Duration::from_mins(1),
    }
}

/// What matters of outcomes, a line for each.
pub fn lines(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(line).collect()
}

fn line(outcome: &Outcome) -> String {
    let (what, failure) = match outcome {
        Outcome::Delivered { .. } => return "delivered".to_owned(),
        Outcome::NotTried => return "not tried".to_owned(),
        Outcome::Retry { failure, .. } => ("retry", failure),
        Outcome::Rejected { failure } => ("rejected", failure),
    };
    let certain = if failure.certain { "certain" } else { "uncertain" };
    format!("{what} {} {certain}", failure.class.as_str())
}

pub fn message(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Retry { failure, .. } | Outcome::Rejected { failure } => &failure.message,
        other => panic!("{other:?}"),
    }
}
