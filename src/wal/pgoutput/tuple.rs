//! The row images in a message.

use std::fmt;

use super::cursor::{Cursor, DecodeError, Problem};

/// One row as it stands in a message: checked when it was decoded, walked without copying.
///
/// Its columns are those of the last Relation message for the table, in that order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tuple<'a> {
    columns: u16,
    /// The columns only, neither the count before them nor anything behind.
    bytes: &'a [u8],
}

/// One column of a [`Tuple`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    /// A large value stored out of line (TOAST) that the update left alone, so the WAL does not hold it. Not null:
    /// the row has a value, this message does not know it.
    Unchanged,
    /// In the text form of the type.
    Text(&'a str),
    /// In the binary form of the type; only sent to those who ask for it.
    Binary(&'a [u8]),
}

/// What a message says about the row as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldTuple<'a> {
    pub kind: OldKind,
    pub tuple: Tuple<'a>,
}

/// How much of the old row there is. Follows from the table's replica identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldKind {
    /// The columns of the replica identity; every other column is null, whatever the row held.
    Key,
    /// The whole row.
    Full,
}

impl<'a> Tuple<'a> {
    /// Checks the whole tuple, so that walking it cannot fail.
    pub(super) fn decode(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let columns = cursor.count("column count")?;
        let start = cursor.left();
        for _ in 0..columns {
            match cursor.tag("column kind", Kind::from_byte)? {
                Kind::Null | Kind::Unchanged => {}
                Kind::Text => {
                    let len = cursor.length("text length")?;
                    let before = cursor.left();
                    let text = cursor.bytes("text value", len)?;
                    str::from_utf8(text).map_err(|_| cursor.error_at(before, "text value", Problem::NotUtf8))?;
                }
                Kind::Binary => {
                    let len = cursor.length("binary length")?;
                    cursor.bytes("binary value", len)?;
                }
            }
        }
        let (bytes, _) = start.split_at(start.len() - cursor.left().len());
        Ok(Self { columns, bytes })
    }

    pub fn len(&self) -> usize {
        self.columns.into()
    }

    /// A table may have no columns, and its rows are still rows.
    pub fn is_empty(&self) -> bool {
        self.columns == 0
    }

    pub fn iter(&self) -> Values<'a> {
        Values {
            left: self.bytes,
            columns: self.columns,
        }
    }

    /// The column at `index`, counted from 0. Walks the columns before it: to read most of a row, use [`Tuple::iter`].
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        self.iter().nth(index)
    }
}

impl<'a> IntoIterator for Tuple<'a> {
    type Item = Value<'a>;
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Tuple<'a> {
    type Item = Value<'a>;
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.iter()
    }
}

/// The columns of a [`Tuple`] in order.
#[derive(Clone)]
pub struct Values<'a> {
    left: &'a [u8],
    columns: u16,
}

impl<'a> Values<'a> {
    /// The next column as bytes; they are empty where there is no value.
    fn next_raw(&mut self) -> Option<(Kind, &'a [u8])> {
        self.columns = self.columns.checked_sub(1)?;
        let (&kind, left) = self.left.split_first()?;
        let kind = Kind::from_byte(kind)?;
        if matches!(kind, Kind::Null | Kind::Unchanged) {
            self.left = left;
            return Some((kind, &[]));
        }
        let (&len, left) = left.split_first_chunk()?;
        let (value, left) = left.split_at_checked(usize::try_from(i32::from_be_bytes(len)).ok()?)?;
        self.left = left;
        Some((kind, value))
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (kind, bytes) = self.next_raw()?;
        Some(kind.value(bytes))
    }

    /// Leaves the text of the columns that are skipped unread.
    fn nth(&mut self, n: usize) -> Option<Value<'a>> {
        for _ in 0..n {
            self.next_raw()?;
        }
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.columns.into(), Some(self.columns.into()))
    }
}

impl ExactSizeIterator for Values<'_> {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Unchanged,
    Text,
    Binary,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'n' => Some(Self::Null),
            b'u' => Some(Self::Unchanged),
            b't' => Some(Self::Text),
            b'b' => Some(Self::Binary),
            _ => None,
        }
    }

    fn value(self, bytes: &[u8]) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Unchanged => Value::Unchanged,
            // Looked at a second time because the standard library offers no safe way to say "this is known".
            Self::Text => Value::Text(str::from_utf8(bytes).expect("text was checked when the tuple was decoded")),
            Self::Binary => Value::Binary(bytes),
        }
    }
}

// `Debug` by hand in this file: what is printed ends in logs, and row values must not.

impl fmt::Debug for Tuple<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Unchanged => f.write_str("Unchanged"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
