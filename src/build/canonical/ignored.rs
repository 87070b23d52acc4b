//! Parts of a document that are not compared, named by JSON pointers (RFC 6901), as a tree that is walked beside the text.

use crate::config::Pointer;

/// Where nothing is ignored it costs nothing.
#[derive(Debug, Default)]
pub struct Ignored {
    /// The first stands for the whole document; none if nothing is ignored.
    nodes: Vec<Vec<Branch>>,
}

#[derive(Debug)]
struct Branch {
    token: String,
    /// The token as the index of an element, where it is one.
    index: Option<usize>,
    to: Way,
}

/// What the pointers say of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It counts with all that is in it.
    Counts,
    /// Something in it may be ignored; a position in the tree.
    Leads(usize),
    Ignored,
}

impl Ignored {
    pub fn new(pointers: &[Pointer]) -> Self {
        let mut ignored = Self::default();
        if !pointers.is_empty() {
            ignored.nodes.push(Vec::new());
        }
        for pointer in pointers {
            ignored.add(&pointer.0);
        }
        ignored
    }

    fn add(&mut self, tokens: &[String]) {
        let mut node = 0;
        for (at, token) in tokens.iter().enumerate() {
            let is_last = at + 1 == tokens.len();
            let known = self.nodes[node].iter().position(|branch| branch.token == *token);
            let branch = known.unwrap_or_else(|| {
                self.nodes[node].push(Branch {
                    token: token.clone(),
                    index: index(token),
                    to: Way::Counts,
                });
                self.nodes[node].len() - 1
            });
            match self.nodes[node][branch].to {
                // Another pointer ignores all of it.
                Way::Ignored => return,
                _ if is_last => self.nodes[node][branch].to = Way::Ignored,
                Way::Leads(next) => node = next,
                Way::Counts => {
                    let next = self.nodes.len();
                    self.nodes.push(Vec::new());
                    self.nodes[node][branch].to = Way::Leads(next);
                    node = next;
                }
            }
        }
    }

    pub(super) fn document(&self) -> Way {
        if self.nodes.is_empty() {
            Way::Counts
        } else {
            Way::Leads(0)
        }
    }

    /// `name` unescaped.
    pub(super) fn member(&self, of: Way, name: &[u8]) -> Way {
        self.branch(of, |branch| branch.token.as_bytes() == name)
    }

    pub(super) fn element(&self, of: Way, index: usize) -> Way {
        self.branch(of, |branch| branch.index == Some(index))
    }

    fn branch(&self, of: Way, is_it: impl Fn(&Branch) -> bool) -> Way {
        let Way::Leads(node) = of else { return Way::Counts };
        let found = self.nodes[node].iter().find(|branch| is_it(branch));
        found.map_or(Way::Counts, |branch| branch.to)
    }
}

/// Digits without a zero in front; anything else, `-` too, names no element that there is.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    let plain = token == "0" || !token.starts_with('0');
    token.parse().ok().filter(|_| digits && plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::{Digest, digest};
    use super::*;

    fn without(pointers: &[&str], document: &str) -> Digest {
        let pointers: Vec<Pointer> = pointers.iter().map(|text| Pointer::parse(text).unwrap()).collect();
        digest(document, &Ignored::new(&pointers)).unwrap()
    }

    #[test]
    fn what_is_ignored_is_as_if_it_were_not_there() {
        #[rustfmt::skip]
        let cases: &[(&[&str], &str, &str)] = &[
            // ignored, document, the same as
            (&["/a"],             r#"{"a":1,"b":2}"#,                    r#"{"b":2}"#),
            (&["/a"],             r#"{"b":2}"#,                          r#"{"b":2}"#),
            (&["/a"],             r#"{"a":{"b":[1,{"c":{}}]},"b":[[]]}"#, r#"{"b":[[]]}"#),
            (&["/a"],             r#"{"\u0061":1,"b":{"a":1}}"#,        r#"{"b":{"a":1}}"#),
            (&["/a"],             r#"{"a":1,"b":2,"a":3}"#,              r#"{"b":2}"#),
            (&["/a", "/c"],       r#"{"c":1,"b":2,"a":3}"#,              r#"{"b":2}"#),
            (&["/a/b"],           r#"{"a":{"b":1,"c":2}}"#,              r#"{"a":{"c":2}}"#),
            (&["/a/b"],           r#"{"a":{"b":1}}"#,                    r#"{"a":{}}"#),
            (&["/a/b"],           r#"{"a":"b"}"#,                        r#"{"a":"b"}"#),
            (&["/a/b", "/a"],     r#"{"a":{"b":1},"c":2}"#,              r#"{"c":2}"#),
            (&["/a", "/a/b"],     r#"{"a":{"c":1},"c":2}"#,              r#"{"c":2}"#),
            (&["/a/1"],           r#"{"a":[1,2,3]}"#,                    r#"{"a":[1,3]}"#),
            (&["/a/0", "/a/2"],   r#"{"a":[1,2,3]}"#,                    r#"{"a":[2]}"#),
            (&["/a/0/b"],         r#"{"a":[{"b":1,"c":2},{"b":1}]}"#,    r#"{"a":[{"c":2},{"b":1}]}"#),
            (&["/a/01", "/a/-", "/a/+1", "/a/"], r#"{"a":[1,2]}"#,       r#"{"a":[1,2]}"#),
            (&["/a/01"],          r#"{"a":{"01":1,"1":2}}"#,             r#"{"a":{"1":2}}"#),
            (&["/a/1"],           r#"{"a":{"01":1,"1":2}}"#,             r#"{"a":{"01":1}}"#),
            (&["/a~1b", "/c~0d"], r#"{"a/b":1,"c~d":2,"a":3}"#,          r#"{"a":3}"#),
            (&["/"],              r#"{"":1,"a":2}"#,                     r#"{"a":2}"#),
            (&["/0"],             "[1,[2]]",                             "[[2]]"),
            (&["/a"],             "1",                                   "1"),
        ];
        for (pointers, document, same) in cases {
            assert_eq!(
                without(pointers, document),
                without(&[], same),
                "{document} without {pointers:?}"
            );
        }
    }

    #[test]
    fn what_is_not_ignored_still_counts() {
        let pointers = ["/a", "/b/c"];
        let documents = [
            r#"{"b":{"d":1}}"#,
            r#"{"b":{"d":2}}"#,
            r#"{"b":1}"#,
            r#"{"b":{"d":1},"d":{"a":1}}"#,
        ];
        for (at, document) in documents.iter().enumerate() {
            for other in &documents[at + 1..] {
                assert_ne!(
                    without(&pointers, document),
                    without(&pointers, other),
                    "{document}, {other}"
                );
            }
        }
    }

    #[test]
    fn what_is_ignored_must_be_json_all_the_same() {
        let ignored = Ignored::new(&[Pointer(vec!["a".to_owned()])]);
        assert_eq!(digest(r#"{"a":[1,}"#, &ignored).unwrap_err().at, 8);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), (0..3).prop_map(Value::from), Just(Value::from("a"))];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c0-2]", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The plain way: later elements first, so that the indexes of the others stay what they are.
    fn remove(value: &mut Value, pointers: &[Vec<String>]) {
        let mut pointers = pointers.to_vec();
        pointers.sort_by(|a, b| b.cmp(a));
        for pointer in pointers {
            let (last, way) = pointer.split_last().unwrap();
            let of = way.iter().fold(String::new(), |way, token| format!("{way}/{token}"));
            match value.pointer_mut(&of) {
                Some(Value::Object(members)) => {
                    members.remove(last);
                }
                Some(Value::Array(elements)) => {
                    if let Some(at) = last.parse::<usize>().ok().filter(|at| *at < elements.len()) {
                        elements.remove(at);
                    }
                }
                _ => {}
            }
        }
    }

    proptest! {
        #[test]
        fn ignoring_is_removing(
            value in value(),
            pointers in prop::collection::vec(prop::collection::vec("[a-c0-2]", 1..4), 0..4),
        ) {
            let ignored = Ignored::new(&pointers.iter().cloned().map(Pointer).collect::<Vec<_>>());
            let mut rest = value.clone();
            remove(&mut rest, &pointers.iter().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>());
            let (value, rest) = (value.to_string(), rest.to_string());
            prop_assert_eq!(digest(&value, &ignored).unwrap(), digest(&rest, &Ignored::default()).unwrap(), "{} {}", value, rest);
        }
    }
}
