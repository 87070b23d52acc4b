//! What is left out of the comparison: pointers that lead somewhere, as far as the file tells what there is.

use crate::config::raw::At;
use crate::config::wording::{listed, nearest, quoted};
use crate::config::{Cardinality, Document, Member, Node, Pointer, Problem, Report};

/// `root` is absent where a statement by hand yields the document.
pub fn pointers(raw: Vec<At<String>>, root: Option<&Node>, report: &mut Report) -> Vec<Pointer> {
    let mut found: Vec<(Pointer, At<String>)> = Vec::new();
    for written in raw {
        let Some(pointer) = Pointer::parse(&written.value) else {
            report.push(malformed(&written));
            continue;
        };
        if let Some((_, first)) = found.iter().find(|(other, _)| *other == pointer) {
            let problem = Problem::at(&written.place, format!("{} is named twice", quoted(&written.value)));
            report.push(problem.also(&first.place, "first named here"));
            continue;
        }
        if let Some(Err(dead_end)) = root.map(|root| follow_node(root, &pointer.0)) {
            report.push(dead_end.problem(&written, &pointer));
        }
        found.push((pointer, written));
    }
    if let (Some((_, first)), Some(Document::Object(members))) =
        (found.first(), root.and_then(|root| root.document.as_ref()))
    {
        let names = names_in(members, root);
        let ignored = |name: &&str| found.iter().any(|(pointer, _)| pointer.0 == [*name]);
        if names.iter().all(ignored) {
            let problem = Problem::at(&first.place, "no member of the document is compared");
            report.push(
                problem
                    .help("a document would be sent once, and then only its delete")
                    .warning(),
            );
        }
    }
    found.into_iter().map(|(pointer, _)| pointer).collect()
}

fn malformed(written: &At<String>) -> Problem {
    let text = &written.value;
    let problem = Problem::at(&written.place, format!("{} is not a JSON pointer", quoted(text)));
    // `a.b` and `$.a.b` are other languages for the same.
    let dotted = text.trim_start_matches("$.");
    let plain = |part: &str| !part.is_empty() && !part.contains(['/', '~', '[', ']', '*', ' ', '$']);
    if text.is_empty() {
        problem.help("the empty pointer stands for the whole document; name members")
    } else if dotted.split('.').all(plain) {
        problem.help(format!("did you mean \"/{}\"?", dotted.replace('.', "/")))
    } else {
        problem.help("wanted is \"/member\" or \"/member/member\"; `~1` stands for `/`, `~0` for `~`")
    }
}

/// Why a pointer leads nowhere. `at` counts the tokens that did lead somewhere.
enum DeadEnd<'a> {
    NoMember { at: usize, names: Vec<&'a str> },
    NoPosition { at: usize },
    NothingInside { at: usize },
}

impl DeadEnd<'_> {
    fn problem(self, written: &At<String>, pointer: &Pointer) -> Problem {
        let upto = |count: usize| Pointer(pointer.0[..count].to_vec()).written();
        let problem = |summary: String| Problem::at(&written.place, summary);
        let wildcard = |at: usize| pointer.0[at].contains('*');
        match self {
            Self::NoPosition { at } => {
                let list = upto(at);
                let found = problem(format!(
                    "\"{list}\" is a list, and `{}` is no position in it",
                    pointer.0[at]
                ));
                let found = found.help(format!("the first element is \"{list}/0\", the whole list \"{list}\""));
                if wildcard(at) {
                    found.help("there are no wildcards")
                } else {
                    found
                }
            }
            Self::NothingInside { at } => problem(format!("\"{}\" is a constant, with nothing inside", upto(at))),
            Self::NoMember { at, .. } if wildcard(at) => {
                problem(format!("there is no member {}", quoted(&upto(at + 1))))
                    .help("there are no wildcards: name the members")
            }
            Self::NoMember { at, names } => {
                let found = problem(format!("there is no member {}", quoted(&upto(at + 1))));
                let written = |name: &str| format!("{}{}", upto(at), Pointer(vec![name.to_owned()]).written());
                if let Some(name) = nearest(&pointer.0[at], &names) {
                    found.help(format!("did you mean \"{}\"?", written(name)))
                } else {
                    let names: Vec<_> = names.into_iter().map(written).collect();
                    let names: Vec<_> = names.iter().map(String::as_str).collect();
                    found.help(format!("there are {}", listed(&names, '"')))
                }
            }
        }
    }

    /// The same, seen from further up.
    fn below(self, tokens: usize) -> Self {
        match self {
            Self::NoMember { at, names } => Self::NoMember { at: at + tokens, names },
            Self::NoPosition { at } => Self::NoPosition { at: at + tokens },
            Self::NothingInside { at } => Self::NothingInside { at: at + tokens },
        }
    }
}

/// What an SQL expression yields is not known, so a pointer may go on into it.
fn follow_node<'a>(node: &'a Node, tokens: &[String]) -> Result<(), DeadEnd<'a>> {
    let Some(first) = tokens.first() else {
        return Ok(());
    };
    match &node.document {
        Some(Document::Object(members)) => follow_object(members, Some(node), tokens),
        Some(Document::Bare(_)) => Ok(()),
        // All columns of a root, which are for the database to say.
        None => shown_child(node, first).map_or(Ok(()), |child| follow_child(child, &tokens[1..])),
    }
}

fn follow_object<'a>(
    members: &'a [(String, Member)],
    node: Option<&'a Node>,
    tokens: &[String],
) -> Result<(), DeadEnd<'a>> {
    let Some((first, rest)) = tokens.split_first() else {
        return Ok(());
    };
    if let Some((_, member)) = members.iter().find(|(name, _)| name == first) {
        return match member {
            Member::Expression(_) => Ok(()),
            Member::Object(inner) => follow_object(inner, None, rest).map_err(|dead_end| dead_end.below(1)),
            Member::Constant(_) if rest.is_empty() => Ok(()),
            Member::Constant(_) => Err(DeadEnd::NothingInside { at: 1 }),
        };
    }
    if let Some(child) = node.and_then(|node| shown_child(node, first)) {
        return follow_child(child, rest);
    }
    let names = names_in(members, node);
    if names.contains(&first.as_str()) {
        Ok(())
    } else {
        Err(DeadEnd::NoMember { at: 0, names })
    }
}

/// `tokens` are those below the child's own name.
fn follow_child<'a>(child: &'a Node, tokens: &[String]) -> Result<(), DeadEnd<'a>> {
    if child.cardinality != Cardinality::Many {
        return follow_node(child, tokens).map_err(|dead_end| dead_end.below(1));
    }
    match tokens.split_first() {
        None => Ok(()),
        Some((position, rest)) if is_position(position) => {
            follow_node(child, rest).map_err(|dead_end| dead_end.below(2))
        }
        Some(_) => Err(DeadEnd::NoPosition { at: 1 }),
    }
}

/// As RFC 6901 has it: without leading zeros.
fn is_position(token: &str) -> bool {
    token == "0" || (!token.starts_with('0') && !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()))
}

fn shown_child<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let mut children = node.children.iter();
    children.find(|child| child.name == name && child.document.is_some())
}

/// All that stands in an object, in the order of the file.
fn names_in<'a>(members: &'a [(String, Member)], node: Option<&'a Node>) -> Vec<&'a str> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    for child in node.map(|node| node.children.as_slice()).unwrap_or_default() {
        names.extend(child.document.is_some().then_some(child.name.as_str()));
        names.extend(child.aggregate.iter().map(|(name, _)| name.as_str()));
    }
    names
}
