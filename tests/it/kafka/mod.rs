//! The sink for Kafka, against Kafka as librdkafka imitates it. What holds for every sink is in `conformance`.

#[cfg(not(feature = "kafka"))]
mod absent;
#[cfg(feature = "kafka")]
mod access;
#[cfg(feature = "kafka")]
mod door;
#[cfg(feature = "kafka")]
mod program;
