//! SQL of the user's taken apart, as far as that takes to know what is quoted and what is a comment, see
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>.

/// A piece of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// With its dashes or slashes.
    Comment(&'a str),
    /// `$1` or `$name`, without the `$`.
    Parameter(&'a str),
    /// A quoted whole, or one character of anything else.
    Other(&'a str),
}

/// The pieces of `sql`, which add up to it. One that is left open goes on to the end.
pub(super) fn tokens(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (before, rest) = sql.split_at(at);
        let token = token(before, rest)?;
        at += match token {
            Token::Comment(text) | Token::Other(text) => text.len(),
            Token::Parameter(name) => 1 + name.len(),
        };
        Some(token)
    })
}

fn token<'a>(before: &str, rest: &'a str) -> Option<Token<'a>> {
    let first = rest.chars().next()?;
    let in_word = before.chars().next_back().is_some_and(is_word);
    let length = match first {
        '\'' => quoted(rest, '\'', is_escape_string(before)),
        '"' => quoted(rest, '"', false),
        '-' if rest.starts_with("--") => return Some(Token::Comment(&rest[..rest.find('\n').unwrap_or(rest.len())])),
        '/' if rest.starts_with("/*") => return Some(Token::Comment(&rest[..comment(rest)])),
        '$' if !in_word => match dollar(rest) {
            Dollar::Quoted(length) => length,
            Dollar::Parameter(name) => return Some(Token::Parameter(name)),
            Dollar::Else => 1,
        },
        other => other.len_utf8(),
    };
    Some(Token::Other(&rest[..length]))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

/// Whether what stands before a quote makes it one in which a backslash escapes.
fn is_escape_string(before: &str) -> bool {
    let mut before = before.chars().rev();
    matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(is_word)
}

/// Length of a quoted token. A doubled quote looks like two tokens side by side, which does no harm.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return at + 1;
        }
        if c == '\\' && escapes {
            chars.next();
        }
    }
    text.len()
}

/// Length of a comment; they nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// What a `$` begins.
enum Dollar<'a> {
    /// Length of the whole.
    Quoted(usize),
    /// Name or number.
    Parameter(&'a str),
    Else,
}

fn dollar(text: &str) -> Dollar<'_> {
    let after = &text[1..];
    let word = |c: char| is_word(c) && c != '$';
    let tag = &after[..after.find(|c| !word(c)).unwrap_or(after.len())];
    let begins_with_digit = tag.starts_with(|c: char| c.is_ascii_digit());
    if !begins_with_digit && after[tag.len()..].starts_with('$') {
        let delimiter = &text[..tag.len() + 2];
        let end = text[delimiter.len()..].find(delimiter);
        return Dollar::Quoted(end.map_or(text.len(), |at| at + 2 * delimiter.len()));
    }
    if begins_with_digit {
        let digits = tag.find(|c: char| !c.is_ascii_digit()).unwrap_or(tag.len());
        return Dollar::Parameter(&tag[..digits]);
    }
    if tag.is_empty() {
        Dollar::Else
    } else {
        Dollar::Parameter(tag)
    }
}
