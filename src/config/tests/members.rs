//! The tree of a sync: its members, their order, and where they stand.

use super::super::{Cardinality, Document, Member};
use super::*;

#[test]
fn a_table_between_is_told_in_short_or_in_full() {
    let keys = r#"
[syncs.books]
table = "books"
sink = "out"
[syncs.books.many.authors]
through = "shop.book_authors"
document = "name"
limit = 3
[syncs.books.many.editors]
table = "people"
through = { table = "book_editors", on = { book = "id", year = "year" }, to = { editor = "id" } }
document = "name"
"#;
    let root = loaded(&format!("{BASE}{keys}")).config.syncs.remove(0).root;
    let (authors, editors) = (&root.children[0], &root.children[1]);
    let short = authors.through.as_ref().unwrap();
    assert_eq!(
        (short.table.written().as_str(), &short.on, &short.to),
        ("shop.book_authors", &None, &None)
    );
    assert_eq!((authors.limit, editors.limit), (Some(3), None));
    let full = editors.through.as_ref().unwrap();
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(full.table.written(), "book_editors");
    assert_eq!(full.on, Some(vec![pair("book", "id"), pair("year", "year")]));
    assert_eq!(full.to, Some(vec![pair("editor", "id")]));
}

#[test]
fn members_and_children_keep_the_order_of_the_file() {
    let text = format!(
        r#"{BASE}
[syncs.orders.many.zebras.one.deep]
[syncs.orders]
table = "shop.orders"
sinks = ["out"]
key = ["number", "year"]
[syncs.orders.document]
z = "id"
a = 1_000
m.y = true
m.b = "x"
n = {{ q = +1.5, p = -0x0 }}
[syncs.orders.many.zebras]
document = "name"
[syncs.orders.one.ape]
on = {{ id = "ape_id", year = "year" }}
[syncs.orders.many.bears]
aggregate = {{ y = "count(*)", x = "1" }}
"#
    )
    .replace("-0x0", "0xff");
    let config = loaded(&text).config;
    let root = &config.syncs[0].root;
    let Some(Document::Object(members)) = &root.document else {
        panic!("{root:?}")
    };
    assert_eq!(outline(members), "z a=1000 m{y=true b} n{q=1.5 p=255}");
    let children: Vec<_> = root
        .children
        .iter()
        .map(|child| (child.name.as_str(), child.cardinality))
        .collect();
    let wanted = [
        ("zebras", Cardinality::Many),
        ("ape", Cardinality::One),
        ("bears", Cardinality::Many),
    ];
    assert_eq!(children, wanted);
    assert_eq!(root.table.written(), "shop.orders");
    assert_eq!(
        config.syncs[0].key.as_deref(),
        Some(&["number".to_owned(), "year".to_owned()][..])
    );
    assert!(matches!(root.children[0].document, Some(Document::Bare(_))));
    assert_eq!(root.children[0].children[0].table.name, "deep");
    let on = root.children[1].on.as_ref().unwrap();
    assert_eq!(on[0], ("id".to_owned(), "ape_id".to_owned()));
    assert_eq!(root.children[2].aggregate[0].0, "y");
}

fn outline(members: &[(String, Member)]) -> String {
    let one = |(name, member): &(String, Member)| match member {
        Member::Expression(_) => name.clone(),
        Member::Constant(json) => format!("{name}={json}"),
        Member::Object(members) => format!("{name}{{{}}}", outline(members)),
    };
    members.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn expressions_know_where_they_stand() {
    let text =
        format!("{BASE}[syncs.o]\ntable = 'o'\nsink = 'out'\nwhere = 'id > 1'\ndocument = {{ a = {{ b = 'c' }} }}\n");
    let Loaded { config, file, .. } = loaded(&text);
    let root = &config.syncs[0].root;
    let filter = root.filter.as_ref().unwrap();
    assert_eq!(filter.place.path, "syncs.o.where");
    assert_eq!(&text[filter.place.span.clone()], "'id > 1'");
    let Some(Document::Object(members)) = &root.document else {
        panic!("{root:?}")
    };
    let Member::Object(members) = &members[0].1 else {
        panic!("{members:?}")
    };
    let Member::Expression(expression) = &members[0].1 else {
        panic!("{members:?}")
    };
    assert_eq!(expression.place.path, "syncs.o.document.a.b");
    let position = file.position(&expression.place).unwrap();
    assert_eq!((position.line, position.column), (9, 24));
    assert_eq!(&text[root.place.span.clone()], "[syncs.o]");
}
