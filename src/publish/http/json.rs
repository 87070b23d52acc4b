//! Looks into JSON without changing it: numbers stay the text they are.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::config::Pointer;

/// The members of an object; `None` if it is something else.
pub(super) fn members(text: &str) -> Option<HashMap<String, &RawValue>> {
    serde_json::from_str(text).ok()
}

/// The elements of an array; `None` if it is something else.
pub(super) fn elements(text: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text).ok()
}

/// What a pointer leads to.
pub(super) fn at<'a>(text: &'a str, pointer: &Pointer) -> Option<&'a RawValue> {
    let whole: &RawValue = serde_json::from_str(text).ok()?;
    pointer.0.iter().try_fold(whole, |value, token| {
        if value.get().starts_with('[') {
            elements(value.get())?.get(token.parse::<usize>().ok()?).copied()
        } else {
            members(value.get())?.get(token).copied()
        }
    })
}

/// The text of a string, number or boolean.
pub(super) fn scalar(value: &RawValue) -> Option<String> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_to_what_is_written() {
        let text = r#"{"data": [{"id": 12345678901234567890.10, "a/b": "é\n"}], "": true, "n": null}"#;
        let cases = [
            ("/data/0/id", Some("12345678901234567890.10")),
            ("/data/0/a~1b", Some("é\n")),
            ("/", Some("true")),
            ("/n", None),
            ("/data", None),
            ("/data/1/id", None),
            ("/data/x", None),
            ("/missing/x", None),
        ];
        for (pointer, expected) in cases {
            let found = at(text, &Pointer::parse(pointer).unwrap()).and_then(scalar);
            assert_eq!(found.as_deref(), expected, "{pointer}");
        }
        assert_eq!(at("[1]", &Pointer(vec![])).unwrap().get(), "[1]");
        assert!(at("no json", &Pointer(vec![])).is_none());
    }
}
