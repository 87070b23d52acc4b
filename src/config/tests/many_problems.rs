//! Findings about keys that only a `many` has.

use super::*;

#[test]
fn a_table_between_stands_on_a_many_and_has_links_of_its_own() {
    let keys = r#"
through = "order_tags"
[syncs.orders.one.customer]
through = "order_customers"
[syncs.orders.many.both]
document = "name"
on = { id = "tag_id" }
through = "order_tags"
[syncs.orders.many.nameless]
document = "name"
through = { on = { order_id = "id" }, too = { tag_id = "id" } }
[syncs.orders.many.wrong]
document = "name"
through = ["order_tags"]
[syncs.orders.many.dots]
document = "name"
through = "a.b.c"
[syncs.orders.many.empty]
document = "name"
through = { table = "", on = {}, to = {} }
[syncs.orders.many.blank]
document = "name"
through = { table = "order_tags", on = "id", to = { "" = "id" } }
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: `through` means nothing here
     --> config.toml:9:11
      |
    9 | through = "order_tags"
      |           ^^^^^^^^^^^^
      |
      = help: it belongs to a `many`, which has rows on both sides

    error: `through` means nothing here
      --> config.toml:11:11
       |
    11 | through = "order_customers"
       |           ^^^^^^^^^^^^^^^^^
       |
       = help: it belongs to a `many`, which has rows on both sides

    error: `on` means nothing beside `through`, which has links of its own
      --> config.toml:14:6
       |
    14 | on = { id = "tag_id" }
       |      ^^^^^^^^^^^^^^^^^
    15 | through = "order_tags"
       |           ------------ it stands here
       |
       = help: through = { table = "…", on = { between = "enclosing" }, to = { between = "here" } }

    error: `through` has no `table`
      --> config.toml:18:1
       |
    18 | through = { on = { order_id = "id" }, too = { tag_id = "id" } }
       | ^^^^^^^
       |
       = help: name the table that stands between the two

    error: unknown key `too`
      --> config.toml:18:39
       |
    18 | through = { on = { order_id = "id" }, too = { tag_id = "id" } }
       |                                       ^^^ not a key of `syncs.orders.many.nameless.through`
       |
       = help: did you mean `to`?

    error: `through` must be the name of a table, or { table, on, to }
      --> config.toml:21:11
       |
    21 | through = ["order_tags"]
       |           ^^^^^^^^^^^^^^ this is a list

    error: "a.b.c" is not the name of a table
      --> config.toml:24:11
       |
    24 | through = "a.b.c"
       |           ^^^^^^^
       |
       = help: wanted is `name` or `schema.name`

    error: "" is not the name of a table
      --> config.toml:27:21
       |
    27 | through = { table = "", on = {}, to = {} }
       |                     ^^
       |
       = help: wanted is `name` or `schema.name`

    error: `on` must be a table
      --> config.toml:30:40
       |
    30 | through = { table = "order_tags", on = "id", to = { "" = "id" } }
       |                                        ^^^^ this is a string

    error: the name of a column is empty
      --> config.toml:30:53
       |
    30 | through = { table = "order_tags", on = "id", to = { "" = "id" } }
       |                                                     ^^

    10 errors
    "#);
}

#[test]
fn a_limit_is_a_number_of_elements() {
    let keys = r#"
[syncs.orders.one.customer]
limit = 1
[syncs.orders.many.zero]
document = "name"
limit = 0
[syncs.orders.many.negative]
document = "name"
limit = -1
[syncs.orders.many.huge]
document = "name"
limit = 9_223_372_036_854_775_808
[syncs.orders.many.text]
document = "name"
limit = "10"
[syncs.orders.many.half]
document = "name"
limit = 1.5
[syncs.orders.many.typo]
document = "name"
limits = 1
"#;
    insta::assert_snapshot!(refused_sync(keys), @r#"
    error: `limit` means nothing here
      --> config.toml:10:9
       |
    10 | limit = 1
       |         ^
       |
       = help: it belongs to a `many`, which has rows to choose from

    error: `limit` can't be 0
      --> config.toml:13:9
       |
    13 | limit = 0
       |         ^
       |
       = help: a `many` without elements may as well be left out; its `aggregate` needs no `document`

    error: the value of `limit` is out of range
      --> config.toml:16:9
       |
    16 | limit = -1
       |         ^^
       |
       = help: wanted is a whole number that is not negative

    error: `limit` can't be 9223372036854775808
      --> config.toml:19:9
       |
    19 | limit = 9_223_372_036_854_775_808
       |         ^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: wanted is a number from 1 to 9223372036854775807

    error: `limit` must be a whole number
      --> config.toml:22:9
       |
    22 | limit = "10"
       |         ^^^^ this is a string

    error: `limit` must be a whole number
      --> config.toml:25:9
       |
    25 | limit = 1.5
       |         ^^^ this is a number with a fraction

    error: unknown key `limits`
      --> config.toml:28:1
       |
    28 | limits = 1
       | ^^^^^^ not a key of `syncs.orders.many.typo`
       |
       = help: did you mean `limit`?

    7 errors
    "#);
}

#[test]
fn order_and_limit_are_of_elements() {
    let text = format!(
        "{BASE}[syncs.orders]\ntable = 'orders'\nsink = 'out'\n[syncs.orders.many.lines]\norder_by = 'id'\nlimit = 3\n\
         aggregate = {{ n = 'count(*)' }}\n"
    );
    let Loaded { file, report, .. } = loaded(&text);
    insta::assert_snapshot!(report.render(&file, false), @r"
    warning: `order_by` has no effect without a `document`
     --> config.toml:9:12
      |
    9 | order_by = 'id'
      |            ^^^^
      |
      = help: an `aggregate` takes all rows; for their order see array_agg(… order by …)

    warning: `limit` has no effect without a `document`
      --> config.toml:10:9
       |
    10 | limit = 3
       |         ^
       |
       = help: an `aggregate` takes all rows; for their order see array_agg(… order by …)

    2 warnings
    ");
}
