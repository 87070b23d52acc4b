//! What librdkafka may be told that has no key of its own here.
//!
//! <https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md>

use secrecy::{ExposeSecret, SecretString};

use crate::config::raw::At;
use crate::config::{Problem, Report};

/// Said by keys of the sink.
const KEYS: [(&str, &[&str]); 4] = [
    ("brokers", &["bootstrap.servers", "metadata.broker.list"]),
    ("compression", &["compression.codec", "compression.type"]),
    (
        "auth",
        &["sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"],
    ),
    (
        "tls",
        &[
            "security.protocol",
            "ssl.ca.location",
            "ssl.ca.pem",
            "ssl.certificate.location",
            "ssl.certificate.pem",
            "ssl.key.location",
            "ssl.key.pem",
            "ssl.keystore.location",
        ],
    ),
];

/// What would be untrue with another value.
const PROMISES: [(&str, &[&str]); 4] = [
    (
        "a delivery counts once all replicas in sync have it",
        &["acks", "request.required.acks"],
    ),
    (
        "no message is stored twice or out of order by a try of librdkafka's own",
        &[
            "enable.idempotence",
            "enable.gapless.guarantee",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "message.send.max.retries",
            "queuing.strategy",
            "retries",
            "transactional.id",
        ],
    ),
    (
        "no message is sent after the lease on its job; `timeout` says how long it may take",
        &[
            "delivery.timeout.ms",
            "message.timeout.ms",
            "request.timeout.ms",
            "socket.timeout.ms",
        ],
    ),
    (
        "what is certain of a failure is told by the time that a second try would take",
        &["retry.backoff.max.ms", "retry.backoff.ms"],
    ),
];

/// Those that give one key one partition.
const PARTITIONERS: [&str; 6] = [
    "consistent",
    "consistent_random",
    "murmur2",
    "murmur2_random",
    "fnv1a",
    "fnv1a_random",
];

pub fn check_property(name: &At<String>, value: &At<SecretString>, report: &mut Report) {
    let names = |(_, names): &&(&str, &[&str])| names.contains(&name.value.as_str());
    let problem = Problem::at(&name.place, format!("the property `{}` can't be set", name.value));
    if let Some((key, _)) = KEYS.iter().find(names) {
        report.push(problem.help(format!("`{key}` says it")));
    } else if let Some((promise, _)) = PROMISES.iter().find(names) {
        report.push(problem.label(*promise));
    } else if name.value == "partitioner" && !PARTITIONERS.contains(&value.value.expose_secret()) {
        let problem = Problem::at(&value.place, "no such partitioner keeps the messages of a key in order");
        report.push(problem.help(format!("wanted is one of {}", PARTITIONERS.join(", "))));
    } else if value.value.expose_secret().contains('\0') || name.value.contains('\0') {
        report.push(Problem::at(
            &value.place,
            "a property can't have a character of value zero",
        ));
    }
}
