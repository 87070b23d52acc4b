//! Kafka, as librdkafka imitates it.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::types::RDKafkaRespErr;

use super::{Rig, SECRET, conformance};
use crate::servers::kafka::{Kafka, TOPIC};

/// What librdkafka takes of one message unless it is told otherwise.
const MESSAGE_BYTES_MAX: usize = 1_000_000;

impl Rig for Kafka {
    async fn start() -> Self {
        Kafka::start()
    }

    fn sink(&self) -> String {
        let brokers = self.brokers();
        // One that is only used with a key of a certificate.
        format!(
            "type = 'kafka'\nbrokers = '{brokers}'\ntopic = '{TOPIC}'\nproperties = {{ 'ssl.key.password' = '{SECRET}' }}"
        )
    }

    async fn held(&self) -> BTreeSet<String> {
        self.compacted().await.into_values().collect()
    }

    async fn be_busy(&self) {
        self.refuse(RDKafkaRespErr::RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED);
    }

    /// Hangs up on whoever sends messages.
    async fn lose_answers(&self) {
        self.refuse(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT);
    }

    async fn hang(&self) {
        self.delay(Duration::from_mins(1));
    }

    async fn limit(&self) -> usize {
        MESSAGE_BYTES_MAX
    }

    async fn lock_out(&self) {
        self.topic_error(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    }

    async fn mend(&self) {
        Kafka::mend(self);
    }

    async fn down(&mut self) {
        Kafka::down(self);
    }

    async fn up(&mut self) {
        Kafka::up(self);
    }
}

conformance!(
    Kafka,
    runs: [
        delivers, deletes, takes_batches, is_busy, loses_answers, never_answers, is_not_there, takes_what_is_large,
        refuses_what_is_too_large, tells_awkward_keys_apart, takes_the_same_version_twice, comes_back, is_locked,
        sends_nothing_without_a_lease, is_reached, shows_what_it_would_send, converges, converges_though_the_server_dies,
        converges_though_walsift_is_killed,
    ],
    does_not_apply: {
        refuses_one_of_many: "the imitation refuses requests as they come, whatever is in them; there is a test beside the sink",
        gives_up_what_is_refused: "the imitation refuses requests as they come, whatever is in them",
        keeps_the_newer_version: "a topic keeps all; whoever reads it compares the versions",
    }
);
