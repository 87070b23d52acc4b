//! What things may be called.

use std::collections::HashSet;

use crate::config::raw::At;
use crate::config::wording::quoted;
use crate::config::{Problem, Report, TableName};

/// The longest identifier of Postgres; it would silently cut a longer one.
pub const IDENTIFIER_BYTES_MAX: usize = 63;

/// Whether a sync or a sink may have this name.
pub fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let begins_well = text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    begins_well && text.bytes().all(allowed) && text.len() <= IDENTIFIER_BYTES_MAX
}

/// Names of syncs and sinks stand in headers, metrics and URLs without any quoting.
pub fn check_label(what: &str, name: &At<String>, report: &mut Report) {
    let text = &name.value;
    if !is_label(text) {
        let problem = Problem::at(&name.place, format!("{what} can't be named {}", quoted(text)));
        report.push(problem.help(
            "allowed are lower-case letters, digits, `_` and `-`, beginning with a letter or digit, at most 63 in all",
        ));
    }
}

/// Names of members and nodes become names of columns in the document's statement.
pub fn check_member(what: &str, name: &At<String>, report: &mut Report) {
    let text = &name.value;
    let problem = if text.is_empty() {
        "is empty"
    } else if text.len() > IDENTIFIER_BYTES_MAX {
        "is longer than 63 bytes"
    } else if text.chars().any(char::is_control) {
        "has a control character in it"
    } else {
        return;
    };
    report.push(Problem::at(&name.place, format!("the name of {what} {problem}")));
}

/// Columns, each once.
pub fn check_columns(columns: &[At<String>], report: &mut Report) {
    let mut seen = HashSet::new();
    for column in columns {
        if column.value.is_empty() {
            report.push(Problem::at(&column.place, "the name of a column is empty"));
        } else if !seen.insert(&column.value) {
            report.push(Problem::at(
                &column.place,
                format!("the column `{}` is named twice", column.value),
            ));
        }
    }
}

/// A publication: anything that Postgres takes for a name.
pub fn check_identifier(key: &str, name: &At<String>, report: &mut Report) {
    let text = &name.value;
    if text.is_empty() || text.len() > IDENTIFIER_BYTES_MAX || text.chars().any(char::is_control) {
        let problem = Problem::at(&name.place, format!("`{key}` is not a name that Postgres would take"));
        report.push(problem.help("wanted are 1 to 63 bytes without control characters"));
    }
}

/// A slot, where Postgres itself is as strict, or a schema, which should not need quotes either.
pub fn check_plain_identifier(key: &str, name: &At<String>, report: &mut Report) {
    let text = &name.value;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if text.is_empty() || text.len() > IDENTIFIER_BYTES_MAX || !text.bytes().all(allowed) {
        let problem = Problem::at(&name.place, format!("`{key}` can't be {}", quoted(text)));
        report.push(problem.help("allowed are lower-case letters, digits and `_`, at most 63 in all"));
    }
}

/// `name` or `schema.name`, as they are in the catalog; a part with a dot in it goes in double quotes.
pub fn parse_table(text: &str) -> Option<TableName> {
    let (first, rest) = identifier(text)?;
    let table = match rest.strip_prefix('.') {
        None => TableName {
            schema: None,
            name: first,
        },
        Some(rest) => {
            let (name, rest) = identifier(rest)?;
            return rest.is_empty().then_some(TableName {
                schema: Some(first),
                name,
            });
        }
    };
    rest.is_empty().then_some(table)
}

impl TableName {
    /// `name` or `schema.name`, as the file has it.
    pub fn parse(text: &str) -> Option<Self> {
        parse_table(text)
    }
}

fn identifier(text: &str) -> Option<(String, &str)> {
    let (name, rest) = if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut rest = quoted;
        loop {
            let (before, after) = rest.split_once('"')?;
            name.push_str(before);
            // Two in a row stand for one.
            let Some(more) = after.strip_prefix('"') else {
                break (name, after);
            };
            name.push('"');
            rest = more;
        }
    } else {
        let end = text.find(['.', '"']).unwrap_or(text.len());
        (text[..end].to_owned(), &text[end..])
    };
    let fits = !name.is_empty() && name.len() <= IDENTIFIER_BYTES_MAX && name.trim() == name;
    fits.then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_one_part_or_two() {
        let cases = [
            ("orders", Some((None, "orders"))),
            ("shop.orders", Some((Some("shop"), "orders"))),
            ("Shop.Order Lines", Some((Some("Shop"), "Order Lines"))),
            (r#"shop."order.lines""#, Some((Some("shop"), "order.lines"))),
            (r#""a""b""#, Some((None, "a\"b"))),
            ("", None),
            ("a.b.c", None),
            (".orders", None),
            ("shop.", None),
            (" orders", None),
            (r#""orders"#, None),
            (r#""orders"x"#, None),
        ];
        for (text, wanted) in cases {
            let found = parse_table(text);
            let found = found
                .as_ref()
                .map(|table| (table.schema.as_deref(), table.name.as_str()));
            assert_eq!(found, wanted, "{text}");
        }
    }
}
