//! JSON pointers under `ignore`: how they are written, and what they may lead to.

use proptest::prelude::*;

use super::super::Pointer;
use super::*;

#[test]
fn pointers_are_those_of_the_standard() {
    let cases = [
        ("/a", Some(vec!["a"])),
        ("/a/0/b", Some(vec!["a", "0", "b"])),
        ("/", Some(vec![""])),
        ("/a//b", Some(vec!["a", "", "b"])),
        ("/a~1b", Some(vec!["a/b"])),
        ("/m~0n", Some(vec!["m~n"])),
        // An escape is not escaped again.
        ("/~01", Some(vec!["~1"])),
        ("/*", Some(vec!["*"])),
        ("/Größe ü", Some(vec!["Größe ü"])),
        ("", None),
        ("a", None),
        ("#/a", None),
        ("/~", None),
        ("/~2", None),
        ("/a~/b", None),
        ("/~~0", None),
    ];
    for (text, wanted) in cases {
        let found = Pointer::parse(text);
        let tokens = found
            .as_ref()
            .map(|pointer| pointer.0.iter().map(String::as_str).collect());
        assert_eq!(tokens, wanted, "{text}");
        if let Some(pointer) = found {
            assert_eq!(pointer.written(), text);
        }
    }
}

proptest! {
    #[test]
    fn every_pointer_reads_back(tokens in proptest::collection::vec("[a~/01*]{0,4}", 1..5)) {
        let pointer = Pointer(tokens);
        prop_assert_eq!(Pointer::parse(&pointer.written()), Some(pointer));
    }
}

#[test]
fn pointers_lead_to_something_that_is_sent() {
    let keys = r#"
ignore = [
    "updated_at", "$.customer.name", "", "/a~2b", "/lines[0].price",
    "/id", "/id", "/id/anything",
    "/custmer", "/customer/nmae", "/customer/*", "/customer/name/deeper",
    "/fixed", "/fixed/x", "/nested/one", "/nested/two",
    "/lines", "/lines/0/price", "/lines/price", "/lines/*/price", "/lines/01", "/lines/3/sum",
    "/total", "/tags/0", "/tags/x", "/silent",
]
document = { id = "id", fixed = 1, nested = { one = "1" }, "a/b~" = "1" }
[syncs.orders.one.customer]
document = { name = "name" }
[syncs.orders.one.silent]
[syncs.orders.many.lines]
document = { price = "price" }
aggregate = { total = "sum(price)" }
[syncs.orders.many.tags]
document = "name"
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: "updated_at" is not a JSON pointer
      --> config.toml:10:5
       |
    10 |     "updated_at", "$.customer.name", "", "/a~2b", "/lines[0].price",
       |     ^^^^^^^^^^^^
       |
       = help: did you mean "/updated_at"?

    error: "$.customer.name" is not a JSON pointer
      --> config.toml:10:19
       |
    10 |     "updated_at", "$.customer.name", "", "/a~2b", "/lines[0].price",
       |                   ^^^^^^^^^^^^^^^^^
       |
       = help: did you mean "/customer/name"?

    error: "" is not a JSON pointer
      --> config.toml:10:38
       |
    10 |     "updated_at", "$.customer.name", "", "/a~2b", "/lines[0].price",
       |                                      ^^
       |
       = help: the empty pointer stands for the whole document; name members

    error: "/a~2b" is not a JSON pointer
      --> config.toml:10:42
       |
    10 |     "updated_at", "$.customer.name", "", "/a~2b", "/lines[0].price",
       |                                          ^^^^^^^
       |
       = help: wanted is "/member" or "/member/member"; `~1` stands for `/`, `~0` for `~`

    error: there is no member "/lines[0].price"
      --> config.toml:10:51
       |
    10 |     "updated_at", "$.customer.name", "", "/a~2b", "/lines[0].price",
       |                                                   ^^^^^^^^^^^^^^^^^
       |
       = help: there are "/id", "/fixed", "/nested", "/a~1b~0", "/customer", "/lines", "/total" or "/tags"

    error: "/id" is named twice
      --> config.toml:11:12
       |
    11 |     "/id", "/id", "/id/anything",
       |     -----  ^^^^^
       |     |
       |     first named here

    error: there is no member "/custmer"
      --> config.toml:12:5
       |
    12 |     "/custmer", "/customer/nmae", "/customer/*", "/customer/name/deeper",
       |     ^^^^^^^^^^
       |
       = help: did you mean "/customer"?

    error: there is no member "/customer/nmae"
      --> config.toml:12:17
       |
    12 |     "/custmer", "/customer/nmae", "/customer/*", "/customer/name/deeper",
       |                 ^^^^^^^^^^^^^^^^
       |
       = help: did you mean "/customer/name"?

    error: there is no member "/customer/*"
      --> config.toml:12:35
       |
    12 |     "/custmer", "/customer/nmae", "/customer/*", "/customer/name/deeper",
       |                                   ^^^^^^^^^^^^^
       |
       = help: there are no wildcards: name the members

    error: "/fixed" is a constant, with nothing inside
      --> config.toml:13:15
       |
    13 |     "/fixed", "/fixed/x", "/nested/one", "/nested/two",
       |               ^^^^^^^^^^

    error: there is no member "/nested/two"
      --> config.toml:13:42
       |
    13 |     "/fixed", "/fixed/x", "/nested/one", "/nested/two",
       |                                          ^^^^^^^^^^^^^
       |
       = help: there are "/nested/one"

    error: "/lines" is a list, and `price` is no position in it
      --> config.toml:14:33
       |
    14 |     "/lines", "/lines/0/price", "/lines/price", "/lines/*/price", "/lines/01", "/lines/3/sum",
       |                                 ^^^^^^^^^^^^^^
       |
       = help: the first element is "/lines/0", the whole list "/lines"

    error: "/lines" is a list, and `*` is no position in it
      --> config.toml:14:49
       |
    14 |     "/lines", "/lines/0/price", "/lines/price", "/lines/*/price", "/lines/01", "/lines/3/sum",
       |                                                 ^^^^^^^^^^^^^^^^
       |
       = help: the first element is "/lines/0", the whole list "/lines"
       = help: there are no wildcards

    error: "/lines" is a list, and `01` is no position in it
      --> config.toml:14:67
       |
    14 |     "/lines", "/lines/0/price", "/lines/price", "/lines/*/price", "/lines/01", "/lines/3/sum",
       |                                                                   ^^^^^^^^^^^
       |
       = help: the first element is "/lines/0", the whole list "/lines"

    error: there is no member "/lines/3/sum"
      --> config.toml:14:80
       |
    14 |     "/lines", "/lines/0/price", "/lines/price", "/lines/*/price", "/lines/01", "/lines/3/sum",
       |                                                                                ^^^^^^^^^^^^^^
       |
       = help: there are "/lines/3/price"

    error: "/tags" is a list, and `x` is no position in it
      --> config.toml:15:26
       |
    15 |     "/total", "/tags/0", "/tags/x", "/silent",
       |                          ^^^^^^^^^
       |
       = help: the first element is "/tags/0", the whole list "/tags"

    error: there is no member "/silent"
      --> config.toml:15:37
       |
    15 |     "/total", "/tags/0", "/tags/x", "/silent",
       |                                     ^^^^^^^^^
       |
       = help: there are "/id", "/fixed", "/nested", "/a~1b~0", "/customer", "/lines", "/total" or "/tags"

    17 errors
    "#);
    let (start, end) = (keys.find('[').unwrap(), keys.find("\n]\n").unwrap());
    let all =
        r#"["/id/anything", "/customer/name/deeper", "/fixed", "/nested/one", "/lines/0/price", "/tags/0", "/a~1b~0"]"#;
    let good = format!("{}{all}{}", &keys[..start], &keys[end + 2..]);
    let text = format!("{BASE}[syncs.orders]\ntable = 'orders'\nsink = 'out'\n{good}");
    assert!(loaded(&text).report.is_empty());
}

#[test]
fn pointers_into_what_the_file_does_not_tell_are_taken_as_they_are() {
    let whole_rows = "ignore = ['/updated_at', '/lines/0/price']\n[syncs.orders.many.lines]\ndocument = 'price'\n";
    let by_hand = "ignore = ['/updated_at/x']\nsql = 'select id, document from f($1)'\nchanges = { orders = ['id'] }\n";
    for keys in [whole_rows, by_hand] {
        let text = format!("{BASE}[syncs.orders]\ntable = 'orders'\nsink = 'out'\n{keys}");
        assert!(loaded(&text).report.is_empty(), "{keys}");
    }
    insta::assert_snapshot!(refused_sync("ignore = ['/lines/price']\n[syncs.orders.many.lines]\ndocument = 'price'\n"), @r#"
    error: "/lines" is a list, and `price` is no position in it
     --> config.toml:8:11
      |
    8 | ignore = ['/lines/price']
      |           ^^^^^^^^^^^^^^
      |
      = help: the first element is "/lines/0", the whole list "/lines"

    1 error
    "#);
}

#[test]
fn something_is_left_to_compare() {
    let text = format!(
        "{BASE}[syncs.orders]\ntable = 'orders'\nsink = 'out'\nignore = ['/id', '/lines']\ndocument = {{ id = 'id' }}\n\
         [syncs.orders.many.lines]\ndocument = 'id'\n"
    );
    let Loaded { file, report, .. } = loaded(&text);
    insta::assert_snapshot!(report.render(&file, false), @r"
    warning: no member of the document is compared
     --> config.toml:8:11
      |
    8 | ignore = ['/id', '/lines']
      |           ^^^^^
      |
      = help: a document would be sent once, and then only its delete

    1 warning
    ");
}
