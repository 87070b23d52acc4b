//! Sinks: what every kind has, and which kinds there are.

mod access;
mod elastic;
mod http;
mod kafka;
mod nats;
mod redis;
mod requests;

use std::time::Duration;

pub use access::{RawAccess, RawAuth, RawBasic, RawOAuth2, RawTls};
pub use elastic::RawElastic;
pub use http::RawHttp;
pub use kafka::{RawKafka, RawKafkaAuth};
pub use nats::{RawNats, RawNatsAuth};
pub use redis::RawRedis;
pub use requests::{RawBatch, RawCreate, RawDelete, RawRead, RawRequests};

use super::reader::Reader;
use super::reading::{At, Field};
use crate::config::wording::{listed, quoted};
use crate::config::{Place, Problem, Rate};

pub struct RawSink {
    pub name: At<String>,
    pub terms: RawTerms,
    /// `None` where the type is missing or wrong, which has been reported.
    pub kind: Option<RawSinkKind>,
}

pub enum RawSinkKind {
    Http(Box<RawHttp>),
    Elastic(Box<RawElastic>),
    Kafka(Box<RawKafka>),
    Nats(Box<RawNats>),
    Redis(Box<RawRedis>),
    Stdout,
}

#[derive(Default)]
pub struct RawTerms {
    pub concurrency: Field<u64>,
    pub timeout: Field<Duration>,
    pub rate_limit: Field<Rate>,
    pub retry: RawRetry,
    pub breaker: RawBreaker,
}

#[derive(Default)]
pub struct RawRetry {
    pub attempts: Field<u64>,
    pub base: Field<Duration>,
    pub max: Field<Duration>,
}

#[derive(Default)]
pub struct RawBreaker {
    pub failures: Field<u64>,
    pub cooldown: Field<Duration>,
}

/// Those of the language that this version does not have yet.
const NOT_YET: [&str; 1] = ["postgres"];

const AVAILABLE: [&str; 7] = [
    "http",
    "elasticsearch",
    "opensearch",
    "kafka",
    "nats",
    "redis",
    "stdout",
];

pub fn read_sink(name: At<String>, mut reader: Reader<'_>) -> RawSink {
    let mut terms = RawTerms::default();
    let kind = match reader.string("type") {
        Field::Given(found) => match found.value.as_str() {
            "http" => {
                terms = read_terms(&mut reader);
                Some(RawSinkKind::Http(Box::new(http::read(reader))))
            }
            product @ ("elasticsearch" | "opensearch") => {
                let product = if product == "opensearch" {
                    "opensearch"
                } else {
                    "elasticsearch"
                };
                terms = read_terms(&mut reader);
                Some(RawSinkKind::Elastic(Box::new(elastic::read(product, reader))))
            }
            "kafka" => {
                kafka::report_absence(&found.place, &reader);
                terms = read_terms(&mut reader);
                Some(RawSinkKind::Kafka(Box::new(kafka::read(reader))))
            }
            "nats" => {
                terms = read_terms(&mut reader);
                Some(RawSinkKind::Nats(Box::new(nats::read(reader))))
            }
            "redis" => {
                terms = read_terms(&mut reader);
                Some(RawSinkKind::Redis(Box::new(redis::read(reader))))
            }
            "stdout" => {
                reader.finish();
                Some(RawSinkKind::Stdout)
            }
            other => {
                reader.report(wrong_type(&found.place, other));
                reader.abandon();
                None
            }
        },
        Field::Absent => {
            let problem = Problem::at(&reader.place, format!("the sink `{}` has no `type`", name.value));
            reader.report(problem.help("add `type = \"http\"` or `type = \"stdout\"`"));
            reader.abandon();
            None
        }
        Field::Unusable => {
            reader.abandon();
            None
        }
    };
    RawSink { name, terms, kind }
}

fn wrong_type(place: &Place, found: &str) -> Problem {
    let summary = if NOT_YET.contains(&found) {
        format!("the sink type \"{found}\" is not available in this version")
    } else {
        format!("{} is not a type of sink", quoted(found))
    };
    let problem = Problem::at(place, summary);
    problem.help(format!("available: {}", listed(&AVAILABLE, '"')))
}

/// What every sink but standard output takes.
fn read_terms(reader: &mut Reader<'_>) -> RawTerms {
    RawTerms {
        concurrency: reader.count("concurrency"),
        timeout: reader.duration("timeout"),
        rate_limit: reader.rate("rate_limit"),
        retry: inner(reader, "retry", read_retry),
        breaker: inner(reader, "breaker", read_breaker),
    }
}

/// A table within a sink, with keys of the language only.
fn inner<'a, T: Default>(reader: &mut Reader<'a>, key: &'static str, read: impl FnOnce(Reader<'a>) -> T) -> T {
    let table = reader.table(key).into_given();
    table.map(|at| read(at.value.unguarded())).unwrap_or_default()
}

fn read_retry(mut reader: Reader<'_>) -> RawRetry {
    let retry = RawRetry {
        attempts: reader.count("attempts"),
        base: reader.duration("base"),
        max: reader.duration("max"),
    };
    reader.finish();
    retry
}

fn read_breaker(mut reader: Reader<'_>) -> RawBreaker {
    let breaker = RawBreaker {
        failures: reader.count("failures"),
        cooldown: reader.duration("cooldown"),
    };
    reader.finish();
    breaker
}
