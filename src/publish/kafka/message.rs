//! A delivery as a message.

use std::fmt::Write;
use std::sync::Arc;

use rdkafka::message::{Header, OwnedHeaders};

use crate::diff::Operation;
use crate::publish::Delivery;
use crate::publish::marks::marks;

pub(in crate::publish) struct Message {
    /// The same text as the mark `walsift-key`: no two subjects of a sync share one.
    pub key: String,
    /// Names in lower case, values as they are.
    headers: Vec<(&'static str, String)>,
    /// `None`: the subject is gone.
    pub value: Option<Arc<str>>,
}

impl Message {
    pub fn new(delivery: &Delivery) -> Self {
        Self {
            key: delivery.key.as_str().to_owned(),
            headers: marks(delivery, fastrand::u64(..)),
            value: match delivery.operation {
                Operation::Upsert => Some(delivery.document.clone()),
                Operation::Delete => None,
            },
        }
    }

    pub fn headers(&self) -> OwnedHeaders {
        let none = OwnedHeaders::new_with_capacity(self.headers.len());
        let with = |headers: OwnedHeaders, (key, value): &(&str, String)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        };
        self.headers.iter().fold(none, with)
    }

    /// For people.
    pub fn text(&self, topic: &str) -> String {
        let mut text = format!("topic: {topic}\nkey: {}\n", self.key);
        for (name, value) in &self.headers {
            writeln!(text, "{name}: {value}").expect("a string takes all that is written to it");
        }
        text.push('\n');
        text.push_str(self.value.as_deref().unwrap_or("(no value)"));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::peer::delivery;

    fn text(key: &[(&str, &str)], document: &str) -> String {
        let text = Message::new(&delivery(key, document)).text("shop.orders");
        let (before, after) = text.split_once("traceparent: 00-").unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        format!("{before}{after}")
    }

    #[test]
    fn a_message_has_the_key_of_its_subject_and_says_what_it_is_about() {
        insta::assert_snapshot!(text(&[("shop", "a:b"), ("id", "ü")], r#"{"id":  "ü"}"#), @r#"
        topic: shop.orders
        key: a\:b:ü
        idempotency-key: walsift-orders-ad7da98e243fede5f053e0a2edb59e5d-7
        x-correlation-id: 0123456789abcdef0123456789abcdef
        walsift-sync: orders
        walsift-key: a\:b:ü
        walsift-version: 7
        walsift-operation: upsert

        {"id":  "ü"}
        "#);
    }

    #[test]
    fn what_is_gone_has_no_value() {
        assert_eq!(Message::new(&delivery(&[("id", "42")], "")).value, None);
        let gone = text(&[("id", "42")], "");
        assert!(gone.ends_with("walsift-operation: delete\n\n(no value)"), "{gone}");
    }
}
