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
