//! The user's SQL for after a delivery, as a statement that Postgres takes.
//!
//! `$document` is no parameter to Postgres, and it cannot tell the type of one that is not used. So those that are used are
//! numbered anew. What stands in quotes, dollar quotes and comments is left alone.

use tokio_postgres::GenericClient;

use super::lexer::{Token, tokens};
use super::probe::{prepare, rejected};
use crate::config::{Problem, Sync};
use crate::pg;

/// What runs on the source after an accepted delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AfterPublish {
    pub sql: String,
    /// What the parameters of `sql` stand for, in their order.
    pub parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// A column of the key, from 0.
    Key(usize),
    /// The document as text; null after a delete.
    Document,
}

/// The statement of a sync whose key has `arity` columns, if it has one.
pub fn after_publish(sync: &Sync, arity: usize) -> Result<Option<AfterPublish>, Box<Problem>> {
    let Some(expression) = &sync.after_publish else {
        return Ok(None);
    };
    let columns = if arity == 1 { "column" } else { "columns" };
    rewrite(&expression.sql, arity).map(Some).map_err(|parameter| {
        let summary = format!("there is no {parameter} here: the key has {arity} {columns}");
        let help = "`$1` and so on are the columns of the key, `$document` is the document";
        Box::new(Problem::at(&expression.place, summary).help(help))
    })
}

/// Prepares the statement and says what Postgres rejects. Nothing is run.
pub async fn probe_after_publish(
    client: &impl GenericClient,
    sync: &Sync,
    arity: usize,
) -> Result<Option<Problem>, pg::Error> {
    let after = match after_publish(sync, arity) {
        Ok(after) => after,
        Err(problem) => return Ok(Some(*problem)),
    };
    let (Some(after), Some(expression)) = (after, &sync.after_publish) else {
        return Ok(None);
    };
    let prepared = prepare(client, &after.sql).await?;
    Ok(prepared.err().map(|rejection| rejected(&expression.place, &rejection)))
}

const DOCUMENT: &str = "document";

/// Fails with a parameter that there is not.
fn rewrite(sql: &str, arity: usize) -> Result<AfterPublish, String> {
    let mut after = AfterPublish {
        sql: String::with_capacity(sql.len()),
        parameters: Vec::new(),
    };
    for token in tokens(sql) {
        match token {
            Token::Comment(text) | Token::Other(text) => after.sql.push_str(text),
            Token::Parameter(name) if name == DOCUMENT || name.starts_with(|c: char| c.is_ascii_digit()) => {
                let parameter = parameter(name, arity).ok_or_else(|| format!("${name}"))?;
                let number = after.number(parameter);
                after.sql.push('$');
                after.sql.push_str(&number.to_string());
            }
            Token::Parameter(name) => {
                after.sql.push('$');
                after.sql.push_str(name);
            }
        }
    }
    Ok(after)
}

impl AfterPublish {
    fn number(&mut self, parameter: Parameter) -> usize {
        let known = self.parameters.iter().position(|known| *known == parameter);
        1 + known.unwrap_or_else(|| {
            self.parameters.push(parameter);
            self.parameters.len() - 1
        })
    }
}

fn parameter(name: &str, arity: usize) -> Option<Parameter> {
    if name == DOCUMENT {
        return Some(Parameter::Document);
    }
    let number: usize = name.parse().ok()?;
    (1..=arity).contains(&number).then(|| Parameter::Key(number - 1))
}

#[cfg(test)]
mod tests {
    use super::Parameter::{Document, Key};
    use super::*;

    #[test]
    fn parameters_are_found_where_postgres_would_find_them() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, &[Parameter])] = &[
            // with a key of two columns
            ("select f($1, $2, $document)",      "select f($1, $2, $3)",              &[Key(0), Key(1), Document]),
            ("select f($document, $1)",          "select f($1, $2)",                  &[Document, Key(0)]),
            ("select f($2)",                     "select f($1)",                      &[Key(1)]),
            ("select f($2, $2, $1)",             "select f($1, $1, $2)",              &[Key(1), Key(0)]),
            ("select 1",                         "select 1",                          &[]),
            ("select $document::jsonb->>'a'",    "select $1::jsonb->>'a'",            &[Document]),
            ("select '$document', $1",           "select '$document', $1",            &[Key(0)]),
            ("select 'it''s $2', $2",            "select 'it''s $2', $1",             &[Key(1)]),
            (r"select E'\'$2', $2",              r"select E'\'$2', $1",               &[Key(1)]),
            (r"select e'\\', $2",                r"select e'\\', $1",                 &[Key(1)]),
            (r"select '\', $2",                  r"select '\', $1",                   &[Key(1)]),
            (r"select name'\', $2",              r"select name'\', $1",               &[Key(1)]),
            ("select \"$document\", \"a\"\"$2\"", "select \"$document\", \"a\"\"$2\"", &[]),
            ("select $$ $2 $document $$, $2",    "select $$ $2 $document $$, $1",     &[Key(1)]),
            ("select $a$ $$ $2 $b$ $a$, $2",     "select $a$ $$ $2 $b$ $a$, $1",      &[Key(1)]),
            ("select $document$ $2 $document$, $document", "select $document$ $2 $document$, $1", &[Document]),
            ("select $é$ $2 $é$, $2",            "select $é$ $2 $é$, $1",             &[Key(1)]),
            ("select 1 -- $document\n, $2",      "select 1 -- $document\n, $1",       &[Key(1)]),
            ("select $2 -- $document",           "select $1 -- $document",            &[Key(1)]),
            ("select /* $2 /* $2 */ ' */ $2",    "select /* $2 /* $2 */ ' */ $1",     &[Key(1)]),
            ("select a$2, a$document, é$2",      "select a$2, a$document, é$2",       &[]),
            ("select $documents, $Document",     "select $documents, $Document",      &[]),
            ("select $2+$document",              "select $1+$2",                      &[Key(1), Document]),
            ("select '$2",                       "select '$2",                        &[]),
            ("select /* $2",                     "select /* $2",                      &[]),
            ("select $a$ $2",                    "select $a$ $2",                     &[]),
        ];
        for (sql, wanted, parameters) in cases {
            let after = rewrite(sql, 2).unwrap();
            assert_eq!(
                (after.sql.as_str(), after.parameters.as_slice()),
                (*wanted, *parameters),
                "{sql}"
            );
        }
    }

    #[test]
    fn parameters_that_there_are_not_are_named() {
        for (sql, parameter) in [
            ("select $3", "$3"),
            ("select $0", "$0"),
            ("select $1, $99999999999999999999", "$99999999999999999999"),
        ] {
            assert_eq!(rewrite(sql, 2).unwrap_err(), parameter);
        }
    }
}
