//! Findings about what is written by hand: `changes`, `messages`, `sql`.

use super::*;

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
    let keys =
        "[syncs.orders.messages]\nshop.orders = true\n\"\" = true\nother = \"yes\"\n\"walsift.after_publish\" = true\n";
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

    error: "walsift.after_publish" is a prefix of Walsift's own
      --> config.toml:12:1
       |
    12 | "walsift.after_publish" = true
       | ^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: those that begin with `walsift.` are kept for it

    4 errors
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
