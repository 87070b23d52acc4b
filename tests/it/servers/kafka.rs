//! Kafka as librdkafka imitates it: one broker in this process, on a port of this machine.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::world::DEADLINE;

pub const TOPIC: &str = "things";
const PARTITIONS: i32 = 3;
const BROKER: i32 = 1;

/// More than there are requests in a test.
const MANY: usize = 10_000;

pub struct Kafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

/// A message as a consumer gets it.
#[derive(Debug, Clone)]
pub struct Received {
    pub partition: i32,
    pub key: String,
    pub value: Option<String>,
    pub headers: BTreeMap<String, String>,
}

impl Kafka {
    pub fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, PARTITIONS, 1).unwrap();
        Self { cluster }
    }

    pub fn brokers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    pub fn down(&self) {
        self.cluster.broker_down(BROKER).unwrap();
    }

    pub fn up(&self) {
        self.cluster.broker_up(BROKER).unwrap();
    }

    /// Does what it is told, and answers so much later.
    pub fn delay(&self, delay: Duration) {
        self.cluster.broker_round_trip_time(BROKER, delay).unwrap();
    }

    /// What it says to messages from now on.
    pub fn refuse(&self, error: RDKafkaRespErr) {
        self.cluster.request_errors(RDKafkaApiKey::Produce, &vec![error; MANY]);
    }

    /// What it says of the topic from now on.
    pub fn topic_error(&self, error: RDKafkaRespErr) {
        self.cluster.topic_error(TOPIC, error).unwrap();
    }

    pub fn mend(&self) {
        self.delay(Duration::ZERO);
        self.cluster.clear_request_errors(RDKafkaApiKey::Produce);
        self.topic_error(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    }

    /// All messages, those of a partition in their order.
    pub async fn received(&self) -> Vec<Received> {
        let brokers = self.brokers();
        tokio::task::spawn_blocking(move || received(&brokers)).await.unwrap()
    }

    /// What compaction would leave, by key.
    pub async fn compacted(&self) -> BTreeMap<String, String> {
        let mut held = BTreeMap::new();
        for message in self.received().await {
            match message.value {
                Some(value) => held.insert(message.key, value),
                None => held.remove(&message.key),
            };
        }
        held
    }
}

fn received(brokers: &str) -> Vec<Received> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "walsift-tests")
        .create()
        .unwrap();
    let mut wanted = 0;
    let mut begin = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        let (low, high) = consumer.fetch_watermarks(TOPIC, partition, DEADLINE).unwrap();
        wanted += high - low;
        begin
            .add_partition_offset(TOPIC, partition, Offset::Offset(low))
            .unwrap();
    }
    consumer.assign(&begin).unwrap();
    (0..wanted)
        .map(|_| {
            let message = consumer.poll(DEADLINE).expect("a message in time").unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let headers = message.headers().into_iter().flat_map(Headers::iter);
            Received {
                partition: message.partition(),
                key: text(message.key().unwrap()),
                value: message.payload().map(text),
                headers: headers
                    .map(|header| (header.key.to_owned(), text(header.value.unwrap())))
                    .collect(),
            }
        })
        .collect()
}
