//! A delivery as a message.
//!
//! Its headers are told apart by their capitals:
//! <https://docs.nats.io/nats-concepts/jetstream/headers>

use std::fmt::Write;
use std::sync::Arc;

use super::subject::Subjects;
use crate::diff::Operation;
use crate::publish::marks::{idempotency_key, marks, visible};
use crate::publish::{Delivery, Failure};

pub(in crate::publish) struct Message {
    pub subject: String,
    /// From the version of the format to the empty line.
    pub headers: String,
    pub payload: Arc<str>,
}

impl Message {
    /// `stream` is the one that has to store it. Fails if there can be no subject.
    pub(super) fn new(delivery: &Delivery, subjects: &Subjects, stream: Option<&str>) -> Result<Self, Failure> {
        let subject = subjects.of(delivery)?;
        let mut headers = "NATS/1.0\r\n".to_owned();
        let mut add = |name: &str, value: &str| {
            write!(headers, "{name}: {value}\r\n").expect("a string takes all that is written to it");
        };
        // A stream knows its messages by this, whatever their subjects are; two sinks may feed one.
        add(
            "Nats-Msg-Id",
            &format!("{}@{subject}", visible(&idempotency_key(delivery))),
        );
        if let Some(stream) = stream {
            add("Nats-Expected-Stream", stream);
        }
        if subjects.are_keys() && delivery.operation == Operation::Delete {
            add("KV-Operation", "DEL");
        }
        for (name, mark) in marks(delivery, fastrand::u64(..)) {
            add(&capitals(name), &visible(&mark));
        }
        headers.push_str("\r\n");
        Ok(Self {
            subject,
            headers,
            payload: delivery.document.clone(),
        })
    }

    /// As servers count them.
    pub fn bytes(&self) -> usize {
        self.headers.len() + self.payload.len()
    }

    /// For people.
    pub fn text(&self) -> String {
        let headers = self.headers.replace("\r\n", "\n");
        format!("PUB {}\n{headers}{}", self.subject, self.payload)
    }
}

/// A name as the documentation has it.
fn capitals(name: &str) -> String {
    match name {
        "traceparent" => name.to_owned(),
        "x-correlation-id" => "X-Correlation-ID".to_owned(),
        _ => {
            let words = name.split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
            words.collect::<Vec<_>>().join("-")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::peer::delivery;

    fn text(template: &str, stream: Option<&str>, key: &str, document: &str) -> String {
        let subjects = Subjects::new(template).unwrap();
        let message = Message::new(&delivery(&[("id", key)], document), &subjects, stream).unwrap();
        let text = message.text();
        let (before, after) = text.split_once("traceparent: 00-").unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        format!("{before}{after}")
    }

    #[test]
    fn a_message_says_what_it_is_about() {
        insta::assert_snapshot!(text("shop.orders.{id}", Some("ORDERS"), "4 2", r#"{"id":  "4 2"}"#), @r#"
        PUB shop.orders.4%202
        NATS/1.0
        Nats-Msg-Id: walsift-orders-3360845dd53fada1b606ed6f0788ae02-7@shop.orders.4%202
        Nats-Expected-Stream: ORDERS
        Idempotency-Key: walsift-orders-3360845dd53fada1b606ed6f0788ae02-7
        X-Correlation-ID: 0123456789abcdef0123456789abcdef
        Walsift-Sync: orders
        Walsift-Key: 4%202
        Walsift-Version: 7
        Walsift-Operation: upsert

        {"id":  "4 2"}
        "#);
    }

    #[test]
    fn what_is_gone_is_an_empty_message_and_in_a_bucket_one_of_its_own_kind() {
        let gone = text("shop.orders.{id}", None, "42", "");
        assert!(gone.ends_with("Walsift-Operation: delete\n\n"), "{gone}");
        assert!(!gone.contains("KV-Operation"), "{gone}");
        let gone = text("$KV.orders.{id}", None, "42", "");
        assert!(gone.contains("\nKV-Operation: DEL\n"), "{gone}");
        let put = text("$KV.orders.{id}", None, "42", "{}");
        assert!(!put.contains("KV-Operation"), "{put}");
    }

    #[test]
    fn two_subjects_never_share_an_id() {
        let id = |template: &str| {
            let text = text(template, None, "42", "{}");
            text.lines()
                .find(|line| line.starts_with("Nats-Msg-Id"))
                .unwrap()
                .to_owned()
        };
        assert_ne!(id("a.{id}"), id("b.{id}"));
    }
}
