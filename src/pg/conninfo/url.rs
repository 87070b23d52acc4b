//! `postgresql://user:password@host:port,host:port/database?name=value&…`

use percent_encoding::percent_decode_str;

use super::{InvalidDsn, Pairs};

/// `rest` is what follows `postgresql://`.
pub(super) fn parse(rest: &str) -> Result<Pairs, InvalidDsn> {
    let mut pairs = Pairs::new();
    // A password with `/` in it must be encoded; one with `?` need not be.
    let user_end = rest.find(['@', '/']).filter(|at| rest[*at..].starts_with('@'));
    let rest = match user_end {
        Some(at) => {
            let (user, password) = split(&rest[..at], ':');
            push(&mut pairs, "user", user)?;
            push(&mut pairs, "password", password.unwrap_or_default())?;
            &rest[at + 1..]
        }
        None => rest,
    };
    let (before, query) = split(rest, '?');
    let (hosts, database) = split(before, '/');
    push_hosts(&mut pairs, hosts)?;
    push(&mut pairs, "dbname", database.unwrap_or_default())?;
    for parameter in query.unwrap_or_default().split('&').filter(|field| !field.is_empty()) {
        pairs.push(self::parameter(parameter)?);
    }
    Ok(pairs)
}

fn push_hosts(pairs: &mut Pairs, text: &str) -> Result<(), InvalidDsn> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for part in text.split(',') {
        let (host, port) = match part.strip_prefix('[') {
            Some(rest) => {
                let Some((address, after)) = rest.split_once(']') else {
                    return Err(InvalidDsn::Malformed("`[` without `]`"));
                };
                let port = after.strip_prefix(':');
                if address.is_empty() || (port.is_none() && !after.is_empty()) {
                    return Err(InvalidDsn::Malformed(
                        "`[…]` must hold an address, and a port may follow",
                    ));
                }
                (address, port)
            }
            None => split(part, ':'),
        };
        hosts.push(decoded(host)?);
        ports.push(decoded(port.unwrap_or_default())?);
    }
    for (name, values) in [("host", hosts), ("port", ports)] {
        if values.iter().any(|value| !value.is_empty()) {
            pairs.push((name.to_owned(), values.join(",")));
        }
    }
    Ok(())
}

fn parameter(text: &str) -> Result<(String, String), InvalidDsn> {
    let Some((name, value)) = text.split_once('=').filter(|(_, value)| !value.contains('=')) else {
        return Err(InvalidDsn::Malformed(
            "each parameter must be `name=value`, with `%3D` for any other `=`",
        ));
    };
    let (name, value) = (decoded(name)?, decoded(value)?);
    // As drivers of other languages write it.
    if name == "ssl" && value == "true" {
        return Ok(("sslmode".to_owned(), "require".to_owned()));
    }
    Ok((name, value))
}

/// What stands empty is not given.
fn push(pairs: &mut Pairs, name: &str, encoded: &str) -> Result<(), InvalidDsn> {
    if !encoded.is_empty() {
        pairs.push((name.to_owned(), decoded(encoded)?));
    }
    Ok(())
}

fn split(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn decoded(text: &str) -> Result<String, InvalidDsn> {
    let is_code = |after: &str| after.len() >= 2 && after.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    if !text.split('%').skip(1).all(is_code) {
        return Err(InvalidDsn::Malformed("`%` must be followed by two hexadecimal digits"));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(text) if text.contains('\0') => Err(InvalidDsn::Malformed("`%00` stands for nothing")),
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(InvalidDsn::Malformed("what is percent-encoded is not UTF-8")),
    }
}
