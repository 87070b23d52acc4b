//! `host=db user='it''s'`: names and values.

use std::iter::Peekable;
use std::str::Chars;

use super::{InvalidDsn, Pairs};

/// Blanks around `=` do not count. A value may stand in single quotes, with `\` before a quote or a backslash.
pub(super) fn parse(text: &str) -> Result<Pairs, InvalidDsn> {
    let mut chars = text.chars().peekable();
    let mut pairs = Pairs::new();
    loop {
        skip_blanks(&mut chars);
        if chars.peek().is_none() {
            return Ok(pairs);
        }
        let name = std::iter::from_fn(|| chars.next_if(|c| *c != '=' && !c.is_ascii_whitespace())).collect();
        skip_blanks(&mut chars);
        if chars.next() != Some('=') {
            return Err(InvalidDsn::Malformed("a name without `=` and a value"));
        }
        skip_blanks(&mut chars);
        pairs.push((name, value(&mut chars)?));
    }
}

fn value(chars: &mut Peekable<Chars<'_>>) -> Result<String, InvalidDsn> {
    let quoted = chars.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match chars.next() {
            Some('\\') => value.extend(chars.next()),
            Some('\'') if quoted => return Ok(value),
            Some(c) if !quoted && c.is_ascii_whitespace() => return Ok(value),
            Some(c) => value.push(c),
            None if quoted => return Err(InvalidDsn::Malformed("a quote that is never closed")),
            None => return Ok(value),
        }
    }
}

fn skip_blanks(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(char::is_ascii_whitespace).is_some() {}
}
