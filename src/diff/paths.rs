//! Where two documents differ, for people.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::build::{Ignored, digest};
use crate::config::Pointer;

/// A place at which two documents differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// A JSON pointer with `*` for every element of an array; empty for the whole document.
    pub path: String,
    pub change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Added,
    Removed,
    Changed,
    /// An array has more or fewer elements.
    Length,
}

impl Change {
    /// For people, after a path.
    pub fn words(self) -> &'static str {
        match self {
            Change::Added => "is added",
            Change::Removed => "is left out",
            Change::Changed => "changes",
            Change::Length => "has another length",
        }
    }
}

/// The places at which two texts of JSON are different values, each once, without those at or below `ignore`. A text that is
/// no JSON differs as a whole.
pub fn differences(old: &str, new: &str, ignore: &[Pointer]) -> Vec<Difference> {
    let mut finder = Finder {
        ignore,
        found: Vec::new(),
    };
    match (serde_json::from_str(old), serde_json::from_str(new)) {
        (Ok(old), Ok(new)) => finder.compare(old, new, &mut Vec::new()),
        _ => finder.note(&[], Change::Changed),
    }
    let mut found = finder.found;
    found.sort();
    found.dedup();
    found
}

/// Of more places nobody wants to read.
const SHOWN: usize = 8;

/// On one line, for people.
pub fn places(differences: &[Difference]) -> String {
    let place = |difference: &Difference| format!("{} {}", difference.path, difference.change.words());
    let shown: Vec<String> = differences.iter().take(SHOWN).map(place).collect();
    match differences.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

struct Finder<'a> {
    ignore: &'a [Pointer],
    found: Vec<Difference>,
}

/// A member or an element on the way to a value.
#[derive(Debug, Clone)]
enum Token {
    Member(String),
    Element(usize),
}

type Members<'a> = BTreeMap<String, &'a RawValue>;

impl Finder<'_> {
    fn compare(&mut self, old: &RawValue, new: &RawValue, path: &mut Vec<Token>) {
        if self.is_ignored(path) || same(old, new) {
            return;
        }
        if let (Some(before), Some(after)) = (members(old), members(new)) {
            self.compare_members(&before, &after, path);
        } else if let (Some(before), Some(after)) = (elements(old), elements(new)) {
            if before.len() != after.len() {
                self.note(path, Change::Length);
            }
            for (at, (before, after)) in before.into_iter().zip(after).enumerate() {
                path.push(Token::Element(at));
                self.compare(before, after, path);
                path.pop();
            }
        } else {
            self.note(path, Change::Changed);
        }
    }

    fn compare_members(&mut self, old: &Members<'_>, new: &Members<'_>, path: &mut Vec<Token>) {
        let added = new.keys().filter(|name| !old.contains_key(*name));
        for name in old.keys().chain(added) {
            path.push(Token::Member(name.clone()));
            match (old.get(name), new.get(name)) {
                (Some(before), Some(after)) => self.compare(before, after, path),
                _ if self.is_ignored(path) => {}
                (None, _) => self.note(path, Change::Added),
                (_, None) => self.note(path, Change::Removed),
            }
            path.pop();
        }
    }

    fn is_ignored(&self, path: &[Token]) -> bool {
        self.ignore.iter().any(|Pointer(tokens)| {
            let is = |(token, at): (&String, &Token)| match at {
                Token::Member(name) => token == name,
                Token::Element(number) => *token == number.to_string(),
            };
            tokens.len() == path.len() && tokens.iter().zip(path).all(is)
        })
    }

    fn note(&mut self, path: &[Token], change: Change) {
        let tokens = path.iter().map(|token| match token {
            Token::Member(name) => name.clone(),
            Token::Element(_) => "*".to_owned(),
        });
        let pointer = Pointer(tokens.collect());
        self.found.push(Difference {
            path: pointer.written(),
            change,
        });
    }
}

fn members(value: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(value.get()).ok()
}

fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// As values: numbers exactly, members in any order.
fn same(old: &RawValue, new: &RawValue) -> bool {
    let digest = |value: &RawValue| digest(value.get(), &Ignored::default());
    matches!((digest(old), digest(new)), (Ok(old), Ok(new)) if old == new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(old: &str, new: &str, ignore: &[&str]) -> Vec<String> {
        let ignore: Vec<Pointer> = ignore.iter().map(|text| Pointer::parse(text).unwrap()).collect();
        let differences = differences(old, new, &ignore);
        let show = |difference: Difference| format!("{:?} {}", difference.change, difference.path);
        differences.into_iter().map(show).collect()
    }

    #[test]
    fn equal_values_do_not_differ_however_they_are_written() {
        assert_eq!(
            found(r#"{"a":1.0,"b":[1]}"#, r#"{ "b": [1.00], "a": 1 }"#, &[]),
            [""; 0]
        );
    }

    #[test]
    fn each_place_is_named_once() {
        let old = r#"{"id":1,"gone":1,"lines":[{"qty":1,"p":"a"},{"qty":2,"p":"b"}],"tags":[1],"a/b":1}"#;
        let new = r#"{"id":1,"came":1,"lines":[{"qty":3,"p":"a"},{"qty":4,"p":"b"}],"tags":[1,2],"a/b":"1"}"#;
        assert_eq!(
            found(old, new, &[]),
            [
                "Changed /a~1b",
                "Added /came",
                "Removed /gone",
                "Changed /lines/*/qty",
                "Length /tags"
            ]
        );
    }

    #[test]
    fn what_is_ignored_does_not_differ() {
        let (old, new) = (r#"{"at":1,"a":{"b":1},"l":[1,2]}"#, r#"{"a":{"b":2},"l":[3,4]}"#);
        assert_eq!(found(old, new, &["/at", "/a", "/l/0"]), ["Changed /l/*"]);
    }

    #[test]
    fn another_kind_of_value_differs_as_a_whole() {
        assert_eq!(found(r#"{"a":1}"#, "[1]", &[]), ["Changed "]);
        assert_eq!(found("no json", "1", &[]), ["Changed "]);
    }
}
