//! Who claims which name: each member of an object, and each table that an expression can see, is claimed once.

use std::collections::HashMap;

use crate::config::raw::{At, Field, RawDocument, RawNode};
use crate::config::{Cardinality, Place, Problem, Report};

/// Looks at a whole tree.
pub fn check(node: &RawNode, report: &mut Report) {
    check_members(node, report);
    check_siblings(node, report);
    if node.cardinality != Cardinality::One {
        check_scope(node, report);
    }
    for child in &node.children {
        check_use(child, node, report);
        check(child, report);
    }
}

/// A name in the object that a node becomes.
struct Claim<'a> {
    name: &'a str,
    place: &'a Place,
    what: String,
}

fn check_members(node: &RawNode, report: &mut Report) {
    let claims = claims(node);
    let own = node.document.given().map(|at| (&at.value, &at.place));
    if let Some((RawDocument::Object(_), place)) = own
        && claims.is_empty()
    {
        report.push(Problem::at(place, "the document has no members"));
    }
    let mut seen: HashMap<&str, &Claim<'_>> = HashMap::new();
    for claim in &claims {
        let Some(first) = seen.get(claim.name) else {
            seen.insert(claim.name, claim);
            continue;
        };
        let (first, second) = if first.place.span.start <= claim.place.span.start {
            (*first, claim)
        } else {
            (claim, *first)
        };
        let problem = Problem::at(
            second.place,
            format!("the name `{}` is claimed twice in one object", claim.name),
        );
        report.push(
            problem
                .label(format!("as {}", second.what))
                .also(first.place, format!("as {}", first.what)),
        );
    }
}

fn claims(node: &RawNode) -> Vec<Claim<'_>> {
    let mut claims = Vec::new();
    if let Some(At {
        value: RawDocument::Object(members),
        ..
    }) = node.document.given()
    {
        claims.extend(
            members
                .iter()
                .map(|member| claim(&member.name, "a member of `document`".to_owned())),
        );
    }
    for child in &node.children {
        // Two children of one name are reported as such.
        let first = !claims
            .iter()
            .any(|claim| claim.name == child.name.value && claim.what.starts_with(CHILD));
        if !child.document.is_absent() && first {
            claims.push(claim(&child.name, format!("{CHILD} `{}`", child.name.value)));
        }
        for (name, _) in child
            .aggregate
            .given()
            .map(|at| at.value.as_slice())
            .unwrap_or_default()
        {
            claims.push(claim(name, format!("an aggregate of `{}`", child.name.value)));
        }
    }
    claims
}

const CHILD: &str = "the document of";

fn claim(name: &At<String>, what: String) -> Claim<'_> {
    Claim {
        name: &name.value,
        place: &name.place,
        what,
    }
}

/// A `one` and a `many` of the same name; TOML itself sees to two of a kind.
fn check_siblings(node: &RawNode, report: &mut Report) {
    let mut seen: HashMap<&str, &RawNode> = HashMap::new();
    for child in &node.children {
        if let Some(first) = seen.insert(&child.name.value, child) {
            let problem = Problem::at(
                &child.name.place,
                format!("two children of `{}` have one name", node.name.value),
            );
            let problem = problem.also(&first.name.place, "the other is here");
            report.push(problem.help("rename one of them, and say with `table` what it reads"));
        }
    }
}

/// Expressions of a node name every `one` below it that no `many` hides.
fn check_scope(node: &RawNode, report: &mut Report) {
    let mut seen: HashMap<&str, &RawNode> = HashMap::new();
    let mut visible = Vec::new();
    collect_ones(node, &mut visible);
    visible.sort_by_key(|one| one.name.place.span.start);
    for one in visible {
        if let Some(first) = seen.insert(&one.name.value, one) {
            let name = &one.name.value;
            let problem = Problem::at(
                &one.name.place,
                format!(
                    "two tables that expressions of `{}` can see are named `{name}`",
                    node.name.value
                ),
            );
            let problem = problem.also(&first.name.place, "the other is here");
            report.push(problem.help(format!(
                "`{name}.column` would mean both; rename one, and say with `table` what it reads"
            )));
        }
    }
}

fn collect_ones<'a>(node: &'a RawNode, found: &mut Vec<&'a RawNode>) {
    for one in node
        .children
        .iter()
        .filter(|child| child.cardinality == Cardinality::One)
    {
        found.push(one);
        collect_ones(one, found);
    }
}

/// Whether what a child has to show gets anywhere.
fn check_use(child: &RawNode, parent: &RawNode, report: &mut Report) {
    let aggregates = !child.aggregate.is_absent();
    let contributes = !child.document.is_absent() || aggregates;
    let is_object = match &parent.document {
        // All columns of a root; nothing at all of any other node.
        Field::Absent => parent.cardinality == Cardinality::Root,
        Field::Given(at) => matches!(at.value, RawDocument::Object(_)),
        Field::Unusable => true,
    };
    if contributes && !is_object {
        let parent = &parent.name;
        let what = if child.document.is_absent() {
            "aggregates"
        } else {
            "document"
        };
        let problem = Problem::at(
            &child.name.place,
            format!(
                "the {what} of `{}` would appear in that of `{}`, which is no object",
                child.name.value, parent.value
            ),
        );
        let problem = problem.also(&parent.place, "this has no members");
        report.push(problem.help(format!("give `{}` a `document` with members", parent.value)));
    } else if !contributes && child.cardinality == Cardinality::Many {
        let problem = Problem::at(&child.name.place, format!("`{}` has no effect", child.name.value));
        report.push(
            problem
                .help("a `many` shows in the document by its `document` or its `aggregate`")
                .warning(),
        );
    }
}
