//! `type = "kafka"`

use std::time::Duration;

use super::super::{Compression, KafkaSink, Mechanism, SinkKind};
use super::*;

fn kafka(engine: &str, keys: &str) -> KafkaSink {
    let text = format!(
        "[source]\nurl = 'postgres://db'\n[engine]\n{engine}\n[syncs.orders]\ntable = 'orders'\nsink = 'out'
         [sinks.out]\ntype = 'kafka'\ntopic = 'orders'\n{keys}"
    );
    match loaded(&text).config.sinks.remove(0).kind {
        SinkKind::Kafka(kafka) => *kafka,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broker_is_enough() {
    let kafka = kafka("", "brokers = 'k1:9092, k2 ,[::1]:9092'");
    assert_eq!(kafka.brokers, ["k1:9092", "k2", "[::1]:9092"]);
    assert!(kafka.auth.is_none() && kafka.tls.is_none() && kafka.properties.is_empty());
    assert_eq!(
        (kafka.compression, kafka.max, kafka.bytes),
        (Compression::None, 1_000, 8 << 20)
    );
    assert_eq!(kafka.expiry, Duration::from_secs(10));
}

#[test]
fn all_can_be_said() {
    let kafka = kafka(
        "",
        "brokers = ['k1:9092', 'k2:9092,k3:9092']
         auth = { scram_sha_512 = { user = 'me', password = '${SECRET}' } }
         tls = {}
         compression = 'zstd'
         properties = { 'linger.ms' = '5', partitioner = 'consistent' }
         batch = { max = 5, bytes = '1MiB' }",
    );
    assert_eq!(kafka.brokers, ["k1:9092", "k2:9092", "k3:9092"]);
    let auth = kafka.auth.unwrap();
    assert_eq!((auth.mechanism, auth.user.as_str()), (Mechanism::ScramSha512, "me"));
    assert!(kafka.tls.is_some_and(|tls| tls.roots.is_none()));
    assert_eq!(
        (kafka.compression, kafka.max, kafka.bytes),
        (Compression::Zstd, 5, 1 << 20)
    );
    let names: Vec<_> = kafka.properties.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["linger.ms", "partitioner"]);
}

#[test]
fn a_message_expires_well_within_a_lease() {
    for (lease, timeout, expiry_ms) in [
        ("60s", "5s", 5_000),
        ("60s", "50s", 20_000),
        ("60s", "100ms", 1_500),
        ("5s", "5s", 1_666),
    ] {
        let (engine, keys) = (
            format!("lease = '{lease}'"),
            format!("brokers = 'k'\ntimeout = '{timeout}'"),
        );
        assert_eq!(kafka(&engine, &keys).expiry.as_millis(), expiry_ms, "{lease} {timeout}");
    }
}

#[test]
fn what_cannot_be_is_shown_at_its_place() {
    let text = "
type = 'kafka'
brokers = ['https://k1:9092', 'k2:port']
topic = 'or/ders'
auth = { plain = { user = 'me', password = 'x' }, scram_sha_256 = { user = 'me', password = 'x' } }
compression = 'zst'
batch = { bytes = '5B' }

[sinks.out.properties]
'acks' = '1'
'sasl.username' = 'me'
'message.timeout.ms' = '5'
'partitioner' = 'random'
";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: this is not the address of a broker
     --> config.toml:8:12
      |
    8 | brokers = ['https://k1:9092', 'k2:port']
      |            ^^^^^^^^^^^^^^^^^
      |
      = help: wanted are a host and a port, such as "kafka-1:9092"

    error: "k2:port" is not the address of a broker
     --> config.toml:8:31
      |
    8 | brokers = ['https://k1:9092', 'k2:port']
      |                               ^^^^^^^^^
      |
      = help: wanted are a host and a port, such as "kafka-1:9092"

    error: "or/ders" can't be the name of a topic
     --> config.toml:9:9
      |
    9 | topic = 'or/ders'
      |         ^^^^^^^^^
      |
      = help: it is made of at most 249 letters, digits, `.`, `_` and `-`

    error: `auth` can't be plain and scram_sha_256 at a time
      --> config.toml:10:8
       |
    10 | auth = { plain = { user = 'me', password = '*' }, scram_sha_256 = { user = 'me', password = '*' } }
       |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: wanted is one of `plain`, `scram_sha_256` or `scram_sha_512`

    error: `compression` can't be "zst"
      --> config.toml:11:15
       |
    11 | compression = 'zst'
       |               ^^^^^ wanted is "none", "gzip", "snappy", "lz4" or "zstd"
       |
       = help: did you mean "zstd"?

    error: `bytes` is too small
      --> config.toml:12:19
       |
    12 | batch = { bytes = '5B' }
       |                   ^^^^
       |
       = help: wanted is at least "1KiB"

    error: the property `acks` can't be set
      --> config.toml:15:1
       |
    15 | 'acks' = '*'
       | ^^^^^^ a delivery counts once all replicas in sync have it

    error: the property `sasl.username` can't be set
      --> config.toml:16:1
       |
    16 | 'sasl.username' = '**'
       | ^^^^^^^^^^^^^^^
       |
       = help: `auth` says it

    error: the property `message.timeout.ms` can't be set
      --> config.toml:17:1
       |
    17 | 'message.timeout.ms' = '*'
       | ^^^^^^^^^^^^^^^^^^^^ no message is sent after the lease on its job; `timeout` says how long it may take

    error: no such partitioner keeps the messages of a key in order
      --> config.toml:18:17
       |
    18 | 'partitioner' = '******'
       |                 ^^^^^^^^
       |
       = help: wanted is one of consistent, consistent_random, murmur2, murmur2_random, fnv1a, fnv1a_random

    10 errors
    "#);
}

#[test]
fn what_is_needed_is_said() {
    insta::assert_snapshot!(refused_sink("\ntype = 'kafka'"), @r#"
    error: the sink `out` has no `brokers`
     --> config.toml:6:1
      |
    6 | [sinks.out]
      | ^^^^^^^^^^^
      |
      = help: add `brokers = "kafka-1:9092,kafka-2:9092"`, or a list of them

    error: the sink `out` has no `topic`
     --> config.toml:6:1
      |
    6 | [sinks.out]
      | ^^^^^^^^^^^
      |
      = help: add `topic = "shop.orders"`

    2 errors
    "#);
}
