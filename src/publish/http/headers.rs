//! The headers that every request carries.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use xxhash_rust::xxh3::xxh3_128;

use super::envelope::Item;
use crate::config::BatchFormat;
use crate::publish::Delivery;
use crate::publish::marks::{self, marks, traceparent};

/// The type of bodies where nothing else is configured.
pub(super) const JSON: &str = "application/json";

const NDJSON: &str = "application/x-ndjson";

/// The headers of the request for one delivery: the `configured` ones and Walsift's own. Of these a configured one replaces
/// only the type of the content, never what identifies the delivery.
pub(super) fn of(delivery: &Delivery, configured: &HeaderMap, has_body: bool, span: u64) -> HeaderMap {
    let mut headers = configured.clone();
    if has_body {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(JSON));
    } else {
        // Servers are known to refuse a type that an empty text is not.
        headers.remove(CONTENT_TYPE);
    }
    for (name, mark) in marks(delivery, span) {
        headers.insert(HeaderName::from_static(name), visible(&mark));
    }
    headers
}

/// The headers of a request for many deliveries, of which each carries what identifies it.
pub(super) fn of_batch(items: &[&Item], configured: &HeaderMap, format: BatchFormat, span: u64) -> HeaderMap {
    let mut headers = configured.clone();
    let content_type = match format {
        BatchFormat::Json => JSON,
        BatchFormat::Ndjson => NDJSON,
    };
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static(content_type));
    let sync = items.first().map_or("", |item| &item.sync);
    let keys: Vec<&str> = items.iter().map(|item| item.idempotency_key.as_str()).collect();
    // No key has a line break in it.
    let hash = format!("{:032x}", xxh3_128(keys.join("\n").as_bytes()));
    let mut set = |name, text: &str| headers.insert(HeaderName::from_static(name), visible(text));
    set("idempotency-key", &format!("walsift-{sync}-{hash}"));
    set("x-correlation-id", &hash);
    if let Some(traceparent) = traceparent(&hash, span) {
        set("traceparent", &traceparent);
    }
    set("walsift-sync", sync);
    set("walsift-count", &items.len().to_string());
    headers
}

fn visible(text: &str) -> HeaderValue {
    HeaderValue::try_from(marks::visible(text)).expect("visible ascii is a valid header")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::peer::delivery;

    fn text(headers: &HeaderMap, name: &str) -> String {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    #[test]
    fn a_delivery_is_identified() {
        let sent = Delivery {
            sync: "orders".into(),
            ..delivery(&[("id", "42")], "{}")
        };
        let headers = of(&sent, &HeaderMap::new(), true, 0xabc);
        let names = [
            ("content-type", "application/json"),
            ("idempotency-key", "walsift-orders-b080ccd44c7163e91217cb28c0ef2191-7"),
            ("x-correlation-id", "0123456789abcdef0123456789abcdef"),
            ("traceparent", "00-0123456789abcdef0123456789abcdef-0000000000000abc-01"),
            ("walsift-sync", "orders"),
            ("walsift-key", "42"),
            ("walsift-version", "7"),
            ("walsift-operation", "upsert"),
        ];
        for (name, expected) in names {
            assert_eq!(text(&headers, name), expected, "{name}");
        }
        assert_eq!(headers.len(), names.len());
    }

    #[test]
    fn keys_of_any_text_fit_into_a_header() {
        let cases = [
            (
                &[("a", "Zoë 50%\r\n\u{1F600}")][..],
                "Zo%C3%AB%2050%25%0D%0A%F0%9F%98%80",
            ),
            (&[("a", "x:y"), ("b", "\\")][..], r"x\:y:\\"),
            (&[("a", "")][..], ""),
        ];
        for (key, expected) in cases {
            let headers = of(
                &Delivery {
                    sync: "bücher".into(),
                    ..delivery(key, "{}")
                },
                &HeaderMap::new(),
                true,
                1,
            );
            assert_eq!(text(&headers, "walsift-key"), expected);
            assert_eq!(text(&headers, "walsift-sync"), "b%C3%BCcher");
            assert!(text(&headers, "idempotency-key").starts_with("walsift-b%C3%BCcher-"));
        }
    }

    #[test]
    fn configured_headers_are_kept_but_do_not_replace_the_identity() {
        let configured: HeaderMap = [
            ("content-type", "application/vnd.api+json"),
            ("authorization", "Bearer x"),
            ("walsift-version", "1000"),
            ("idempotency-key", "same"),
        ]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
        let headers = of(&delivery(&[("id", "42")], "{}"), &configured, true, 1);
        assert_eq!(text(&headers, "content-type"), "application/vnd.api+json");
        assert_eq!(text(&headers, "authorization"), "Bearer x");
        assert_eq!(text(&headers, "walsift-version"), "7");
        assert_ne!(text(&headers, "idempotency-key"), "same");
        let headers = of(&delivery(&[("id", "42")], ""), &configured, false, 1);
        assert_eq!(text(&headers, "content-type"), "", "a delete has no body");
        assert_eq!(text(&headers, "authorization"), "Bearer x");
    }

    #[test]
    fn a_batch_is_identified_by_its_members() {
        let item = |id: &str, version| {
            let sent = Delivery {
                version,
                ..delivery(&[("id", id)], "{}")
            };
            Item::new(&sent, None)
        };
        let (first, second, newer) = (item("1", 7), item("2", 7), item("2", 8));
        let of = |items: &[&Item]| of_batch(items, &HeaderMap::new(), BatchFormat::Ndjson, 1);
        let key = |items: &[&Item]| text(&of(items), "idempotency-key");
        assert_eq!(key(&[&first, &second]), key(&[&first, &second]));
        for other in [&[&first, &newer][..], &[&first], &[&second, &first]] {
            assert_ne!(key(&[&first, &second]), key(other));
        }
        let headers = of(&[&first, &second]);
        assert_eq!(text(&headers, "content-type"), "application/x-ndjson");
        assert_eq!(text(&headers, "walsift-count"), "2");
        assert_eq!(text(&headers, "walsift-sync"), "orders");
        assert_eq!(text(&headers, "walsift-key"), "");
        assert!(text(&headers, "traceparent").contains(&text(&headers, "x-correlation-id")));
    }
}
