//! Findings about what a sync does besides its tree.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "most of it is what people see")]
fn words_and_times_have_their_bounds() {
    let keys = r#"
deletes = "publsh"
priority = "hihg"
initial = true
history = "never"
debounce = "2d"
min_interval = "1y"
refresh_every = "10s"
limit = 5
order_by = "id"
through = "x"
[syncs.b]
table = "b"
sink = ["out"]
refresh_every = "0s"
min_interval = "60d"
debounce = 5
[syncs.c]
table = "c"
sinks = "out"
refresh_every = "9999d"
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: `deletes` can't be "publsh"
     --> config.toml:9:11
      |
    9 | deletes = "publsh"
      |           ^^^^^^^^ wanted is "publish" or "ignore"
      |
      = help: did you mean "publish"?

    error: `priority` can't be "hihg"
      --> config.toml:10:12
       |
    10 | priority = "hihg"
       |            ^^^^^^ wanted is "high", "normal" or "low"
       |
       = help: did you mean "high"?

    error: `initial` must be "all" or "none"
      --> config.toml:11:11
       |
    11 | initial = true
       |           ^^^^ this is a boolean

    error: `history` can't be "never"
      --> config.toml:12:11
       |
    12 | history = "never"
       |           ^^^^^^^ wanted is "failures" or "all"

    error: `debounce` is too long
      --> config.toml:13:12
       |
    13 | debounce = "2d"
       |            ^^^^
       |
       = help: wanted is at most "1d"

    error: the value of `min_interval` is not a duration
      --> config.toml:14:16
       |
    14 | min_interval = "1y"
       |                ^^^^
       |
       = help: wanted is a whole number and `ms`, `s`, `m`, `h` or `d`, such as "250ms" or "30s"

    error: `refresh_every` is too short
      --> config.toml:15:17
       |
    15 | refresh_every = "10s"
       |                 ^^^^^
       |
       = help: wanted is at least "1m"

    error: `limit` means nothing here
      --> config.toml:16:9
       |
    16 | limit = 5
       |         ^
       |
       = help: it belongs to a `many`, which has rows to choose from

    error: `order_by` means nothing here
      --> config.toml:17:12
       |
    17 | order_by = "id"
       |            ^^^^
       |
       = help: it belongs to a `many`, which has rows to be put in order

    error: `through` means nothing here
      --> config.toml:18:11
       |
    18 | through = "x"
       |           ^^^
       |
       = help: it belongs to a `many`, which has rows on both sides

    error: `sink` must be a string
      --> config.toml:21:8
       |
    21 | sink = ["out"]
       |        ^^^^^^^ this is a list
       |
       = help: for several there is `sinks`

    error: `refresh_every` is too short
      --> config.toml:22:17
       |
    22 | refresh_every = "0s"
       |                 ^^^^
       |
       = help: wanted is at least "1m"
       = help: to visit subjects only when something changes, leave it out

    error: `min_interval` is too long
      --> config.toml:23:16
       |
    23 | min_interval = "60d"
       |                ^^^^^
       |
       = help: wanted is at most "30d"

    error: `debounce` must be a duration, a string such as "30s"
      --> config.toml:24:12
       |
    24 | debounce = 5
       |            ^ this is an integer

    error: `refresh_every` is too long
      --> config.toml:28:17
       |
    28 | refresh_every = "9999d"
       |                 ^^^^^^^
       |
       = help: wanted is at most "366d"

    15 errors
    "#);
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

#[test]
fn what_runs_after_a_delivery_tells_one_from_another() {
    insta::assert_snapshot!(refused_sync("after_publish = ' '\n[syncs.x]\ntable = 'x'\nsink = 'out'\nafter_publish = 5"), @r"
    error: `after_publish` is empty
     --> config.toml:8:17
      |
    8 | after_publish = ' '
      |                 ^^^ an SQL statement is wanted

    error: `after_publish` must be a string
      --> config.toml:12:17
       |
    12 | after_publish = 5
       |                 ^ this is an integer

    2 errors
    ");
    let loaded_with = |sql: &str| {
        let keys = format!("[syncs.orders]\ntable = 'orders'\nsink = 'out'\nafter_publish = \"{sql}\"\n");
        loaded(&format!("{BASE}{keys}"))
    };
    let Loaded { file, report, .. } = loaded_with("update orders set sent = now(), price = '$'");
    insta::assert_snapshot!(report.render(&file, false), @r#"
    warning: `after_publish` does the same whatever was published
     --> config.toml:8:17
      |
    8 | after_publish = "update orders set sent = now(), price = '$'"
      |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: `$1`, … stand for the key, `$document` for the document

    1 warning
    "#);
    for sql in ["insert into log values ($1)", "select f($document)"] {
        assert!(loaded_with(sql).report.is_empty(), "{sql}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of it is what people see")]
fn ways_from_changes_to_subjects_are_of_three_kinds() {
    let keys = r#"
[syncs.orders.changes]
upper = "ALL"
word = "order_id"
list = []
twice = ["a", "a", ""]
number = 5
mixed = ["a", 5]
half = { sql = "select id from orders where currency = any($1)" }
other_half = { from = ["a"] }
neither = {}
blank = { sql = "", from = [] }
typo = { sql = "select 1", form = ["a"], from = 5 }
"a.b.c" = "all"
"orders" = ["id"]
"\"orders\"" = ["id"]
shop.rates = ["id"]
shop.settings = "all"
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: `upper` can't be "ALL"
      --> config.toml:10:9
       |
    10 | upper = "ALL"
       |         ^^^^^ wanted is "all", a list of columns, or { sql, from }
       |
       = help: did you mean "all"?

    error: `word` can't be "order_id"
      --> config.toml:11:8
       |
    11 | word = "order_id"
       |        ^^^^^^^^^^ wanted is "all", a list of columns, or { sql, from }
       |
       = help: a column goes in brackets: ["order_id"]

    error: no column is named
      --> config.toml:12:8
       |
    12 | list = []
       |        ^^
       |
       = help: where no column tells which subjects a change touches, write "all"

    error: the column `a` is named twice
      --> config.toml:13:15
       |
    13 | twice = ["a", "a", ""]
       |               ^^^

    error: the name of a column is empty
      --> config.toml:13:20
       |
    13 | twice = ["a", "a", ""]
       |                    ^^

    error: `number` must be "all", a list of columns, or { sql, from }
      --> config.toml:14:10
       |
    14 | number = 5
       |          ^ this is an integer

    error: `mixed` must be a list of strings
      --> config.toml:15:15
       |
    15 | mixed = ["a", 5]
       |               ^ this is an integer

    error: `half` has no `from`
      --> config.toml:16:1
       |
    16 | half = { sql = "select id from orders where currency = any($1)" }
       | ^^^^
       |
       = help: the key for the values of columns of changed rows, such as { sql = "select id from orders where currency = any($1)", from = ["currency"] }

    error: `other_half` has no `sql`
      --> config.toml:17:1
       |
    17 | other_half = { from = ["a"] }
       | ^^^^^^^^^^
       |
       = help: the key for the values of columns of changed rows, such as { sql = "select id from orders where currency = any($1)", from = ["currency"] }

    error: `neither` has neither `sql` nor `from`
      --> config.toml:18:1
       |
    18 | neither = {}
       | ^^^^^^^
       |
       = help: the key for the values of columns of changed rows, such as { sql = "select id from orders where currency = any($1)", from = ["currency"] }

    error: `sql` is empty
      --> config.toml:19:17
       |
    19 | blank = { sql = "", from = [] }
       |                 ^^ an SQL statement is wanted

    error: no column is named
      --> config.toml:19:28
       |
    19 | blank = { sql = "", from = [] }
       |                            ^^
       |
       = help: where no column tells which subjects a change touches, write "all"

    error: unknown key `form`
      --> config.toml:20:28
       |
    20 | typo = { sql = "select 1", form = ["a"], from = 5 }
       |                            ^^^^ not a key of `syncs.orders.changes.typo`
       |
       = help: did you mean `from`?

    error: `from` must be a list of strings
      --> config.toml:20:49
       |
    20 | typo = { sql = "select 1", form = ["a"], from = 5 }
       |                                                 ^ this is an integer

    error: "a.b.c" is not the name of a table
      --> config.toml:21:1
       |
    21 | "a.b.c" = "all"
       | ^^^^^^^
       |
       = help: wanted is `name` or `"schema.name"`

    error: the table `orders` is named twice
      --> config.toml:23:1
       |
    22 | "orders" = ["id"]
       | -------- the other is here
    23 | "\"orders\"" = ["id"]
       | ^^^^^^^^^^^^

    error: `shop` must be "all", a list of columns, or { sql, from }
      --> config.toml:24:1
       |
    24 | shop.rates = ["id"]
       | ^^^^ this is a table
       |
       = help: a schema goes into the quotes: "schema.name" = …

    17 errors
    "#);
    insta::assert_snapshot!(refused_sync("changes = ['orders']"), @r#"
    error: `changes` must be a table
     --> config.toml:8:11
      |
    8 | changes = ['orders']
      |           ^^^^^^^^^^ this is a list
      |
      = help: [syncs.orders.changes], and below it for each table a line such as orders = ["id"]

    1 error
    "#);
}

#[test]
fn messages_are_prefixes_that_are_listened_to() {
    let keys = "[syncs.orders.messages]\nshop.orders = true\n\"\" = true\nother = \"yes\"\n";
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: `shop` must be `true` or `false`
     --> config.toml:9:1
      |
    9 | shop.orders = true
      | ^^^^ this is a table
      |
      = help: a prefix with a dot in it goes in quotes: "shop.orders" = true

    error: the prefix of a message is empty
      --> config.toml:10:1
       |
    10 | "" = true
       | ^^

    error: `other` must be `true` or `false`
      --> config.toml:11:9
       |
    11 | other = "yes"
       |         ^^^^^ this is a string

    3 errors
    "#);
    insta::assert_snapshot!(refused_sync("messages = ['shop.orders']"), @r#"
    error: `messages` must be a table
     --> config.toml:8:12
      |
    8 | messages = ['shop.orders']
      |            ^^^^^^^^^^^^^^^ this is a list
      |
      = help: [syncs.orders.messages], and below it for each prefix a line such as "shop.orders" = true

    1 error
    "#);
}

#[test]
fn sql_by_hand_takes_the_place_of_the_tree() {
    let keys = r#"
sql = "select id, document from orders_as_json where id = any($1)"
where = "true"
order_by = "id"
aggregate = { n = "count(*)" }
document = { id = "id" }
[syncs.orders.one.customer]
[syncs.orders.many.lines]
document = "id"
[syncs.empty]
table = "orders"
sink = "out"
sql = " "
changes = {}
[syncs.wrong]
table = "orders"
sink = "out"
sql = ["select"]
changes = { orders = 1 }
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: a sync with `sql` must say which tables it listens to
     --> config.toml:9:7
      |
    9 | sql = "select id, document from orders_as_json where id = any($1)"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add [syncs.orders.changes] with a line for each table that the statement reads

    error: `where` means nothing beside `sql`
      --> config.toml:10:9
       |
     9 | sql = "select id, document from orders_as_json where id = any($1)"
       |       ------------------------------------------------------------ this yields the whole document
    10 | where = "true"
       |         ^^^^^^

    error: `order_by` means nothing here
      --> config.toml:11:12
       |
    11 | order_by = "id"
       |            ^^^^
       |
       = help: it belongs to a `many`, which has rows to be put in order

    error: `aggregate` means nothing here
      --> config.toml:12:13
       |
    12 | aggregate = { n = "count(*)" }
       |             ^^^^^^^^^^^^^^^^^^
       |
       = help: it belongs to a `many`, which has rows to be summed up

    error: `document` means nothing beside `sql`
      --> config.toml:13:12
       |
     9 | sql = "select id, document from orders_as_json where id = any($1)"
       |       ------------------------------------------------------------ this yields the whole document
    ...
    13 | document = { id = "id" }
       |            ^^^^^^^^^^^^^

    error: `customer` means nothing beside `sql`
      --> config.toml:14:1
       |
     9 | sql = "select id, document from orders_as_json where id = any($1)"
       |       ------------------------------------------------------------ this yields the whole document
    ...
    14 | [syncs.orders.one.customer]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `lines` means nothing beside `sql`
      --> config.toml:15:1
       |
     9 | sql = "select id, document from orders_as_json where id = any($1)"
       |       ------------------------------------------------------------ this yields the whole document
    ...
    15 | [syncs.orders.many.lines]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^

    error: a sync with `sql` must say which tables it listens to
      --> config.toml:20:7
       |
    20 | sql = " "
       |       ^^^
       |
       = help: add [syncs.empty.changes] with a line for each table that the statement reads

    error: `sql` is empty
      --> config.toml:20:7
       |
    20 | sql = " "
       |       ^^^ an SQL statement is wanted

    error: `sql` must be a string
      --> config.toml:25:7
       |
    25 | sql = ["select"]
       |       ^^^^^^^^^^ this is a list

    error: `orders` must be "all", a list of columns, or { sql, from }
      --> config.toml:26:22
       |
    26 | changes = { orders = 1 }
       |                      ^ this is an integer

    11 errors
    "#);
}
