//! Against librdkafka's mock cluster, which speaks the protocol on ports of this machine.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::KafkaSink;
use crate::config::{self, Compression};
use crate::publish::peer::{TERMS, delivery};
use crate::publish::{Delivery, Outcome};

const TOPIC: &str = "orders";

/// For what comes soon, or not at all.
const PATIENCE: Duration = Duration::from_mins(1);

struct Cluster(MockCluster<'static, DefaultProducerContext>);

/// A message as a consumer gets it.
#[derive(Debug, PartialEq)]
struct Received {
    key: String,
    value: Option<String>,
    headers: Vec<(String, String)>,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value)
    }
}

impl Cluster {
    fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, 1, 1).unwrap();
        Self(cluster)
    }

    fn config(&self) -> config::KafkaSink {
        config::KafkaSink {
            brokers: vec![self.0.bootstrap_servers()],
            topic: TOPIC.to_owned(),
            auth: None,
            tls: None,
            compression: Compression::None,
            properties: vec![],
            max: 1_000,
            bytes: 8 << 20,
            expiry: Duration::from_secs(10),
        }
    }

    fn sink(&self) -> KafkaSink {
        sink(&self.config())
    }

    fn received(&self) -> Vec<Received> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.0.bootstrap_servers())
            .set("group.id", "test")
            .create()
            .unwrap();
        let (low, high) = consumer.fetch_watermarks(TOPIC, 0, PATIENCE).unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(TOPIC, 0, Offset::Offset(low)).unwrap();
        consumer.assign(&partitions).unwrap();
        let received = (low..high).map(|_| consumer.poll(PATIENCE).expect("a message in time"));
        let received = received.map(|message| {
            let message = message.unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let headers = message.headers().into_iter().flat_map(Headers::iter);
            Received {
                key: text(message.key().unwrap()),
                value: message.payload().map(text),
                headers: headers
                    .map(|header| (header.key.to_owned(), text(header.value.unwrap())))
                    .collect(),
            }
        });
        received.collect()
    }

    fn fails(&self, errors: &[RDKafkaRespErr]) {
        self.0.request_errors(RDKafkaApiKey::Produce, errors);
    }
}

fn sink(config: &config::KafkaSink) -> KafkaSink {
    KafkaSink::new("bus", config, &TERMS).unwrap()
}

fn documents(ids: &[&str]) -> Vec<Delivery> {
    ids.iter()
        .map(|id| delivery(&[("id", id)], &format!("{{\"id\":{id}}}")))
        .collect()
}

/// What matters of an outcome, in a line.
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

fn lines(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(line).collect()
}

#[tokio::test]
async fn a_batch_is_messages_with_keys_headers_and_values() {
    let cluster = Cluster::new();
    let batch = [
        delivery(&[("shop", "a:b"), ("id", "ü")], "{\"n\":1.50}"),
        delivery(&[("shop", "a"), ("id", "2")], ""),
    ];
    assert_eq!(lines(&cluster.sink().deliver(&batch).await), ["delivered"; 2]);
    let received = cluster.received();
    assert_eq!(received[0].key, "a\\:b:ü");
    assert_eq!(received[0].value.as_deref(), Some("{\"n\":1.50}"));
    assert_eq!(received[0].header("walsift-key"), "a\\:b:ü");
    assert_eq!(received[0].header("walsift-sync"), "orders");
    assert_eq!(received[0].header("walsift-version"), "7");
    assert_eq!(received[0].header("walsift-operation"), "upsert");
    assert!(received[0].header("idempotency-key").starts_with("walsift-orders-"));
    assert_eq!((received[1].key.as_str(), &received[1].value), ("a:2", &None));
    assert_eq!(received[1].header("walsift-operation"), "delete");
}

#[tokio::test]
async fn every_compression_is_built_in() {
    let cluster = Cluster::new();
    for (count, (name, compression)) in Compression::ALL.into_iter().enumerate() {
        let config = config::KafkaSink {
            compression,
            ..cluster.config()
        };
        let outcomes = sink(&config).deliver(&documents(&["1"])).await;
        assert_eq!(lines(&outcomes), ["delivered"], "{name}");
        assert_eq!(cluster.received().len(), count + 1);
    }
}

#[tokio::test]
async fn a_message_that_is_refused_takes_no_other_with_it() {
    let cluster = Cluster::new();
    // The three of them together; then the first of them alone.
    cluster.fails(&[
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD,
    ]);
    // However busy the machine is, they go together.
    let sink = sink(&config::KafkaSink {
        properties: vec![("linger.ms".to_owned(), "500".into())],
        ..cluster.config()
    });
    let outcomes = lines(&sink.deliver(&documents(&["1", "2", "3"])).await);
    assert_eq!(
        outcomes.iter().filter(|it| *it == "delivered").count(),
        2,
        "{outcomes:?}"
    );
    assert!(
        outcomes.iter().any(|it| it.starts_with("rejected refused")),
        "{outcomes:?}"
    );
    assert_eq!(cluster.received().len(), 2);
    assert_eq!(lines(&sink.deliver(&documents(&["1"])).await), ["delivered"]);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_no_other() {
    let cluster = Cluster::new();
    let large = format!("{{\"t\":\"{}\"}}", "x".repeat(2 << 20));
    let batch = [delivery(&[("id", "1")], &large), delivery(&[("id", "2")], "{}")];
    let outcomes = cluster.sink().deliver(&batch).await;
    assert_eq!(lines(&outcomes), ["rejected refused certain", "delivered"]);
}

#[tokio::test]
async fn what_a_broker_says_decides() {
    let cluster = Cluster::new();
    let sink = cluster.sink();
    for (error, expected) in [
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            "retry configuration",
        ),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_POLICY_VIOLATION, "rejected refused"),
    ] {
        cluster.fails(&[error]);
        let outcome = &sink.deliver(&documents(&["1"])).await[0];
        assert!(line(outcome).starts_with(expected), "{error:?}: {}", line(outcome));
        assert_eq!(
            lines(&sink.deliver(&documents(&["1"])).await),
            ["delivered"],
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_no_failure() {
    let cluster = Cluster::new();
    cluster.fails(&[
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    ]);
    assert_eq!(
        lines(&cluster.sink().deliver(&documents(&["1", "2"])).await),
        ["delivered"; 2]
    );
    assert_eq!(cluster.received().len(), 2);
}

#[tokio::test]
async fn without_an_answer_nobody_knows_and_afterwards_it_goes_on() {
    let cluster = Cluster::new();
    let config = config::KafkaSink {
        expiry: Duration::from_secs(2),
        ..cluster.config()
    };
    let sink = sink(&config);
    assert_eq!(lines(&sink.deliver(&documents(&["1"])).await), ["delivered"]);
    cluster.0.broker_round_trip_time(1, Duration::from_mins(1)).unwrap();
    let outcome = lines(&sink.deliver(&documents(&["2"])).await);
    assert_eq!(outcome, ["retry timeout uncertain"]);
    // Now it looks first, and sends nothing.
    let outcome = lines(&sink.deliver(&documents(&["3"])).await);
    assert!(outcome[0].ends_with(" certain"), "{outcome:?}");
    cluster.0.broker_round_trip_time(1, Duration::ZERO).unwrap();
    delivers_again(&sink, "4").await;
}

#[tokio::test]
async fn a_broker_that_is_down_is_found_when_it_is_back() {
    let cluster = Cluster::new();
    let config = config::KafkaSink {
        expiry: Duration::from_secs(2),
        ..cluster.config()
    };
    cluster.0.broker_down(1).unwrap();
    let sink = sink(&config);
    assert_eq!(
        lines(&sink.deliver(&documents(&["1"])).await),
        ["retry connection certain"]
    );
    cluster.0.broker_up(1).unwrap();
    delivers_again(&sink, "1").await;
    cluster.0.broker_down(1).unwrap();
    let outcome = lines(&sink.deliver(&documents(&["2"])).await);
    assert_eq!(outcome, ["retry connection uncertain"]);
    assert_eq!(
        lines(&sink.deliver(&documents(&["3"])).await),
        ["retry connection certain"]
    );
    cluster.0.broker_up(1).unwrap();
    delivers_again(&sink, "4").await;
    // What was given up does not come late.
    let keys: BTreeSet<_> = cluster.received().into_iter().map(|message| message.key).collect();
    assert_eq!(keys, BTreeSet::from(["1".to_owned(), "4".to_owned()]));
}

/// Sooner or later.
async fn delivers_again(sink: &KafkaSink, id: &str) {
    let until = Instant::now() + Duration::from_mins(1);
    while lines(&sink.deliver(&documents(&[id])).await) != ["delivered"] {
        assert!(Instant::now() < until, "it does not come back");
    }
}

#[tokio::test]
async fn what_has_too_little_time_left_is_not_tried() {
    let cluster = Cluster::new();
    let mut batch = documents(&["1", "2"]);
    batch[1].deadline = Instant::now() + Duration::from_secs(11);
    assert_eq!(lines(&cluster.sink().deliver(&batch).await), ["not tried"; 2]);
}

#[tokio::test]
async fn a_topic_that_is_not_ours_to_write_to_is_no_document_s_fault() {
    let cluster = Cluster::new();
    let sink = cluster.sink();
    for (error, expected) in [
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            "retry not_found certain",
        ),
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            "retry configuration certain",
        ),
    ] {
        cluster.0.topic_error(TOPIC, error).unwrap();
        let away = sink.reach(Duration::from_mins(1)).await;
        assert!(away.wrong.is_some_and(|wrong| !wrong.is_error));
        let unsent = KafkaSink::new("bus", &cluster.config(), &TERMS).unwrap();
        assert_eq!(lines(&unsent.deliver(&documents(&["1"])).await), [expected]);
        let none = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        cluster.0.topic_error(TOPIC, none).unwrap();
        delivers_again(&unsent, "1").await;
    }
    let reach = sink.reach(Duration::from_mins(1)).await;
    assert_eq!(reach.wrong, None);
    assert!(reach.tried[0].ends_with(": 1 partition"), "{reach:?}");
}

#[tokio::test]
async fn reach_says_what_it_asked_for() {
    let config = config::KafkaSink {
        brokers: vec!["127.0.0.1:9".to_owned()],
        ..Cluster::new().config()
    };
    let reach = sink(&config).reach(Duration::from_mins(1)).await;
    assert!(reach.tried[0].starts_with("topic orders at 127.0.0.1:9: "), "{reach:?}");
    let wrong = reach.wrong.unwrap();
    assert!(wrong.message.contains("Connection refused"), "{wrong:?}");
    assert!(!wrong.is_error, "{wrong:?}");
}

#[test]
fn properties_that_librdkafka_does_not_take_are_found_at_once_and_not_shown() {
    let config = |name: &str, value: &str| config::KafkaSink {
        properties: vec![(name.to_owned(), value.into())],
        ..Cluster::new().config()
    };
    let said = |name, value| {
        KafkaSink::new("bus", &config(name, value), &TERMS)
            .unwrap_err()
            .to_string()
    };
    let unknown = said("linger", "hunter2");
    assert!(
        unknown.contains("`linger`") && !unknown.contains("hunter2"),
        "{unknown}"
    );
    let wrong = said("linger.ms", "hunter2");
    assert!(wrong.contains("`linger.ms`") && !wrong.contains("hunter2"), "{wrong}");
    assert!(KafkaSink::new("bus", &config("linger.ms", "5"), &TERMS).is_ok());
}
