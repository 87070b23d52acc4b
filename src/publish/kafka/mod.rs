//! The sink for Kafka: each document a message, with the key of its subject for a key; a subject that is gone is a message
//! without a value, which compaction takes for a delete.
//!
//! ```text
//! deliveries ─▶ message: key, headers, value ─▶ librdkafka's queue ─▶ leader of the partition ─▶ all replicas in sync
//!                                                 └───────── one receipt for each ◀────────────────────────┘
//! ```
//!
//! Promised: a delivery counts once all replicas in sync have the message. What librdkafka does in the background ends
//! before the lease does: a message that was not acknowledged after its expiry is given up there too. The producer is
//! idempotent, so its own tries neither double nor reorder messages; after one that it gave up on it takes a new epoch, under
//! which brokers refuse what of the old one is still on its way. So it is kept for as long as it works. A message that is
//! refused takes no other with it.
//!
//! Not promised: that each document is there once. A delivery whose receipt did not come is made again. A message that a broker
//! has taken in and stores only later is fenced as long as this process sends to its partition, not when another has taken
//! over.
//!
//! librdkafka is built only with the feature `kafka`; without it the sink is there in name.

#[cfg(not(feature = "kafka"))]
mod absent;
#[cfg(feature = "kafka")]
mod answer;
#[cfg(feature = "kafka")]
mod connection;
#[cfg(feature = "kafka")]
mod connections;
#[cfg(feature = "kafka")]
mod events;
#[cfg(feature = "kafka")]
mod message;
#[cfg(feature = "kafka")]
mod settings;
#[cfg(feature = "kafka")]
mod sink;

#[cfg(feature = "kafka")]
#[cfg(test)]
mod tests;

#[cfg(not(feature = "kafka"))]
pub use absent::KafkaSink;
#[cfg(feature = "kafka")]
pub use sink::KafkaSink;
