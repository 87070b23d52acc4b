//! What names a subject.

use std::borrow::Cow;
use std::fmt;

use crate::plan::KeyShape;

/// The key of a subject as one text, in which it stands in state, jobs, logs and request headers.
///
/// The values of the key columns in the text form of Postgres. A key of one column is its value as it is; in a key
/// of several, `\` and `:` are escaped with a `\` and the values are joined with `:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectKey(Box<str>);

impl SubjectKey {
    /// `values` in the order of the key columns; there is at least one.
    pub fn new<'a>(mut values: impl ExactSizeIterator<Item = &'a str>) -> Self {
        if values.len() == 1 {
            return Self(values.next().unwrap_or_default().into());
        }
        let mut text = String::new();
        for (i, value) in values.enumerate() {
            if i > 0 {
                text.push(':');
            }
            for c in value.chars() {
                if matches!(c, '\\' | ':') {
                    text.push('\\');
                }
                text.push(c);
            }
        }
        Self(text.into())
    }

    /// A key that was stored by [`SubjectKey::as_str`].
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The values of the `arity` key columns.
    pub fn values(&self, arity: usize) -> Vec<Cow<'_, str>> {
        if arity == 1 {
            return vec![Cow::Borrowed(&self.0)];
        }
        let mut values = vec![String::new()];
        let mut chars = self.0.chars();
        while let Some(c) = chars.next() {
            match c {
                ':' => values.push(String::new()),
                '\\' => values.last_mut().expect("starts with one value").extend(chars.next()),
                _ => values.last_mut().expect("starts with one value").push(c),
            }
        }
        values.into_iter().map(Cow::Owned).collect()
    }
}

impl SubjectKey {
    /// The key as a JSON array, `[42]` or `["a",7]`: the form that people and other programs read and write.
    pub fn json(&self, shape: &KeyShape) -> String {
        let mut json = String::from("[");
        for (i, (column, value)) in shape.columns.iter().zip(self.values(shape.columns.len())).enumerate() {
            if i > 0 {
                json.push(',');
            }
            if column.bare_in_json {
                json.push_str(&value);
            } else {
                json.push_str(&serde_json::Value::String(value.into_owned()).to_string());
            }
        }
        json.push(']');
        json
    }
}

impl fmt::Display for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
