//! `type = "kafka"`

use std::time::Duration;

use super::access;
use super::kafka_properties::check_property;
use crate::config::check::settings::within;
use crate::config::raw::units::format_size;
use crate::config::raw::{At, Field, RawBasic, RawKafka, RawKafkaAuth};
use crate::config::wording::{listed, quoted};
use crate::config::{Compression, Engine, KafkaAuth, KafkaSink, Mechanism, Place, Problem, Report, Terms};

const BATCH_MAX: usize = 1_000;
const BATCH_MAX_MAX: u64 = 10_000;
const BATCH_BYTES: u64 = 8 << 20;
const BATCH_BYTES_MIN: u64 = 1 << 10;

/// librdkafka looks once in a second for what has expired, and takes half of one to begin.
const EXPIRY_MIN: Duration = Duration::from_millis(1_500);

/// What Kafka takes for the name of a topic.
const TOPIC_BYTES_MAX: usize = 249;

pub fn sink(raw: RawKafka, name: &At<String>, terms: &Terms, engine: &Engine, report: &mut Report) -> KafkaSink {
    let brokers = brokers(raw.brokers, name, report);
    check_topic(&raw.topic, name, report);
    let properties = raw.properties.or(Vec::new());
    for (name, value) in &properties {
        check_property(name, value, report);
    }
    if let Some(bytes) = raw.batch.bytes.given().filter(|bytes| bytes.value < BATCH_BYTES_MIN) {
        let problem = Problem::at(&bytes.place, "`bytes` is too small");
        report.push(problem.help(format!("wanted is at least \"{}\"", format_size(BATCH_BYTES_MIN))));
    }
    KafkaSink {
        brokers,
        topic: raw.topic.or(String::new()),
        auth: raw.auth.into_given().and_then(|auth| self::auth(auth, report)),
        tls: raw.tls.into_given().map(|tls| access::tls(tls.value, report)),
        compression: raw.compression.or(Compression::None),
        properties: properties
            .into_iter()
            .map(|(name, value)| (name.value, value.value))
            .collect(),
        max: within("max", raw.batch.max, BATCH_MAX, 1..=BATCH_MAX_MAX, report),
        bytes: usize::try_from(raw.batch.bytes.or(BATCH_BYTES)).unwrap_or(usize::MAX),
        expiry: expiry(terms, engine),
    }
}

/// All messages of a sink have the same: so it must fit into a lease that is not quite new.
fn expiry(terms: &Terms, engine: &Engine) -> Duration {
    terms.timeout.max(EXPIRY_MIN).min(engine.lease / 3)
}

fn brokers(raw: Field<Vec<At<String>>>, name: &At<String>, report: &mut Report) -> Vec<String> {
    match raw {
        Field::Given(given) => {
            let addresses = given.value.iter().flat_map(|written| {
                let addresses = written.value.split(',').map(|address| (address.trim(), &written.place));
                addresses.collect::<Vec<_>>()
            });
            let found: Vec<_> = addresses
                .filter_map(|(address, place)| broker(address, place, report))
                .collect();
            if given.value.is_empty() {
                report.push(Problem::at(&given.place, "`brokers` is empty").help("name one broker at least"));
            }
            found
        }
        Field::Absent => {
            let problem = Problem::at(&name.place, format!("the sink `{}` has no `brokers`", name.value));
            report.push(problem.help("add `brokers = \"kafka-1:9092,kafka-2:9092\"`, or a list of them"));
            Vec::new()
        }
        Field::Unusable => Vec::new(),
    }
}

fn broker(address: &str, place: &Place, report: &mut Report) -> Option<String> {
    let host = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => port.parse::<u16>().is_ok().then_some(host),
        _ => Some(address),
    };
    let is_host = |host: &str| !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && !"/@,".contains(c));
    if host.is_some_and(is_host) {
        return Some(address.to_owned());
    }
    let summary = format!("{} is not the address of a broker", quoted(address));
    report.push(Problem::at(place, summary).help("wanted are a host and a port, such as \"kafka-1:9092\""));
    None
}

fn check_topic(topic: &Field<String>, name: &At<String>, report: &mut Report) {
    match topic {
        Field::Given(topic) if !is_topic(&topic.value) => {
            let summary = format!("{} can't be the name of a topic", quoted(&topic.value));
            let help = format!("it is made of at most {TOPIC_BYTES_MAX} letters, digits, `.`, `_` and `-`");
            report.push(Problem::at(&topic.place, summary).help(help));
        }
        Field::Absent => {
            let problem = Problem::at(&name.place, format!("the sink `{}` has no `topic`", name.value));
            report.push(problem.help("add `topic = \"shop.orders\"`"));
        }
        Field::Given(_) | Field::Unusable => {}
    }
}

fn is_topic(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !matches!(name, "" | "." | "..") && name.len() <= TOPIC_BYTES_MAX && name.bytes().all(fits)
}

fn auth(At { value: raw, place }: At<RawKafkaAuth>, report: &mut Report) -> Option<KafkaAuth> {
    let fields = [raw.plain, raw.scram_sha_256, raw.scram_sha_512];
    let given: Vec<_> = Mechanism::ALL
        .into_iter()
        .zip(fields)
        .filter(|(_, field)| !field.is_absent())
        .collect();
    if given.len() != 1 {
        let named: Vec<_> = given.iter().map(|(mechanism, _)| mechanism.key()).collect();
        let summary = match named.as_slice() {
            [] => "`auth` does not say how".to_owned(),
            several => format!("`auth` can't be {} at a time", several.join(" and ")),
        };
        let keys = Mechanism::ALL.map(Mechanism::key);
        report.push(Problem::at(&place, summary).help(format!("wanted is one of {}", listed(&keys, '`'))));
    }
    let (mechanism, field) = given.into_iter().next()?;
    Some(credentials(mechanism, field.into_given()?, report))
}

fn credentials(mechanism: Mechanism, basic: At<RawBasic>, report: &mut Report) -> KafkaAuth {
    let (user, password) = access::basic(basic, report);
    KafkaAuth {
        mechanism,
        user,
        password,
    }
}
