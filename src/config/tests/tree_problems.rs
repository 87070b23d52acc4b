//! Findings about syncs and the trees of their documents.

use super::*;

#[test]
fn a_sync_says_what_it_reads_and_where_it_goes() {
    let text = format!(
        r#"{BASE}
[syncs.nothing]
[syncs.both]
table = "a.b.c"
sink = "out"
sinks = ["out"]
[syncs.twice]
table = "x"
sinks = ["out", "out", "tuo"]
key = ["id", "id"]
initial = "everything"
[syncs."Bad Name"]
table = 5
sinks = []
key = []
"#
    );
    insta::assert_snapshot!(refused(&text), @r#"
    error: the sync `nothing` has no `sink`
     --> config.toml:6:1
      |
    6 | [syncs.nothing]
      | ^^^^^^^^^^^^^^^
      |
      = help: add `sink = "NAME"`, the name of a [sinks.NAME]

    error: the sync `nothing` has no `table`
     --> config.toml:6:1
      |
    6 | [syncs.nothing]
      | ^^^^^^^^^^^^^^^
      |
      = help: add `table = "nothing"`

    error: "a.b.c" is not the name of a table
     --> config.toml:8:9
      |
    8 | table = "a.b.c"
      |         ^^^^^^^
      |
      = help: wanted is `name` or `schema.name`; a name with a dot in it goes in double quotes

    error: `sink` and `sinks` can't both be given
      --> config.toml:10:9
       |
     9 | sink = "out"
       |        ----- the other is here
    10 | sinks = ["out"]
       |         ^^^^^^^
       |
       = help: keep `sinks` for several

    error: the sink `out` is named twice
      --> config.toml:13:17
       |
    13 | sinks = ["out", "out", "tuo"]
       |                 ^^^^^

    error: there is no sink "tuo"
      --> config.toml:13:24
       |
    13 | sinks = ["out", "out", "tuo"]
       |                        ^^^^^
       |
       = help: known are `out`

    error: the column `id` is named twice
      --> config.toml:14:14
       |
    14 | key = ["id", "id"]
       |              ^^^^

    error: `initial` can't be "everything"
      --> config.toml:15:11
       |
    15 | initial = "everything"
       |           ^^^^^^^^^^^^ wanted is "all" or "none"

    error: a sync can't be named "Bad Name"
      --> config.toml:16:1
       |
    16 | [syncs."Bad Name"]
       | ^^^^^^^^^^^^^^^^^^
       |
       = help: allowed are lower-case letters, digits, `_` and `-`, beginning with a letter or digit, at most 63 in all

    error: `table` must be a string
      --> config.toml:17:9
       |
    17 | table = 5
       |         ^ this is an integer

    error: `sinks` is empty
      --> config.toml:18:9
       |
    18 | sinks = []
       |         ^^
       |
       = help: name at least one

    error: `key` is empty
      --> config.toml:19:7
       |
    19 | key = []
       |       ^^
       |
       = help: leave it out to use the primary key

    12 errors
    "#);
}

#[test]
fn keys_that_mean_nothing_on_a_kind_of_node_are_refused() {
    let keys = r#"
on = { id = "id" }
order_by = "id"
aggregate = { n = "count(*)" }
document = "id"
[syncs.orders.one.customer]
order_by = "id"
aggregate = { m = "count(*)" }
on = {}
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: `on` means nothing here
     --> config.toml:9:6
      |
    9 | on = { id = "id" }
      |      ^^^^^^^^^^^^^
      |
      = help: it belongs to a `one` or `many`, which has a table to be joined to

    error: `order_by` means nothing here
      --> config.toml:10:12
       |
    10 | order_by = "id"
       |            ^^^^
       |
       = help: it belongs to a `many`, which has rows to be put in order

    error: `aggregate` means nothing here
      --> config.toml:11:13
       |
    11 | aggregate = { n = "count(*)" }
       |             ^^^^^^^^^^^^^^^^^^
       |
       = help: it belongs to a `many`, which has rows to be summed up

    error: the document of a sync can't be a bare value
      --> config.toml:12:12
       |
    12 | document = "id"
       |            ^^^^
       |
       = help: give it members: document = { name = "…" }

    error: the aggregates of `customer` would appear in that of `orders`, which is no object
      --> config.toml:13:1
       |
     5 | [syncs.orders]
       | -------------- this has no members
    ...
    13 | [syncs.orders.one.customer]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: give `orders` a `document` with members

    error: `order_by` means nothing here
      --> config.toml:14:12
       |
    14 | order_by = "id"
       |            ^^^^
       |
       = help: it belongs to a `many`, which has rows to be put in order

    error: `aggregate` means nothing here
      --> config.toml:15:13
       |
    15 | aggregate = { m = "count(*)" }
       |             ^^^^^^^^^^^^^^^^^^
       |
       = help: it belongs to a `many`, which has rows to be summed up

    error: `on` is empty
      --> config.toml:16:6
       |
    16 | on = {}
       |      ^^
       |
       = help: leave it out to follow the foreign key

    8 errors
    "#);
}

#[test]
fn a_name_is_claimed_once_in_an_object() {
    let keys = r#"
document = { id = "id", lines = "1", total = 2, customer = "3" }
[syncs.orders.one.customer]
[syncs.orders.many.lines]
document = "name"
aggregate = { total = "count(*)", count = "count(*)" }
[syncs.orders.many.parts]
aggregate = { count = "count(*)" }
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: the name `lines` is claimed twice in one object
      --> config.toml:11:1
       |
     9 | document = { id = "id", lines = "1", total = 2, customer = "3" }
       |                         ----- as a member of `document`
    10 | [syncs.orders.one.customer]
    11 | [syncs.orders.many.lines]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^ as the document of `lines`

    error: the name `total` is claimed twice in one object
      --> config.toml:13:15
       |
     9 | document = { id = "id", lines = "1", total = 2, customer = "3" }
       |                                      ----- as a member of `document`
    ...
    13 | aggregate = { total = "count(*)", count = "count(*)" }
       |               ^^^^^ as an aggregate of `lines`

    error: the name `count` is claimed twice in one object
      --> config.toml:15:15
       |
    13 | aggregate = { total = "count(*)", count = "count(*)" }
       |                                   ----- as an aggregate of `lines`
    14 | [syncs.orders.many.parts]
    15 | aggregate = { count = "count(*)" }
       |               ^^^^^ as an aggregate of `parts`

    3 errors
    "#);
}

#[test]
fn a_name_of_a_table_is_clear_wherever_it_is_seen() {
    let keys = r#"
[syncs.orders.one.customer]
[syncs.orders.one.customer.one.address]
[syncs.orders.one.address]
[syncs.orders.many.address]
document = "x"
[syncs.orders.many.lines]
document = "x"
[syncs.orders.many.lines.one.customer]
"#;
    insta::assert_snapshot!(refused_sync(keys), @r"
    error: two tables that expressions of `orders` can see are named `address`
      --> config.toml:11:1
       |
    10 | [syncs.orders.one.customer.one.address]
       | --------------------------------------- the other is here
    11 | [syncs.orders.one.address]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: `address.column` would mean both; rename one, and say with `table` what it reads

    error: two children of `orders` have one name
      --> config.toml:12:1
       |
    11 | [syncs.orders.one.address]
       | -------------------------- the other is here
    12 | [syncs.orders.many.address]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: rename one of them, and say with `table` what it reads

    2 errors
    ");
}

#[test]
fn what_a_child_has_to_show_must_have_a_place_to_show_in() {
    let keys = r#"
[syncs.orders.one.customer.many.cards]
document = "number"
[syncs.orders.many.lines]
document = "name"
[syncs.orders.many.lines.many.parts]
aggregate = { n = "count(*)" }
[syncs.orders.many.idle]
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: the document of `cards` would appear in that of `customer`, which is no object
     --> config.toml:9:1
      |
    9 | [syncs.orders.one.customer.many.cards]
      | ^^^^^^^^^^^^^^^^^^--------^^^^^^^^^^^^
      |                   |
      |                   this has no members
      |
      = help: give `customer` a `document` with members

    error: the aggregates of `parts` would appear in that of `lines`, which is no object
      --> config.toml:13:1
       |
    11 | [syncs.orders.many.lines]
       | ------------------------- this has no members
    12 | document = "name"
    13 | [syncs.orders.many.lines.many.parts]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: give `lines` a `document` with members

    warning: `idle` has no effect
      --> config.toml:15:1
       |
    15 | [syncs.orders.many.idle]
       | ^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: a `many` shows in the document by its `document` or its `aggregate`

    2 errors, 1 warning
    "#);
}

#[test]
fn members_hold_what_json_can_hold() {
    let keys = r#"
where = " "
[syncs.orders.document]
list = [1, 2]
day = 2026-01-31
huge = 999999999999999999999999999999999999999999
nan = nan
infinite = -inf
blank = ""
"" = "id"
a_name_that_is_longer_than_the_sixty_three_bytes_of_an_identifier = "id"
nested = { "tab\there" = "id" }
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: `where` is empty
     --> config.toml:9:9
      |
    9 | where = " "
      |         ^^^ an SQL expression is wanted

    error: `list` can't be a list
      --> config.toml:11:8
       |
    11 | list = [1, 2]
       |        ^^^^^^
       |
       = help: write it as SQL: "jsonb_build_array(…)"

    error: `day` can't be a date or time
      --> config.toml:12:7
       |
    12 | day = 2026-01-31
       |       ^^^^^^^^^^
       |
       = help: write it as SQL, in quotes: "date '2026-01-31'"

    error: `huge` is too large for a number
      --> config.toml:13:8
       |
    13 | huge = 999999999999999999999999999999999999999999
       |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: write it as SQL, in quotes

    error: `nan` is not a number that JSON could hold
      --> config.toml:14:7
       |
    14 | nan = nan
       |       ^^^
       |
       = help: write `null` as SQL, in quotes

    error: `infinite` is not a number that JSON could hold
      --> config.toml:15:12
       |
    15 | infinite = -inf
       |            ^^^^
       |
       = help: write `null` as SQL, in quotes

    error: `blank` is empty
      --> config.toml:16:9
       |
    16 | blank = ""
       |         ^^ an SQL expression is wanted

    error: the name of a member is empty
      --> config.toml:17:1
       |
    17 | "" = "id"
       | ^^

    error: the name of a member is longer than 63 bytes
      --> config.toml:18:1
       |
    18 | a_name_that_is_longer_than_the_sixty_three_bytes_of_an_identifier = "id"
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: the name of a member has a control character in it
      --> config.toml:19:12
       |
    19 | nested = { "tab\there" = "id" }
       |            ^^^^^^^^^^^

    10 errors
    "#);
}

#[test]
fn a_child_that_stands_in_the_wrong_place_is_shown_the_right_one() {
    let keys = "[syncs.orders.customer]\ntable = 'customers'\n[syncs.orders.one]\nlines = 5\n[syncs.orders.document]\n";
    insta::assert_snapshot!(refused_sync(keys), @r"
    error: unknown key `customer`
     --> config.toml:8:15
      |
    8 | [syncs.orders.customer]
      |               ^^^^^^^^ not a key of `syncs.orders`
      |
      = help: a child stands under `one` or `many`: [syncs.orders.one.customer] or [syncs.orders.many.customer]

    error: `lines` must be a table
      --> config.toml:11:9
       |
    11 | lines = 5
       |         ^ this is an integer

    error: the document has no members
      --> config.toml:12:1
       |
    12 | [syncs.orders.document]
       | ^^^^^^^^^^^^^^^^^^^^^^^

    3 errors
    ");
}
