//! The subject that a message is published to.
//!
//! Whatever a placeholder stands for becomes part of one token: what would end it, or match more than it, is encoded, so that
//! no two keys meet and no key is refused.
//! <https://docs.nats.io/nats-concepts/subjects>

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::publish::name::Name;
use crate::publish::{Delivery, Failure, FailureClass};

/// What a token cannot have, and what encodes it.
const NOT_IN_A_TOKEN: &AsciiSet = &CONTROLS.add(b' ').add(b'.').add(b'*').add(b'>').add(b'%');

/// Clients refuse keys with anything else in them but `.`, which parts them, and `=`, which encodes here.
const NOT_IN_A_KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'/');

/// What stands for an empty value: no text of Postgres has this character.
const EMPTY: &str = "\0";

/// Of the line that announces a message, servers take 4,096 bytes, and close the connection if there are more.
const SUBJECT_BYTES_MAX: usize = 4_000;

/// How the subjects begin that are keys of a bucket.
const BUCKETS: &str = "$KV.";

pub(super) struct Subjects {
    name: Name,
    /// Tokens of placeholders are `*`.
    pattern: String,
}

impl Subjects {
    /// Says why not.
    pub fn new(template: &str) -> Result<Self, String> {
        Ok(Self {
            name: Name::parse(template)?,
            pattern: pattern(template),
        })
    }

    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.name.placeholders()
    }

    /// What all of them match.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether they are keys of a bucket, in which a delete is a message of its own kind.
    pub fn are_keys(&self) -> bool {
        self.pattern.starts_with(BUCKETS)
    }

    /// Of this delivery, or why it can have none.
    pub fn of(&self, delivery: &Delivery) -> Result<String, Failure> {
        let unfit = |reason| Failure::certain(FailureClass::Configuration, reason);
        let are_keys = self.are_keys();
        let subject = self
            .name
            .fill_with(delivery, |value| token(value, are_keys))
            .map_err(unfit)?;
        if subject.len() > SUBJECT_BYTES_MAX {
            let bytes = subject.len();
            return Err(unfit(format!(
                "the subject would have {bytes} bytes, and a server takes {SUBJECT_BYTES_MAX}"
            )));
        }
        Ok(subject)
    }
}

fn token(value: &str, is_key: bool) -> String {
    let value = if value.is_empty() { EMPTY } else { value };
    if is_key {
        utf8_percent_encode(value, NOT_IN_A_KEY).to_string().replace('%', "=")
    } else {
        utf8_percent_encode(value, NOT_IN_A_TOKEN).to_string()
    }
}

fn pattern(template: &str) -> String {
    let mut marked = String::new();
    let mut rest = template;
    while let Some((literal, placeholder)) = rest.split_once('{') {
        marked.push_str(literal);
        marked.push('*');
        rest = placeholder.split_once('}').map_or("", |(_, rest)| rest);
    }
    marked.push_str(rest);
    let tokens = marked
        .split('.')
        .map(|token| if token.contains('*') { "*" } else { token });
    tokens.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::publish::peer::delivery;

    fn subject(template: &str, key: &[(&str, &str)], document: &str) -> Result<String, String> {
        let subjects = Subjects::new(template).unwrap();
        subjects.of(&delivery(key, document)).map_err(|failure| failure.message)
    }

    #[test]
    fn values_become_tokens_whatever_is_in_them() {
        let cases = [
            ("42", "42"),
            ("a.b", "a%2Eb"),
            ("*", "%2A"),
            (">", "%3E"),
            ("a b\r\n", "a%20b%0D%0A"),
            ("50%", "50%25"),
            ("Zoë", "Zo%C3%AB"),
            ("\u{1F600}", "%F0%9F%98%80"),
            ("{x}$/=", "{x}$/="),
            ("", "%00"),
        ];
        for (value, expected) in cases {
            let found = subject("orders.{id}", &[("id", value)], "{}");
            assert_eq!(found, Ok(format!("orders.{expected}")), "{value:?}");
        }
    }

    #[test]
    fn keys_of_a_bucket_are_those_that_its_clients_take() {
        let cases = [
            ("a-b_c/D", "a-b_c/D"),
            ("a.b", "a=2Eb"),
            ("a=2Eb", "a=3D2Eb"),
            ("50% ë", "50=25=20=C3=AB"),
            ("", "=00"),
        ];
        for (value, expected) in cases {
            let found = subject("$KV.orders.{id}", &[("id", value)], "");
            assert_eq!(found, Ok(format!("$KV.orders.{expected}")), "{value:?}");
        }
    }

    #[test]
    fn no_two_keys_meet() {
        let values = [
            "", "\u{1}", "%", "%00", "%25", "a", "a.b", "a%2Eb", "=00", "=", "a=2Eb", "*", ">", " ",
        ];
        for template in ["o.{a}.{b}", "$KV.o.{a}.{b}"] {
            let pairs = values
                .iter()
                .flat_map(|a| values.iter().map(move |b| [("a", *a), ("b", *b)]));
            let subjects: HashSet<String> = pairs.map(|key| subject(template, &key, "{}").unwrap()).collect();
            assert_eq!(subjects.len(), values.len() * values.len());
        }
    }

    #[test]
    fn a_subject_that_cannot_be_made_says_why() {
        assert_eq!(
            subject("orders.{shop}.{id}", &[("id", "1")], r#"{"shop":"a.b"}"#),
            Ok("orders.a%2Eb.1".to_owned())
        );
        let gone = subject("orders.{shop}.{id}", &[("id", "1")], "").unwrap_err();
        assert!(gone.contains("only the key is known"), "{gone}");
        let long = subject("orders.{id}", &[("id", &"x".repeat(4_000))], "{}").unwrap_err();
        assert_eq!(long, "the subject would have 4007 bytes, and a server takes 4000");
    }

    #[test]
    fn a_pattern_matches_them_all() {
        for (template, expected) in [
            ("orders", "orders"),
            ("shop.orders.{id}", "shop.orders.*"),
            ("shop.{a}-{b}.x.{c}", "shop.*.x.*"),
            ("shop.{a.b}.x", "shop.*.x"),
        ] {
            assert_eq!(Subjects::new(template).unwrap().pattern(), expected);
        }
    }
}
