//! Findings as people see them: about the file as a whole, and in all forms.

use proptest::prelude::*;

use super::*;

#[test]
fn every_problem_of_a_file_is_found_in_one_run() {
    let text = r#"[source]
url = "postgres://db/shop"
slott = "walsift"
heartbeat = 10

[engine]
workers = 0
batch = "many"
lease = "1 minute"
memory = "64KB"

[sinks.api]
type = "http"
url = "api.example.com/{id"
timeout = "5m"

[syncs.orders]
tabel = "orders"
sink = "apo"
"#;
    insta::assert_snapshot!(refused(text), @r#"
    error: unknown key `slott`
     --> config.toml:3:1
      |
    3 | slott = "*******"
      | ^^^^^ not a key of `source`
      |
      = help: did you mean `slot`?

    error: `heartbeat` must be a duration, a string such as "30s"
     --> config.toml:4:13
      |
    4 | heartbeat = 10
      |             ^^ this is an integer

    error: `workers` can't be 0
     --> config.toml:7:11
      |
    7 | workers = 0
      |           ^
      |
      = help: wanted is a number from 1 to 1000

    error: `batch` must be a whole number
     --> config.toml:8:9
      |
    8 | batch = "many"
      |         ^^^^^^ this is a string

    error: the value of `lease` is not a duration
     --> config.toml:9:9
      |
    9 | lease = "1 minute"
      |         ^^^^^^^^^^
      |
      = help: wanted is a whole number and `ms`, `s`, `m`, `h` or `d`, such as "250ms" or "30s"

    error: the value of `memory` is not a size
      --> config.toml:10:10
       |
    10 | memory = "64KB"
       |          ^^^^^^
       |
       = help: wanted is a whole number and `B`, `KiB`, `MiB` or `GiB`, such as "64KiB" or "8MiB"

    error: the url must begin with http:// or https://
      --> config.toml:14:7
       |
    14 | url = "api.example.com/{id"
       |       ^^^^^^^^^^^^^^^^^^^^^

    error: the sync `orders` has no `table`
      --> config.toml:17:1
       |
    17 | [syncs.orders]
       | ^^^^^^^^^^^^^^
       |
       = help: add `table = "orders"`

    error: unknown key `tabel`
      --> config.toml:18:1
       |
    18 | tabel = "orders"
       | ^^^^^ not a key of `syncs.orders`
       |
       = help: did you mean `table`?

    error: there is no sink "apo"
      --> config.toml:19:8
       |
    19 | sink = "apo"
       |        ^^^^^
       |
       = help: did you mean `api`?

    warning: no sync uses the sink `api`
      --> config.toml:12:1
       |
    12 | [sinks.api]
       | ^^^^^^^^^^^

    warning: the timeout is longer than the lease
      --> config.toml:15:11
       |
    15 | timeout = "5m"
       |           ^^^^ requests are given up after 1m, when the lease runs out
       |
       = help: shorten it, or lengthen `engine.lease`

    10 errors, 2 warnings
    "#);
}

#[test]
fn warnings_come_last_and_do_not_keep_a_file_from_being_used() {
    let text = format!(
        "{BASE}[sinks.api]\ntype = 'http'\nurl = 'http://x/{{id}}'\ntimeout = '2m'\n\
         [syncs.orders]\ntable = 'orders'\nsink = 'api'\n[syncs.orders.many.lines]\n"
    );
    let Loaded { file, report, .. } = loaded(&text);
    insta::assert_snapshot!(report.render(&file, false), @r"
    warning: no sync uses the sink `out`
     --> config.toml:3:1
      |
    3 | [sinks.out]
      | ^^^^^^^^^^^

    warning: the timeout is longer than the lease
     --> config.toml:8:11
      |
    8 | timeout = '2m'
      |           ^^^^ requests are given up after 1m, when the lease runs out
      |
      = help: shorten it, or lengthen `engine.lease`

    warning: `lines` has no effect
      --> config.toml:12:1
       |
    12 | [syncs.orders.many.lines]
       | ^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: a `many` shows in the document by its `document` or its `aggregate`

    3 warnings
    ");
}

#[test]
fn an_empty_file_says_what_is_needed() {
    insta::assert_snapshot!(refused(""), @r#"
    error: there is no source
    --> config.toml
     |
     = help: add a section [source] with `url = "${DATABASE_URL}"`

    error: there is no sync, so there is nothing to do
    --> config.toml
     |
     = help: add one: [syncs.NAME] with `table` and `sink`

    2 errors
    "#);
}

#[test]
fn broken_toml_is_pointed_at_and_the_rest_is_read_all_the_same() {
    let text = "[source]\nurl = \"${DATABASE_URL}\nslot = 'x'\n\n[engine]\nwrokers = 4\nbatch = = 5\n";
    insta::assert_snapshot!(refused(text), @r#"
    error: this is not valid TOML
     --> config.toml:2:22
      |
    2 | url = ****************
      |                      ^ invalid basic string, expected `"`

    error: unknown key `wrokers`
     --> config.toml:6:1
      |
    6 | wrokers = 4
      | ^^^^^^^ not a key of `engine`
      |
      = help: did you mean `workers`?

    error: this is not valid TOML
     --> config.toml:7:9
      |
    7 | batch = = 5
      |         ^ extra `=`

    3 errors
    "#);
}

#[test]
fn a_key_given_twice_shows_both_places() {
    let text = format!("{BASE}[syncs.orders]\ntable = 'orders'\nsink = 'out'\ntable = 'other'\n[sinks.out]\n");
    insta::assert_snapshot!(refused(&text), @r"
    error: the key `table` is given twice
     --> config.toml:8:1
      |
    6 | table = 'orders'
      | ----- first given here
    7 | sink = 'out'
    8 | table = 'other'
      | ^^^^^ given again

    error: the key `out` is given twice
     --> config.toml:9:8
      |
    9 | [sinks.out]
      |        ^^^

    2 errors
    ");
}

#[test]
fn what_this_version_lacks_is_refused_and_not_ignored() {
    let text = r#"[source]
url = "postgres://db/shop"

[sinks.search]
type = "postgres"
table = "orders"
[sinks.smoke]
type = "smoke"
[syncs.orders]
table = "orders"
sinks = ["search", "smoke"]
debounce = "5s"
[syncs.orders.many.lines]
limit = 3
document = "id"
"#;
    insta::assert_snapshot!(refused(text), @r#"
    error: the sink type "postgres" is not available in this version
     --> config.toml:5:8
      |
    5 | type = "postgres"
      |        ^^^^^^^^^^
      |
      = help: available: "http", "elasticsearch", "opensearch", "kafka", "nats", "redis" or "stdout"

    error: "smoke" is not a type of sink
     --> config.toml:8:8
      |
    8 | type = "smoke"
      |        ^^^^^^^
      |
      = help: available: "http", "elasticsearch", "opensearch", "kafka", "nats", "redis" or "stdout"

    2 errors
    "#);
}

proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_read_and_shown(text in "[\\[\\]{}=\"'\n\r\t ,a-f0-9.#$:?\\\\é-]{0,60}", at in 0..200_usize) {
        let mut file = format!("{BASE}[syncs.a]\ntable = 'x'\nsink = 'out'\n[syncs.a.document]\nx = 'y'\n");
        file.insert_str(at % file.len(), &text);
        if let Err(LoadError::Refused { file, report }) = parse(&file) {
            prop_assert!(report.errors() > 0);
            prop_assert!(!report.render(&file, true).is_empty());
            prop_assert!(report.to_json(&file).is_object());
        }
    }
}

#[test]
fn json_has_the_same_findings() {
    let text = format!("{BASE}[syncs.orders]\ntabel = 'orders'\ntable = 'orders'\nsink = 'out'\n");
    let error = parse(&text).unwrap_err();
    let LoadError::Refused { file, report } = &error else {
        panic!("{error}")
    };
    insta::assert_snapshot!(format!("{:#}", report.to_json(file)), @r#"
    {
      "errors": 1,
      "file": "config.toml",
      "problems": [
        {
          "also": [],
          "column": 1,
          "help": [
            "did you mean `table`?"
          ],
          "label": "not a key of `syncs.orders`",
          "level": "error",
          "line": 6,
          "path": "syncs.orders.tabel",
          "sql": null,
          "summary": "unknown key `tabel`"
        }
      ],
      "warnings": 0
    }
    "#);
}

#[test]
fn a_finding_about_the_database_is_shown_in_the_same_way() {
    let text = format!("{BASE}[syncs.orders]\ntable = 'orders'\nsink = 'out'\n");
    let Loaded {
        config,
        file,
        mut report,
    } = loaded(&text);
    report.push(
        crate::config::Problem::at(
            &config.syncs[0].root.place,
            "the old rows of `orders` do not show their key",
        )
        .label("its replica identity is `nothing`")
        .help("a change of the key would be missed")
        .sql("alter table public.orders\n  replica identity full;"),
    );
    report.push(
        crate::config::Problem::of_server("`wal_level` is `replica`")
            .help("restart the server after this")
            .sql("alter system set wal_level = 'logical';"),
    );
    insta::assert_snapshot!(report.render(&file, false), @r"
    error: the old rows of `orders` do not show their key
     --> config.toml:5:1
      |
    5 | [syncs.orders]
      | ^^^^^^^^^^^^^^ its replica identity is `nothing`
      |
      = help: a change of the key would be missed

        alter table public.orders
          replica identity full;

    error: `wal_level` is `replica`
     |
     = help: restart the server after this

        alter system set wal_level = 'logical';

    2 errors
    ");
}
