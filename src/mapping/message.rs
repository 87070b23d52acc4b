//! Messages of an application's own, which name subjects.
//!
//! <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION>

use serde_json::Value;

use super::subject::SubjectKey;
use crate::plan::{KeyColumn, KeyShape};

/// The prefix of the message by which a transaction says, before its first change, which sync made it: `SLOT/SYNC`.
pub const AFTER_PUBLISH_PREFIX: &str = "walsift.after_publish";

/// What is longer is not taken apart: it would be many times as large in memory.
const CONTENT_BYTES_MAX: usize = 1 << 20;

/// Why a message names no subjects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("it is longer than {CONTENT_BYTES_MAX} bytes")]
    Long,
    #[error("it is no JSON array")]
    NotAnArray,
    #[error("a key is an array of {wanted} values, in the order of the key's columns; found {found}")]
    Arity { wanted: usize, found: usize },
    #[error("`{column}`: {wanted} is wanted")]
    Value { column: String, wanted: &'static str },
}

/// The subjects that a message names: one key as an array, `[42]` or `["a", 7]`, or several in an array, `[[42], [43]]`.
pub(super) fn keys(content: &[u8], shape: &KeyShape) -> Result<Vec<SubjectKey>, Malformed> {
    if content.len() > CONTENT_BYTES_MAX {
        return Err(Malformed::Long);
    }
    let values: Vec<Value> = serde_json::from_slice(content).map_err(|_| Malformed::NotAnArray)?;
    match values.first() {
        Some(Value::Array(_)) | None => values.iter().map(|value| key(value.as_array(), shape)).collect(),
        Some(_) => Ok(vec![key(Some(&values), shape)?]),
    }
}

/// A subject as a person writes it: its key as an array, or where it has one column only, the value as it is.
pub fn written_key(text: &str, shape: &KeyShape) -> Result<SubjectKey, Malformed> {
    if shape.columns.len() == 1 && !text.trim_start().starts_with('[') {
        return key(Some(&vec![Value::String(text.to_owned())]), shape);
    }
    let values: Value = serde_json::from_str(text).map_err(|_| Malformed::NotAnArray)?;
    key(values.as_array(), shape)
}

fn key(values: Option<&Vec<Value>>, shape: &KeyShape) -> Result<SubjectKey, Malformed> {
    let values = values.ok_or(Malformed::NotAnArray)?;
    if values.len() != shape.columns.len() {
        return Err(Malformed::Arity {
            wanted: shape.columns.len(),
            found: values.len(),
        });
    }
    let texts = shape
        .columns
        .iter()
        .zip(values)
        .map(|(column, value)| text(column, value));
    let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    Ok(SubjectKey::new(texts.iter().map(String::as_str)))
}

/// A value as the stream writes it. Types that have several ways to write a value and are not among these must be
/// written as Postgres does.
fn text(column: &KeyColumn, value: &Value) -> Result<String, Malformed> {
    let (wanted, text) = match value {
        _ if column.bare_in_json => ("a whole number of its type", integer(column, value)),
        Value::Bool(value) if column.sql_type == "boolean" => {
            return Ok(if *value { "t" } else { "f" }.to_owned());
        }
        Value::String(text) if column.sql_type == "uuid" => ("a UUID", uuid(text)),
        // A zero byte is nothing that a value could hold.
        Value::String(text) => ("text", (!text.contains('\0')).then(|| text.clone())),
        Value::Number(number) => (
            "a string or a whole number",
            whole(number).map(|whole| whole.to_string()),
        ),
        _ => ("a string", None),
    };
    text.ok_or_else(|| Malformed::Value {
        column: column.name.clone(),
        wanted,
    })
}

fn integer(column: &KeyColumn, value: &Value) -> Option<String> {
    let number = match value {
        Value::Number(number) => whole(number)?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let fits = match column.sql_type.as_str() {
        "smallint" => i16::try_from(number).is_ok(),
        "integer" => i32::try_from(number).is_ok(),
        _ => i64::try_from(number).is_ok(),
    };
    fits.then(|| number.to_string())
}

fn whole(number: &serde_json::Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

/// In the one form that Postgres writes, from those it reads: any case, hyphens anywhere between pairs, braces around.
fn uuid(text: &str) -> Option<String> {
    let bare = text
        .strip_prefix('{')
        .map_or(Some(text), |inner| inner.strip_suffix('}'))?;
    let digits: Vec<char> = bare.chars().filter(|&c| c != '-').collect();
    if digits.len() != 32 || !digits.iter().all(char::is_ascii_hexdigit) {
        return None;
    }
    let mut written = String::with_capacity(36);
    for (at, digit) in digits.iter().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            written.push('-');
        }
        written.push(digit.to_ascii_lowercase());
    }
    Some(written)
}
