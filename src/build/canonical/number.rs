//! The one spelling of a number.
//!
//! ```text
//! -003.500e-2  ✗ (no JSON)      3.50, 3.5, 35e-1  ─▶  35e-1      1200, 1.2e3  ─▶  12e2      -0, 0e7  ─▶  0
//! ```
//! Digits without leading or trailing zeros, then the exponent unless it is 0.

use std::io::Write;

use super::NotJson;
use super::text::Text;

/// Exponents of more digits are not calculated with: an `i128` holds 38, and the correction for trailing zeros and
/// decimals must fit as well.
const EXPONENT_DIGITS_MAX: usize = 36;

/// Reads a number and writes it in its one spelling.
pub(super) fn canonical(text: &mut Text<'_>, out: &mut Vec<u8>) -> Result<(), NotJson> {
    let written = read(text)?;
    out.push(b'#');
    written.write(out);
    out.push(b';');
    Ok(())
}

/// A number as it stands in the text.
struct Written<'a> {
    negative: bool,
    whole: &'a [u8],
    decimals: &'a [u8],
    exponent_negative: bool,
    exponent: &'a [u8],
}

fn read<'a>(text: &mut Text<'a>) -> Result<Written<'a>, NotJson> {
    let negative = text.peek() == Some(b'-');
    if negative {
        text.skip_byte();
    }
    let whole = if text.peek() == Some(b'0') {
        text.skip_byte();
        if text.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(text.wanted("a number without leading zeros"));
        }
        &[]
    } else {
        some_digits(text)?
    };
    let mut decimals: &[u8] = &[];
    if text.peek() == Some(b'.') {
        text.skip_byte();
        decimals = some_digits(text)?;
    }
    let (mut exponent_negative, mut exponent): (bool, &[u8]) = (false, &[]);
    if matches!(text.peek(), Some(b'e' | b'E')) {
        text.skip_byte();
        exponent_negative = text.peek() == Some(b'-');
        if matches!(text.peek(), Some(b'-' | b'+')) {
            text.skip_byte();
        }
        exponent = without_leading_zeros(some_digits(text)?);
    }
    Ok(Written {
        negative,
        whole,
        decimals,
        exponent_negative,
        exponent,
    })
}

impl Written<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let sign_at = out.len();
        if self.negative {
            out.push(b'-');
        }
        let digits_at = out.len();
        if self.whole.is_empty() {
            out.extend_from_slice(without_leading_zeros(self.decimals));
        } else {
            out.extend_from_slice(self.whole);
            out.extend_from_slice(self.decimals);
        }
        let last = out[digits_at..].iter().rposition(|&digit| digit != b'0');
        let Some(last) = last else {
            out.truncate(sign_at);
            out.push(b'0');
            return;
        };
        let trailing_zeros = out.len() - digits_at - (last + 1);
        out.truncate(digits_at + last + 1);
        // Both are lengths within one text.
        let shift = trailing_zeros as i128 - self.decimals.len() as i128;
        self.write_exponent(shift, out);
    }

    fn write_exponent(&self, shift: i128, out: &mut Vec<u8>) {
        let sign = if self.exponent_negative { "-" } else { "" };
        if self.exponent.len() > EXPONENT_DIGITS_MAX {
            // As a sum that is not worked out. Says which number it is, though another spelling would say it too.
            out.extend_from_slice(b"E");
            out.extend_from_slice(sign.as_bytes());
            out.extend_from_slice(self.exponent);
            write_decimal(b'+', shift, out);
            return;
        }
        let size = self
            .exponent
            .iter()
            .fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        let exponent = shift + if self.exponent_negative { -size } else { size };
        if exponent != 0 {
            write_decimal(b'e', exponent, out);
        }
    }
}

fn write_decimal(tag: u8, number: i128, out: &mut Vec<u8>) {
    out.push(tag);
    write!(out, "{number}").expect("a vector takes every byte");
}

fn some_digits<'a>(text: &mut Text<'a>) -> Result<&'a [u8], NotJson> {
    let digits = text.digits();
    if digits.is_empty() {
        Err(text.wanted("a digit"))
    } else {
        Ok(digits)
    }
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}
