//! What a string of the file may take from outside: `${VAR}` from the environment, `file:/path` from a file.
//!
//! | written | yields |
//! | --- | --- |
//! | `${VAR}` | the variable; an error where it is not set |
//! | `${VAR:-default}` | the variable, or the default where it is unset or empty; the default may hold `${…}` itself |
//! | `${VAR:?message}` | the variable, or an error with the message where it is unset or empty |
//! | `$${` | a literal `${` |
//! | `file:/path`, as the whole value | what the file holds, less one newline at its end |
//!
//! Only `${` means something, so that SQL keeps its `$1` and its `$$ … $$`. What came from outside is not expanded again.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::connection::read;
use crate::config::wording::quoted;

/// Reads one variable of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

#[derive(Debug, thiserror::Error)]
pub enum ExpandError {
    #[error("the environment variable `{name}` is not set")]
    Unset { name: String },
    #[error("`{name}` is not set: {message}")]
    Demanded { name: String, message: String },
    #[error("`${{` is never closed")]
    Unclosed,
    #[error("`{name}` is not the name of an environment variable")]
    Name { name: String },
    #[error("`${{{name}` must go on with `}}`, `:-` or `:?`")]
    Operator { name: String },
    #[error("can't read {}: {}", quoted(path), reason(.source))]
    File { path: String, source: io::Error },
}

impl ExpandError {
    /// What to look for in the value to point at the very spot.
    pub fn needle(&self) -> String {
        match self {
            Self::Unset { name } | Self::Demanded { name, .. } | Self::Name { name } | Self::Operator { name } => {
                format!("${{{name}")
            }
            Self::Unclosed => "${".to_owned(),
            Self::File { path, .. } => format!("file:{path}"),
        }
    }

    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unset { name } => Some(format!("set it, or give a default: `${{{name}:-default}}`")),
            Self::Unclosed | Self::Name { .. } | Self::Operator { .. } => {
                Some("a literal `${` is written `$${`".to_owned())
            }
            Self::Demanded { .. } | Self::File { .. } => None,
        }
    }
}

/// The value, with the file that it comes from, where it has one; or everything that is wrong with it.
pub fn expand(text: &str, env: Environment<'_>) -> Result<(String, Option<PathBuf>), Vec<ExpandError>> {
    let mut errors = Vec::new();
    let value = variables(text, env, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    // The prefix must stand in the file itself: a variable cannot turn a value into the name of a file.
    match value.strip_prefix("file:") {
        Some(path) if text.starts_with("file:/") => match read(Path::new(path)) {
            Ok(found) => Ok((found, Some(path.into()))),
            Err(source) => Err(vec![ExpandError::File {
                path: path.to_owned(),
                source,
            }]),
        },
        _ => Ok((value, None)),
    }
}

fn variables(text: &str, env: Environment<'_>, errors: &mut Vec<ExpandError>) -> String {
    let mut value = String::with_capacity(text.len());
    for part in parts(text) {
        match part {
            Part::Text(text) => value.push_str(text),
            Part::Escape(_) => value.push_str("${"),
            Part::Open(_) => errors.push(ExpandError::Unclosed),
            Part::Variable { name, rest, .. } => match variable(name, rest, env, errors) {
                Ok(found) => value.push_str(&found),
                Err(error) => errors.push(error),
            },
        }
    }
    value
}

fn variable(
    name: &str,
    rest: &str,
    env: Environment<'_>,
    errors: &mut Vec<ExpandError>,
) -> Result<String, ExpandError> {
    let (default, message) = (rest.strip_prefix(":-"), rest.strip_prefix(":?"));
    let named = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let name = name.to_owned();
    if !named {
        return Err(ExpandError::Name { name });
    }
    if !(rest.is_empty() || default.is_some() || message.is_some()) {
        // What goes on instead may be a secret, so it is not told.
        return Err(ExpandError::Operator { name });
    }
    let found = env(&name);
    if rest.is_empty() {
        return found.ok_or(ExpandError::Unset { name });
    }
    match (found.filter(|found| !found.is_empty()), default) {
        (Some(found), _) => Ok(found),
        (None, Some(default)) => Ok(variables(default, env, errors)),
        (None, None) => Err(ExpandError::Demanded {
            name,
            message: message.unwrap_or_default().to_owned(),
        }),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        kind => kind.to_string(),
    }
}

/// A piece of a string, as written.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    Text(&'a str),
    /// `$${`
    Escape(&'a str),
    /// `${NAME` + `rest` + `}`, where `rest` is empty or begins with whatever ended the name.
    Variable {
        name: &'a str,
        rest: &'a str,
    },
    /// `${` that nothing closes, with all that follows.
    Open(&'a str),
}

impl Part<'_> {
    /// Bytes that it takes in the text.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Escape(text) | Self::Open(text) => text.len(),
            Self::Variable { name, rest } => "${".len() + name.len() + rest.len() + "}".len(),
        }
    }
}

/// Takes a string apart. Braces inside of a default must be in pairs, which `{id}` of a URL always is.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find("${") {
        let escaped = rest[..dollar].ends_with('$');
        let (before, found) = rest.split_at(if escaped { dollar - 1 } else { dollar });
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        let part = if escaped {
            Part::Escape(&found[.."$${".len()])
        } else {
            variable_part(found)
        };
        rest = &found[part.len()..];
        parts.push(part);
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

fn variable_part(found: &str) -> Part<'_> {
    let inside = &found["${".len()..];
    let mut depth = 0_usize;
    for (at, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
                let name_end = inside[..at].find(|character| !is_name(character)).unwrap_or(at);
                return Part::Variable {
                    name: &inside[..name_end],
                    rest: &inside[name_end..at],
                };
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    Part::Open(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("db.example".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICKY" => Some("${HOST} file:/etc/passwd".to_owned()),
            "PATH_ONLY" => Some("file:/etc/passwd".to_owned()),
            _ => None,
        }
    }

    fn expanded(text: &str) -> String {
        expand(text, &env).unwrap().0
    }

    fn refused(text: &str) -> Vec<String> {
        expand(text, &env)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn variables_and_defaults_expand_anywhere_in_a_string() {
        assert_eq!(
            expanded("postgres://${HOST}:5432/${DB:-shop}"),
            "postgres://db.example:5432/shop"
        );
        assert_eq!(expanded("${EMPTY}"), "");
        assert_eq!(expanded("${EMPTY:-full}"), "full");
        assert_eq!(expanded("${NONE:-}"), "");
        assert_eq!(expanded("${NONE:-${ALSO_NONE:-${HOST}}}/x"), "db.example/x");
        assert_eq!(
            expanded("${NONE:-http://localhost/orders/{id}}?x={y}"),
            "http://localhost/orders/{id}?x={y}"
        );
        assert_eq!(expanded("${HOST:?say where}"), "db.example");
    }

    #[test]
    fn sql_keeps_its_dollars() {
        for text in [
            "$1",
            "id = any($1)",
            "$$it's$$",
            "$body$ select 1 $body$",
            "a $ b",
            "$",
            "$$",
        ] {
            assert_eq!(expanded(text), text);
        }
        assert_eq!(expanded("'$${HOST}' || '$$${HOST}'"), "'${HOST}' || '$${HOST}'");
    }

    #[test]
    fn what_came_from_outside_is_not_expanded_again() {
        assert_eq!(expanded("${TRICKY}"), "${HOST} file:/etc/passwd");
        assert_eq!(expanded("${PATH_ONLY}"), "file:/etc/passwd");
    }

    #[test]
    fn every_fault_of_a_string_is_told() {
        assert_eq!(
            refused("${NONE} ${1ST} ${EMPTY:?say where} ${HOST:=x} ${HOST"),
            [
                "the environment variable `NONE` is not set",
                "`1ST` is not the name of an environment variable",
                "`EMPTY` is not set: say where",
                "`${HOST` must go on with `}`, `:-` or `:?`",
                "`${` is never closed",
            ]
        );
    }

    #[test]
    fn a_file_is_read_and_loses_one_newline() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"hunter2 ${HOST}\n\n").unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(expanded(&format!("file:{path}")), "hunter2 ${HOST}\n");
        assert_eq!(
            refused("file:/no/such/file"),
            ["can't read \"/no/such/file\": no such file"]
        );
        assert_eq!(expanded("see file:/x"), "see file:/x");
        assert_eq!(expanded("file:relative"), "file:relative");
    }
}
