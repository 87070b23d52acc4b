//! Many deliveries in one request.
//!
//! An item is what its template makes of a delivery, or else an envelope around the document:
//!
//! ```text
//! {"operation":"upsert","key":{"id":42},"version":7,"idempotency_key":"walsift-…","document":{…}}
//! {"operation":"delete","key":{"id":43},"version":8,"idempotency_key":"walsift-…"}
//! ```
//!
//! Items go as the elements of one array, or, as NDJSON, on a line each.

use bytes::Bytes;

use super::template;
use crate::config::BatchFormat;
use crate::diff::Operation;
use crate::publish::Delivery;
use crate::publish::marks::idempotency_key;

/// What stands for a delivery.
#[derive(Debug)]
pub(super) struct Item {
    pub sync: std::sync::Arc<str>,
    /// The same for every try of one version of one subject.
    pub idempotency_key: String,
    /// JSON on one line.
    pub text: String,
}

impl Item {
    /// `template`: what one has made of the delivery.
    pub fn new(delivery: &Delivery, template: Option<String>) -> Self {
        let idempotency_key = idempotency_key(delivery);
        let text = template.unwrap_or_else(|| envelope(delivery, &idempotency_key));
        Self {
            sync: delivery.sync.clone(),
            idempotency_key,
            // A raw line break in a JSON text is white space between two tokens.
            text: text.trim().replace(['\n', '\r'], " "),
        }
    }
}

fn envelope(delivery: &Delivery, idempotency_key: &str) -> String {
    let (operation, key) = (delivery.operation.as_str(), template::key(delivery));
    let (version, idempotency_key) = (delivery.version, serde_json::Value::from(idempotency_key));
    let mut text =
        format!(r#"{{"operation":"{operation}","key":{key},"version":{version},"idempotency_key":{idempotency_key}"#);
    if delivery.operation == Operation::Upsert {
        text.push_str(r#","document":"#);
        text.push_str(&delivery.document);
    }
    text.push('}');
    text
}

/// The body of a request for these.
pub(super) fn body(items: &[&Item], format: BatchFormat) -> Bytes {
    let (start, between, end) = match format {
        BatchFormat::Json => ("[", ",", "]"),
        BatchFormat::Ndjson => ("", "\n", "\n"),
    };
    let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
    format!("{start}{}{end}", texts.join(between)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::peer::delivery;

    #[test]
    fn items_are_envelopes_around_the_documents() {
        let upsert = Item::new(
            &delivery(&[("id", "4\"2"), ("región", "x")], "{\"a\": 1.50,\n \"b\": []}"),
            None,
        );
        let delete = Item::new(&delivery(&[("id", "43")], ""), None);
        let made = Item::new(&delivery(&[("id", "44")], "{}"), Some("\n[1,\r\n2]\n".to_owned()));
        let key = |item: &Item| item.idempotency_key.clone();
        let first = format!(
            r#"{{"operation":"upsert","key":{{"id":"4\"2","región":"x"}},"version":7,"idempotency_key":"{}","document":{{"a": 1.50,  "b": []}}}}"#,
            key(&upsert)
        );
        let second = format!(
            r#"{{"operation":"delete","key":{{"id":"43"}},"version":7,"idempotency_key":"{}"}}"#,
            key(&delete)
        );
        let items = [&upsert, &delete, &made];
        assert_eq!(body(&items, BatchFormat::Json), format!("[{first},{second},[1,  2]]"));
        assert_eq!(
            body(&items, BatchFormat::Ndjson),
            format!("{first}\n{second}\n[1,  2]\n")
        );
    }
}
