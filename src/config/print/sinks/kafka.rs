//! `type = "kafka"`

use toml::{Table, Value};

use super::{named_secrets, number, renewable, table, text, tls};
use crate::config::KafkaSink;
use crate::config::raw::units::format_size;

pub(super) fn kafka(kafka: &KafkaSink) -> Table {
    let brokers: Vec<Value> = kafka.brokers.iter().map(|broker| text(broker)).collect();
    let batch = table([
        ("max", number(kafka.max)),
        ("bytes", format_size(kafka.bytes as u64).into()),
    ]);
    let mut printed = table([
        ("type", "kafka".into()),
        ("brokers", brokers.into()),
        ("topic", text(&kafka.topic)),
        ("compression", kafka.compression.name().into()),
        ("batch", batch.into()),
    ]);
    if let Some(auth) = &kafka.auth {
        let basic = table([("user", text(&auth.user)), ("password", renewable(&auth.password))]);
        printed.insert("auth".to_owned(), table([(auth.mechanism.key(), basic.into())]).into());
    }
    if let Some(tls) = &kafka.tls {
        printed.insert("tls".to_owned(), Table::new().into());
        printed.extend(self::tls(tls));
    }
    if !kafka.properties.is_empty() {
        printed.insert("properties".to_owned(), named_secrets(&kafka.properties).into());
    }
    printed
}
