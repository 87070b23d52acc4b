//! The sinks there are. A new one is a file or folder beside this one, a variant here, and one in the configuration.

use std::time::Duration;

use futures_util::future::join_all;

use super::elastic::ElasticSink;
use super::http::HttpSink;
use super::kafka::KafkaSink;
use super::nats::NatsSink;
use super::redis::RedisSink;
use super::stdout::StdoutSink;
use super::{
    Batching, Delivery, Failure, Held, Named, Operation, Outcome, Reach, Readable, ScanPlace, Scanned, Unread, target,
};
use crate::config::{self, SinkKind, Terms};
use crate::plan::KeyShape;

/// A sink, ready for deliveries.
#[derive(Debug)]
pub struct Sink {
    /// What its callers hold to: sinks themselves count neither requests nor attempts.
    pub terms: Terms,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Http(Box<HttpSink>),
    Elastic(Box<ElasticSink>),
    Kafka(Box<KafkaSink>),
    Nats(Box<NatsSink>),
    Redis(Box<RedisSink>),
    Stdout(StdoutSink),
}

/// A sink cannot be made from its configuration. Without secrets.
#[derive(Debug, thiserror::Error)]
#[error("sink `{sink}` cannot be used: {reason}")]
pub struct Unusable {
    pub sink: String,
    pub reason: String,
}

impl Sink {
    pub fn build(config: &config::Sink) -> Result<Self, Unusable> {
        let (name, terms) = (&config.name, config.terms);
        let kind = match &config.kind {
            SinkKind::Http(http) => Kind::Http(Box::new(HttpSink::new(name, http, &terms)?)),
            SinkKind::Elastic(elastic) => Kind::Elastic(Box::new(ElasticSink::new(name, elastic, &terms)?)),
            SinkKind::Kafka(kafka) => Kind::Kafka(Box::new(KafkaSink::new(name, kafka, &terms)?)),
            SinkKind::Nats(nats) => Kind::Nats(Box::new(NatsSink::new(name, nats, &terms)?)),
            SinkKind::Redis(redis) => Kind::Redis(Box::new(RedisSink::new(name, redis, &terms)?)),
            SinkKind::Stdout => Kind::Stdout(StdoutSink::new(name)?),
        };
        Ok(Self { terms, kind })
    }

    /// Sends deliveries in one request, no more than [`Sink::batching`] lets through, or answers why not: an outcome for
    /// each, in the same order. Answers before the earliest of their deadlines.
    pub async fn deliver(&self, batch: &[Delivery]) -> Vec<Outcome> {
        match &self.kind {
            Kind::Http(http) => http.deliver(batch).await,
            Kind::Elastic(elastic) => elastic.deliver(batch).await,
            Kind::Kafka(kafka) => kafka.deliver(batch).await,
            Kind::Nats(nats) => nats.deliver(batch).await,
            Kind::Redis(redis) => redis.deliver(batch).await,
            Kind::Stdout(stdout) => join_all(batch.iter().map(|delivery| stdout.deliver(delivery))).await,
        }
    }

    /// Looks whether deliveries would have a chance, without making one. Answers within this time.
    pub async fn reach(&self, time: Duration) -> Reach {
        match &self.kind {
            Kind::Http(http) => http.reach(time).await,
            Kind::Elastic(elastic) => elastic.reach(time).await,
            Kind::Kafka(kafka) => kafka.reach(time).await,
            Kind::Nats(nats) => nats.reach(time).await,
            Kind::Redis(redis) => redis.reach(time).await,
            Kind::Stdout(_) => Reach::NOTHING_TO_TRY,
        }
    }

    /// What would be sent for a delivery, as text without secrets; or why nothing could be.
    pub fn preview(&self, delivery: &Delivery) -> Result<String, Failure> {
        match &self.kind {
            Kind::Http(http) => http.preview(delivery),
            Kind::Elastic(elastic) => elastic.preview(delivery),
            Kind::Kafka(kafka) => kafka.preview(delivery),
            Kind::Nats(nats) => nats.preview(delivery),
            Kind::Redis(redis) => redis.preview(delivery),
            Kind::Stdout(stdout) => Ok(stdout.preview(delivery)),
        }
    }

    /// What can be read back of it, or why nothing can.
    pub fn readable(&self) -> Result<Readable, &'static str> {
        match &self.kind {
            Kind::Http(http) => http.readable(),
            Kind::Elastic(elastic) => Ok(elastic.readable()),
            Kind::Redis(redis) => redis.readable(),
            Kind::Kafka(_) => Err("a topic keeps messages, not the document of a subject"),
            Kind::Nats(_) => Err("a stream keeps messages, not the document of a subject"),
            Kind::Stdout(_) => Err("nobody is behind standard output"),
        }
    }

    /// Reads what is held of these subjects, which are named as deliveries of them would be: one for each, in the same order.
    /// Only of a sink that is [readable](Sink::readable).
    pub async fn read(&self, subjects: &[Delivery]) -> Result<Vec<Held>, Unread> {
        match &self.kind {
            Kind::Http(http) => http.read(subjects).await,
            Kind::Elastic(elastic) => elastic.read(subjects).await,
            Kind::Redis(redis) => redis.read(subjects).await,
            Kind::Kafka(_) | Kind::Nats(_) | Kind::Stdout(_) => Err(Unread::lasting("it can't be read")),
        }
    }

    /// A page of the subjects that something is held of, up to about `most`. Only of a sink that [scans](Readable::scans).
    pub async fn scan(&self, shape: &KeyShape, from: Option<&ScanPlace>, most: usize) -> Result<Scanned, Unread> {
        match &self.kind {
            Kind::Elastic(elastic) => elastic.scan(shape, from, most).await,
            Kind::Redis(redis) => redis.scan(shape, from, most).await,
            Kind::Http(_) | Kind::Kafka(_) | Kind::Nats(_) | Kind::Stdout(_) => {
                Err(Unread::lasting("it can't say of which subjects it holds something"))
            }
        }
    }

    pub fn batching(&self) -> Batching {
        match &self.kind {
            Kind::Http(http) => http.batching(),
            Kind::Elastic(elastic) => elastic.batching(),
            Kind::Kafka(kafka) => kafka.batching(),
            Kind::Nats(nats) => nats.batching(),
            Kind::Redis(redis) => redis.batching(),
            Kind::Stdout(_) => Batching::SINGLE,
        }
    }

    /// What must be known of a subject to reach it for this: key columns or members of its document.
    pub fn placeholders(&self, operation: Operation) -> Vec<&str> {
        match &self.kind {
            Kind::Http(http) => http.placeholders(operation),
            Kind::Elastic(elastic) => elastic.placeholders(),
            Kind::Nats(nats) => nats.placeholders(),
            Kind::Redis(redis) => redis.placeholders(),
            Kind::Kafka(_) | Kind::Stdout(_) => Vec::new(),
        }
    }

    /// Makes what the sink writes to; answers whether it was missing.
    pub async fn make_target(&self, time: Duration) -> Result<bool, Failure> {
        self.elastic()?.make(time).await
    }

    /// How many documents are in what the sink writes to.
    pub async fn count_documents(&self, time: Duration) -> Result<u64, Failure> {
        self.elastic()?.count(time).await
    }

    /// What the name stands for that the sink writes to.
    pub async fn look_up(&self, time: Duration) -> Result<Named, Failure> {
        self.elastic()?.look_up(time).await
    }

    /// Has that name lead to `target` in one step, where it does not do so already. After a failure that is not certain nobody knows
    /// where it leads.
    pub async fn lead_to(&self, target: &str, time: Duration) -> Result<(), Failure> {
        self.elastic()?.lead_to(target, time).await
    }

    /// The only kind so far that has names which lead elsewhere.
    fn elastic(&self) -> Result<&ElasticSink, Failure> {
        match &self.kind {
            Kind::Elastic(elastic) => Ok(elastic),
            _ => Err(target::unknown()),
        }
    }

    /// Whether requests go to another machine, or may.
    pub fn is_remote(&self) -> bool {
        match &self.kind {
            Kind::Http(_) | Kind::Elastic(_) | Kind::Kafka(_) | Kind::Nats(_) | Kind::Redis(_) => true,
            Kind::Stdout(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{HttpSink, Place};
    use crate::publish::peer::TERMS;

    #[test]
    fn each_kind_of_the_configuration_has_its_sink() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let named = |kind| config::Sink {
            name: "shop".to_owned(),
            place: Place {
                path: "sinks.shop".to_owned(),
                span: 0..0,
            },
            terms: TERMS,
            kind,
        };
        let http = |url: &str| {
            SinkKind::Http(Box::new(HttpSink {
                url: url.to_owned().into(),
                method: "PUT".to_owned(),
                headers: vec![],
                access: config::Access::default(),
                sign: vec![],
                gzip: false,
                requests: config::Requests::default(),
            }))
        };
        let sink = Sink::build(&named(http("https://h/{id}"))).unwrap();
        assert!(matches!(sink.kind, Kind::Http(_)));
        let sink = Sink::build(&named(SinkKind::Stdout)).unwrap();
        assert!(matches!(sink.kind, Kind::Stdout(_)));
        let error = Sink::build(&named(http("h/{id}"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sink `shop` cannot be used: the url does not start with `http://` or `https://` and a host"
        );
    }
}
