//! What a `many` is ordered by: an `order by` list taken apart, so that each expression can be evaluated where its names are
//! unambiguous.

use super::tree::Branch;
use crate::pg::identifier;

/// One term of an `order by`: the expression, and what follows it (`desc nulls last`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term<'a> {
    pub expression: &'a str,
    pub direction: &'static str,
}

/// The terms of an `order by` list.
pub(super) fn terms(list: &str) -> Vec<Term<'_>> {
    split(list).into_iter().map(term).collect()
}

/// Splits at the commas that are not inside parentheses, brackets or quotes.
fn split(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_i32, None);
    for (at, c) in list.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(list.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list.get(start..).unwrap_or_default());
    parts
}

fn term(text: &str) -> Term<'_> {
    let (rest, nulls) = [("nulls first", " nulls first"), ("nulls last", " nulls last")]
        .into_iter()
        .find_map(|(words, sql)| Some((strip_words(text.trim(), words)?, sql)))
        .unwrap_or((text.trim(), ""));
    let (expression, descending) = match (strip_words(rest, "desc"), strip_words(rest, "asc")) {
        (Some(rest), _) => (rest, true),
        (None, Some(rest)) => (rest, false),
        (None, None) => (rest, false),
    };
    let direction = match (descending, nulls) {
        (false, "") => "",
        (false, " nulls first") => " nulls first",
        (false, _) => " nulls last",
        (true, "") => " desc",
        (true, " nulls first") => " desc nulls first",
        (true, _) => " desc nulls last",
    };
    Term { expression, direction }
}

/// `text` without the words at its end, whatever their case and spacing; `None` if it does not end with them.
fn strip_words<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let mut rest = text.trim_end();
    for word in words.split(' ').rev() {
        let start = rest.len().checked_sub(word.len())?;
        let tail = rest.get(start..)?;
        let before = rest.get(..start)?;
        if !tail.eq_ignore_ascii_case(word) || !before.ends_with(|c: char| c.is_whitespace() || c == ')') {
            return None;
        }
        rest = before.trim_end();
    }
    Some(rest)
}

/// What a `many` is ordered by.
pub(super) enum SortKey {
    Expression(String),
    /// The text of the document.
    Document,
}

/// What a `many` is ordered by, each with its direction. The primary key comes last, so that rows which are equal in
/// the user's order always come in the same one; a table without a key is ordered by the documents themselves.
pub(super) fn sort_keys(child: &Branch<'_>) -> Vec<(SortKey, &'static str)> {
    let mut keys = Vec::new();
    if let Some(order_by) = &child.node.order_by {
        let terms = terms(&order_by.sql).into_iter();
        keys.extend(terms.map(|term| (SortKey::Expression(term.expression.to_owned()), term.direction)));
    }
    match child.table.primary_key() {
        Some(columns) => keys.extend(
            columns
                .iter()
                .map(|column| (SortKey::Expression(identifier(column)), "")),
        ),
        None => keys.push((SortKey::Document, "")),
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_apart_at_its_own_commas_only() {
        let found: Vec<_> = terms("lower(a, 'x,y') DESC nulls  LAST, \"b,c\" asc, d[1,2], coalesce(e, f)desc")
            .into_iter()
            .map(|term| (term.expression, term.direction))
            .collect();
        assert_eq!(
            found,
            [
                ("lower(a, 'x,y')", " desc nulls last"),
                ("\"b,c\"", ""),
                ("d[1,2]", ""),
                ("coalesce(e, f)", " desc"),
            ]
        );
    }

    #[test]
    fn a_column_whose_name_ends_like_a_direction_is_a_column() {
        assert_eq!(
            terms("basc")[0],
            Term {
                expression: "basc",
                direction: ""
            }
        );
        assert_eq!(
            terms("desc")[0],
            Term {
                expression: "desc",
                direction: ""
            }
        );
    }
}
