//! What identifies a delivery to whoever receives it: headers of a request, headers or fields of a message.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use xxhash_rust::xxh3::xxh3_128;

use super::Delivery;

/// What isn't visible ASCII, and `%` itself, so that the value can be decoded. Beyond ASCII everything is encoded.
const INVISIBLE: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Names in lower case, with the values as they are: whoever sends them encodes what his protocol cannot carry.
///
/// `span` tells this try from others of the same delivery.
pub(super) fn marks(delivery: &Delivery, span: u64) -> Vec<(&'static str, String)> {
    let mut marks = vec![
        ("idempotency-key", idempotency_key(delivery)),
        ("x-correlation-id", delivery.correlation.clone()),
    ];
    marks.extend(traceparent(&delivery.correlation, span).map(|it| ("traceparent", it)));
    marks.extend([
        ("walsift-sync", delivery.sync.to_string()),
        ("walsift-key", delivery.key.as_str().to_owned()),
        ("walsift-version", delivery.version.to_string()),
        ("walsift-operation", delivery.operation.as_str().to_owned()),
    ]);
    marks
}

/// The same for every try of one version, whoever makes it.
pub(super) fn idempotency_key(delivery: &Delivery) -> String {
    let key = xxh3_128(delivery.key.as_str().as_bytes());
    format!("walsift-{}-{key:032x}-{}", delivery.sync, delivery.version)
}

/// `None` if the id cannot be a W3C trace id: none is better than one that breaks the other side's traces.
pub(super) fn traceparent(correlation: &str, span: u64) -> Option<String> {
    let hex = correlation
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let zero = correlation.bytes().all(|byte| byte == b'0');
    // A span id of zero is invalid as well.
    (correlation.len() == 32 && hex && !zero).then(|| format!("00-{correlation}-{:016x}-01", span.max(1)))
}

/// As it can stand in a header.
pub(super) fn visible(text: &str) -> String {
    utf8_percent_encode(text, INVISIBLE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::peer::delivery;

    #[test]
    fn one_version_has_one_idempotency_key() {
        let first = delivery(&[("id", "42")], "{}");
        let key = idempotency_key(&first);
        let again = Delivery {
            correlation: "another".into(),
            ..first.clone()
        };
        assert_eq!(idempotency_key(&again), key);
        assert_ne!(
            idempotency_key(&Delivery {
                version: 8,
                ..first.clone()
            }),
            key
        );
        assert_ne!(
            idempotency_key(&Delivery {
                sync: "other".into(),
                ..first
            }),
            key
        );
        assert_ne!(idempotency_key(&delivery(&[("id", "43")], "{}")), key);
    }

    #[test]
    fn a_trace_is_named_only_if_its_id_is_valid() {
        let valid = "0123456789abcdef0123456789abcdef";
        assert_eq!(
            traceparent(valid, 0).as_deref(),
            Some("00-0123456789abcdef0123456789abcdef-0000000000000001-01")
        );
        for invalid in [
            "",
            "0123",
            &valid.to_uppercase(),
            &"0".repeat(32),
            &"g".repeat(32),
            &"é".repeat(16),
        ] {
            assert_eq!(traceparent(invalid, 1), None, "{invalid}");
        }
    }
}
