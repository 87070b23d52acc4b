//! Statements and queries of the user's, as parts of ours.

use super::lexer::{Token, tokens};

/// A statement of the user's that can stand in parentheses, if the parenthesis closes on a line of its own: it ends with the
/// last that says something, behind which are only semicolons and comments.
pub(super) fn statement(sql: &str) -> &str {
    let (mut end, mut at) = (0, 0);
    for token in tokens(sql) {
        let (length, silent) = match token {
            Token::Comment(text) => (text.len(), true),
            Token::Parameter(name) => (1 + name.len(), false),
            Token::Other(text) => (text.len(), text == ";" || text.chars().all(char::is_whitespace)),
        };
        at += length;
        if !silent {
            end = at;
        }
    }
    &sql[..end]
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
