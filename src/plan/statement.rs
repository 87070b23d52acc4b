//! Statements and queries of the user's, as parts of ours.

/// A statement of the user's that can stand in parentheses, if the parenthesis closes on a line of its own.
pub(super) fn statement(sql: &str) -> &str {
    match end(sql) {
        Some(end) => sql.get(..end).unwrap_or(sql),
        None => sql.trim_end().trim_end_matches(';'),
    }
}

/// Where the last that says something ends: behind it are only semicolons and comments. `None` if a quote is still open,
/// which it may only seem to be.
fn end(sql: &str) -> Option<usize> {
    let (mut end, mut at) = (0, 0);
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let quote = rest.chars().next()?;
        let length = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/")? + 2
        } else if matches!(quote, '\'' | '"') {
            rest.get(1..)?.find(quote)? + 2
        } else {
            quote.len_utf8()
        };
        let silent = rest.starts_with("--") || rest.starts_with("/*") || quote == ';' || quote.is_whitespace();
        at += length;
        if !silent {
            end = at;
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::statement;

    #[test]
    fn a_statement_ends_before_its_semicolon_whatever_comments_follow() {
        for (written, wanted) in [
            ("select 1", "select 1"),
            ("select 1 ;\n; ", "select 1"),
            ("select 1; -- done", "select 1"),
            ("select 1;\n-- it's done;\n/* so; */ ;", "select 1"),
            ("select 1 -- to go; on", "select 1"),
            ("select \"it's\"; -- it's", "select \"it's\""),
            ("select 'it''s' /* ' */; --", "select 'it''s'"),
            ("select E'\\'';", "select E'\\''"),
            ("select ';'", "select ';'"),
            ("select ';--'", "select ';--'"),
        ] {
            assert_eq!(statement(written), wanted, "{written}");
        }
    }
}
