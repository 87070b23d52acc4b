//! Which bytes of a value are secret. Where in doubt, more is hidden rather than less.
//!
//! Used twice: to blot secrets out of the file's own text before a finding is shown in it, and to print the
//! configuration in force. The name in `${NAME}` is no secret, its default may be one.

use std::ops::Range;

use super::raw::expand::{Part, parts};

/// What kind of secret a value is, and so how much of it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// Nothing may.
    Whole,
    /// A connection string of Postgres: all but passwords.
    Connection,
    /// A URL: all but the password, the values of the query, and path segments that look like a token.
    Url,
    /// Certificates or a key: the name of a file may, what would stand in it may not.
    Pem,
}

/// Stands for `${…}` while a text is looked through. Never hidden, never part of any pattern.
const HOLE: u8 = 0x01;

/// A segment of a path this long, with letters and digits, is taken for a token, as in the URLs of chat webhooks.
const TOKEN_LENGTH_MIN: usize = 20;

/// A value in force, with `***` for what is secret in it.
pub fn masked(value: &str, secrecy: Secrecy) -> String {
    let mut shown = String::new();
    let mut at = 0;
    for range in merged(secret_parts(value.as_bytes(), secrecy)) {
        shown.push_str(&String::from_utf8_lossy(&value.as_bytes()[at..range.start]));
        shown.push_str("***");
        at = range.end;
    }
    shown.push_str(&String::from_utf8_lossy(&value.as_bytes()[at..]));
    shown
}

/// The secret bytes of a TOML value as it is written, quotes included.
pub fn secret_ranges(written: &str, secrecy: Secrecy) -> Vec<Range<usize>> {
    let Some((inner, literal)) = unquoted(written) else {
        return whole(written.len());
    };
    let text = &written[inner.clone()];
    // An escape could hide the sign that tells a password's end.
    let secrecy = if !literal && text.contains('\\') {
        Secrecy::Whole
    } else {
        secrecy
    };
    let mut ranges = Vec::new();
    collect(text, inner.start, secrecy, &mut ranges);
    ranges
}

fn collect(text: &str, offset: usize, secrecy: Secrecy, ranges: &mut Vec<Range<usize>>) {
    if text.starts_with("file:/") {
        return;
    }
    let mut flat = text.as_bytes().to_vec();
    let mut defaults = Vec::new();
    let mut at = 0;
    for part in parts(text) {
        let end = at + part.len();
        if let Part::Open(_) = part {
            ranges.push(offset + at..offset + end);
        }
        if let Part::Variable { rest, .. } = part {
            flat[at..end].fill(HOLE);
            // A message is there to be shown. Anything else is a default, or was meant to be one.
            if !rest.starts_with(":?") {
                let default = rest.strip_prefix(":-").unwrap_or(rest);
                defaults.push((end - 1 - default.len(), default));
            }
        }
        at = end;
    }
    let secret = secret_parts(&flat, secrecy);
    for (start, default) in defaults {
        let inside = secret.iter().any(|range| range.contains(&start));
        collect(
            default,
            offset + start,
            if inside { Secrecy::Whole } else { secrecy },
            ranges,
        );
    }
    for range in secret {
        let shown = |byte: &usize| flat[*byte] == HOLE;
        ranges.extend(
            range
                .filter(|byte| !shown(byte))
                .map(|byte| offset + byte..offset + byte + 1),
        );
    }
}

fn secret_parts(flat: &[u8], secrecy: Secrecy) -> Vec<Range<usize>> {
    match secrecy {
        Secrecy::Url => secret_url_parts(flat, secrecy),
        Secrecy::Connection if find(flat, b"://").is_some() || flat.first() == Some(&HOLE) => {
            secret_url_parts(flat, secrecy)
        }
        Secrecy::Connection if flat.contains(&b'=') => secret_keywords(flat),
        Secrecy::Pem if !flat.contains(&b'\n') && find(flat, b"-----").is_none() => Vec::new(),
        Secrecy::Whole | Secrecy::Connection | Secrecy::Pem => whole(flat.len()),
    }
}

/// The user's password, and what the query says under telling names (a connection) or any name (a URL).
fn secret_url_parts(flat: &[u8], secrecy: Secrecy) -> Vec<Range<usize>> {
    let start = find(flat, b"://").map_or(0, |at| at + 3);
    // The last `@` of all: a password may hold `/`, `?` and `@` where its owner forgot to encode them.
    let at = flat.iter().rposition(|byte| *byte == b'@').filter(|at| *at >= start);
    let userinfo = match at {
        Some(at) => secret_user(flat, start..at, secrecy),
        None => secret_port(flat, start),
    };
    let rest = at.map_or(start, |at| at + 1);
    let query = flat[rest..]
        .iter()
        .position(|byte| *byte == b'?')
        .map_or(flat.len(), |query| rest + query);
    // Values are looked for in front of the query too, since a malformed URL may have lost its `?`.
    let fields = fields(flat, rest..flat.len(), b"/?&;#").filter_map(|field| {
        let in_query = field.start > query;
        secret_field(&flat[field.clone()], in_query, secrecy).map(|from| field.start + from..field.end)
    });
    userinfo
        .into_iter()
        .chain(fields)
        .filter(|range| !range.is_empty())
        .collect()
}

fn secret_user(flat: &[u8], user: Range<usize>, secrecy: Secrecy) -> Option<Range<usize>> {
    let text = &flat[user.clone()];
    match text.iter().position(|byte| *byte == b':') {
        Some(colon) => Some(user.start + colon + 1..user.end),
        // A lone user is known to be just that only in a connection that is written out.
        None if secrecy == Secrecy::Connection && !text.contains(&HOLE) => None,
        None => Some(user),
    }
}

/// `user:password` that was never followed by its host looks like a port that is no number.
fn secret_port(flat: &[u8], start: usize) -> Option<Range<usize>> {
    let authority = flat[start..].split(|byte| b"/?#".contains(byte)).next()?;
    let colon = authority.iter().position(|byte| *byte == b':')?;
    let is_port = authority[colon + 1..]
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == HOLE);
    (!is_port).then(|| start + colon + 1..start + authority.len())
}

/// From where on a part between `/`, `?` and `&` is secret.
fn secret_field(field: &[u8], in_query: bool, secrecy: Secrecy) -> Option<usize> {
    let is_placeholder = |text: &[u8]| text.starts_with(b"{") && text.ends_with(b"}");
    let equals = field.iter().position(|byte| *byte == b'=');
    let secret = match (secrecy, equals) {
        (Secrecy::Url, Some(equals)) => !is_placeholder(&field[equals + 1..]),
        (Secrecy::Url, None) => is_token(field) || (in_query && !is_placeholder(field)),
        (_, Some(equals)) => sounds_secret(&field[..equals].to_ascii_lowercase()),
        (_, None) => false,
    };
    secret.then(|| equals.map_or(0, |equals| equals + 1))
}

/// The name of a parameter of a connection, in lower case.
fn sounds_secret(name: &[u8]) -> bool {
    let sounds = [&b"pass"[..], b"secret", b"scram"];
    name != b"passfile" && sounds.iter().any(|sound| find(name, sound).is_some())
}

/// All values of libpq keywords but those that are known to be harmless, and all that is no keyword.
fn secret_keywords(flat: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < flat.len() {
        let rest = &flat[at..];
        let equals = rest.iter().position(|byte| *byte == b'=').unwrap_or(rest.len());
        let name = rest[..equals].trim_ascii();
        let blanks = rest[equals..]
            .iter()
            .take_while(|byte| **byte == b'=' || byte.is_ascii_whitespace())
            .count();
        let start = at + equals + blanks;
        let quoted = flat.get(start) == Some(&b'\'');
        let mut end = (start + usize::from(quoted)).min(flat.len());
        while let Some(byte) = flat.get(end) {
            if if quoted {
                *byte == b'\''
            } else {
                byte.is_ascii_whitespace()
            } {
                break;
            }
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        let end = end.min(flat.len());
        if !HARMLESS.iter().any(|harmless| harmless.as_bytes() == name) {
            let telling = name.iter().all(u8::is_ascii_alphabetic) && equals < rest.len();
            ranges.push(if telling {
                start + usize::from(quoted)..end
            } else {
                at..end
            });
        }
        at = end + usize::from(quoted);
    }
    ranges.retain(|range| !range.is_empty());
    ranges
}

const HARMLESS: [&str; 16] = [
    "host",
    "hostaddr",
    "port",
    "user",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "application_name",
    "connect_timeout",
    "passfile",
    "service",
    "channel_binding",
    "target_session_attrs",
    "load_balance_hosts",
];

fn is_token(segment: &[u8]) -> bool {
    segment.len() >= TOKEN_LENGTH_MIN
        && segment
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte))
        && segment.iter().any(u8::is_ascii_digit)
        && segment.iter().any(u8::is_ascii_alphabetic)
}

fn fields<'a>(flat: &'a [u8], range: Range<usize>, separators: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut start = range.start;
    flat[range].split(|byte| separators.contains(byte)).map(move |field| {
        let found = start..start + field.len();
        start = found.end + 1;
        found
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// What stands between the quotes, and whether they are those of a literal string, which knows no escapes.
fn unquoted(written: &str) -> Option<(Range<usize>, bool)> {
    ["\"\"\"", "'''", "\"", "'"].into_iter().find_map(|quote| {
        let long_enough = written.len() >= 2 * quote.len();
        let found = long_enough && written.starts_with(quote) && written.ends_with(quote);
        found.then(|| (quote.len()..written.len() - quote.len(), quote.starts_with('\'')))
    })
}

#[expect(clippy::single_range_in_vec_init, reason = "one range is meant")]
fn whole(length: usize) -> Vec<Range<usize>> {
    if length == 0 { Vec::new() } else { vec![0..length] }
}

fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::blot::blot;

    fn written(text: &str, secrecy: Secrecy) -> String {
        blot(text, secret_ranges(text, secrecy).iter())
    }

    #[test]
    fn connections_show_all_but_passwords() {
        let cases = [
            ("postgres://app:hunter2@db:5432/shop", "postgres://app:***@db:5432/shop"),
            ("postgres://app:hu/nt?er@2@db/shop", "postgres://app:***@db/shop"),
            (
                "postgres://app@db/shop?sslmode=require",
                "postgres://app@db/shop?sslmode=require",
            ),
            (
                "postgres://db/shop?user=app&password=hunter2",
                "postgres://db/shop?user=app&password=***",
            ),
            ("postgres://app:hunter2/shop", "postgres://app:***/shop"),
            ("postgres://db:5432/shop", "postgres://db:5432/shop"),
            (
                "host=db user=app password=hunter2 dbname=shop",
                "host=db user=app password=*** dbname=shop",
            ),
            (
                r"host=db password = 'hun\'t er2' dbname=shop",
                "host=db password = '***' dbname=shop",
            ),
            (
                "postgres://db/shop?passfile=/p&scram_client_key=hunter2&x_secret=hunter2",
                "postgres://db/shop?passfile=/p&scram_client_key=***&x_secret=***",
            ),
            (
                "service=shop passfile=/p options=hunter2",
                "service=shop passfile=/p options=***",
            ),
            ("hunter2", "***"),
            ("", ""),
        ];
        for (value, shown) in cases {
            assert_eq!(masked(value, Secrecy::Connection), shown);
        }
    }

    #[test]
    fn urls_show_neither_query_nor_tokens() {
        let cases = [
            (
                "https://api.example.com/orders/{id}",
                "https://api.example.com/orders/{id}",
            ),
            (
                "https://me:pw@api.example.com/x?key=abc&id={id}",
                "https://me:***@api.example.com/x?key=***&id={id}",
            ),
            (
                "https://hooks.example.com/services/T0/aB3dE6gH9jK2mN5pQ8sT",
                "https://hooks.example.com/services/T0/***",
            ),
            (
                "https://api.example.com/customer_orders_by_warehouse/{id}",
                "https://api.example.com/customer_orders_by_warehouse/{id}",
            ),
        ];
        for (value, shown) in cases {
            assert_eq!(masked(value, Secrecy::Url), shown);
        }
    }

    #[test]
    fn names_of_files_may_be_shown_and_what_stands_in_them_may_not() {
        assert_eq!(masked("certs/ca.pem", Secrecy::Pem), "certs/ca.pem");
        for text in ["-----BEGIN PRIVATE KEY-----", "MC4CAQAwBQYDK2VwBCIE\n"] {
            assert_eq!(masked(text, Secrecy::Pem), "***");
        }
        assert_eq!(written("\"${CA:-ca.pem}\"", Secrecy::Pem), "\"${CA:-ca.pem}\"");
    }

    #[test]
    fn names_of_variables_stay_and_their_defaults_do_not() {
        let cases = [
            (r#""${DATABASE_URL}""#, r#""${DATABASE_URL}""#),
            (
                r#""postgres://app:${PW:-hunter2}@db/shop""#,
                r#""postgres://app:${PW:-*******}@db/shop""#,
            ),
            (
                r#""${URL:-postgres://app:hunter2@db/shop}""#,
                r#""${URL:-postgres://app:*******@db/shop}""#,
            ),
            (r#""${A}hunter2@db/shop""#, r#""${A}*******@db/shop""#),
        ];
        for (text, shown) in cases {
            assert_eq!(written(text, Secrecy::Connection), shown);
        }
        assert_eq!(
            written(r#""Bearer ${TOKEN:-hunter2} x""#, Secrecy::Whole),
            r#""*******${TOKEN:-*******}**""#
        );
        assert_eq!(
            written("\"file:/run/secrets/x\"", Secrecy::Whole),
            "\"file:/run/secrets/x\""
        );
        assert_eq!(written("123456", Secrecy::Whole), "******");
        assert_eq!(
            written(r#""postgres://app:hunter2\u0040db""#, Secrecy::Connection),
            r#""******************************""#
        );
    }
}
