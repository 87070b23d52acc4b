//! Parameters as text, of whatever type the statement makes of them.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

/// An array, sent in the text form of Postgres: it may be one of any element type.
#[derive(Debug)]
pub struct TextArray<'a, T: AsRef<str>>(pub &'a [T]);

impl<T: AsRef<str> + std::fmt::Debug> ToSql for TextArray<'_, T> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        // See <https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO>: in quotes anything but `"` and `\` stands for
        // itself.
        out.put_u8(b'{');
        for (i, element) in self.0.iter().enumerate() {
            if i > 0 {
                out.put_u8(b',');
            }
            out.put_u8(b'"');
            for byte in element.as_ref().bytes() {
                if matches!(byte, b'"' | b'\\') {
                    out.put_u8(b'\\');
                }
                out.put_u8(byte);
            }
            out.put_u8(b'"');
        }
        out.put_u8(b'}');
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A value as Postgres writes it, or null.
#[derive(Debug, Clone, Copy)]
pub struct AsText<'a>(pub Option<&'a str>);

impl ToSql for AsText<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = self.0 else {
            return Ok(IsNull::Yes);
        };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_quoted_whatever_is_in_them() {
        let mut out = BytesMut::new();
        let elements = ["1", "", "a,b", "{}", "\"", "\\", "NULL", "ä"];
        TextArray(&elements).to_sql(&Type::TEXT_ARRAY, &mut out).unwrap();
        assert_eq!(out, r#"{"1","","a,b","{}","\"","\\","NULL","ä"}"#);
    }
}
