//! The JSON text, token by token.

use super::NotJson;

/// What [`Text::string`] writes before the text itself: the quote and the length.
pub(super) const NAME_OFFSET: usize = 9;

pub(super) struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    pub(super) fn wanted(&self, wanted: &'static str) -> NotJson {
        NotJson { at: self.at, wanted }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn skip_byte(&mut self) {
        self.at += 1;
    }

    /// The first byte of the next token, which stays where it is.
    pub(super) fn next_token(&mut self) -> Option<u8> {
        while let Some(byte) = self.peek() {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Reads `token` if it comes next.
    pub(super) fn take(&mut self, token: u8) -> bool {
        let found = self.next_token() == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Reads a comma (`true`) or `close` (`false`).
    pub(super) fn comma_or(&mut self, close: u8, wanted: &'static str) -> Result<bool, NotJson> {
        if self.take(b',') {
            Ok(true)
        } else if self.take(close) {
            Ok(false)
        } else {
            Err(self.wanted(wanted))
        }
    }

    pub(super) fn word(&mut self, word: &'static str) -> Result<(), NotJson> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.wanted(word));
        }
        self.at += word.len();
        Ok(())
    }

    /// The digits that come next, perhaps none.
    pub(super) fn digits(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let length = rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), NotJson> {
        match self.next_token() {
            None => Ok(()),
            Some(_) => Err(self.wanted("the end")),
        }
    }

    /// Reads a string, whose opening quote comes next, and writes it unescaped, with its length before it.
    pub(super) fn string(&mut self, out: &mut Vec<u8>) -> Result<(), NotJson> {
        self.at += 1;
        out.push(b'"');
        let length_at = out.len();
        out.extend_from_slice(&[0; 8]);
        loop {
            let rest = self.rest();
            let plain = rest
                .iter()
                .position(|&b| b == b'"' || b == b'\\' || b < b' ')
                .unwrap_or(rest.len());
            out.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape(out)?,
                _ => return Err(self.wanted("the end of a string")),
            }
        }
        self.at += 1;
        let length = (out.len() - length_at - 8) as u64;
        out[length_at..length_at + 8].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), NotJson> {
        self.at += 1;
        let byte = match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/')) => b,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => return self.unicode(out),
            _ => return Err(self.wanted("an escape sequence")),
        };
        self.at += 1;
        out.push(byte);
        Ok(())
    }

    /// Reads `uXXXX`, and the low half as well if this is the high half of a pair.
    fn unicode(&mut self, out: &mut Vec<u8>) -> Result<(), NotJson> {
        let mut point = self.code_unit()?;
        if (0xd800..0xdc00).contains(&point) && self.rest().starts_with(b"\\u") {
            let second_at = self.at;
            self.at += 1;
            let low = self.code_unit()?;
            if (0xdc00..0xe000).contains(&low) {
                point = 0x1_0000 + ((point - 0xd800) << 10) + (low - 0xdc00);
            } else {
                self.at = second_at;
            }
        }
        if let Some(c) = char::from_u32(point) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            // A lone surrogate: no text in UTF-8 has these three bytes, and only this surrogate has them.
            let low_bits = |shift: u32| 0x80 | u8::try_from((point >> shift) & 0x3f).unwrap_or_default();
            out.extend_from_slice(&[0xed, low_bits(6), low_bits(0)]);
        }
        Ok(())
    }

    /// Reads `uXXXX`.
    fn code_unit(&mut self) -> Result<u32, NotJson> {
        let digits = self.rest().get(1..5).unwrap_or_default();
        let unit = digits
            .iter()
            .try_fold(0, |unit, &byte| Some(unit << 4 | char::from(byte).to_digit(16)?));
        match unit {
            Some(unit) if digits.len() == 4 => {
                self.at += 5;
                Ok(unit)
            }
            _ => Err(self.wanted("`u` and four hexadecimal digits")),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}
