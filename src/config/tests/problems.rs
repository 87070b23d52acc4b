//! Findings as people see them: the file as a whole, its sections, and what comes from outside.

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

    error: there is no sink `apo`
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
failover = true
[retention]
failed = "30d"
[sinks.search]
type = "elasticsearch"
index = "orders"
[sinks.smoke]
type = "smoke"
[sinks.api]
type = "http"
url = "https://x/{id}"
batch = { max = 10 }
[syncs.orders]
table = "orders"
sinks = ["search", "smoke", "api"]
debounce = "5s"
[syncs.orders.many.lines]
limit = 3
document = "id"
"#;
    insta::assert_snapshot!(refused(text), @r#"
    error: `failover` is not available in this version
     --> config.toml:3:1
      |
    3 | failover = ****
      | ^^^^^^^^ remove it

    error: `retention` is not available in this version
     --> config.toml:4:2
      |
    4 | [retention]
      |  ^^^^^^^^^ remove it

    error: the sink type "elasticsearch" is not available in this version
     --> config.toml:7:8
      |
    7 | type = "elasticsearch"
      |        ^^^^^^^^^^^^^^^
      |
      = help: available: "http" or "stdout"

    error: there is no sink type "smoke"
      --> config.toml:10:8
       |
    10 | type = "smoke"
       |        ^^^^^^^
       |
       = help: available: "http" or "stdout"

    error: `batch` is not available in this version
      --> config.toml:14:1
       |
    14 | batch = { max = ** }
       | ^^^^^ remove it

    error: `debounce` is not available in this version
      --> config.toml:18:1
       |
    18 | debounce = "5s"
       | ^^^^^^^^ remove it

    error: `limit` is not available in this version
      --> config.toml:20:1
       |
    20 | limit = 3
       | ^^^^^ remove it

    7 errors
    "#);
}

#[test]
fn what_the_environment_lacks_is_pointed_at() {
    let text = r#"
[source]
url = "postgres://app:${DB_PASSWORD}@${DB_HOST:?the host of the database}/shop"
slot = "${SLOT"
publication = "${9}"
[admin]
token = "file:/no/such/secret"
[sinks.out]
type = "stdout"
[syncs.orders]
table = "orders"
sink = "out"
"#;
    insta::assert_snapshot!(refused(text), @r#"
    error: the environment variable `DB_PASSWORD` is not set
     --> config.toml:3:23
      |
    3 | url = "postgres://app:${DB_PASSWORD}@${DB_HOST:?the host of the database}/shop"
      |                       ^^^^^^^^^^^^^
      |
      = help: set it, or give a default: `${DB_PASSWORD:-default}`

    error: `DB_HOST` is not set: the host of the database
     --> config.toml:3:38
      |
    3 | url = "postgres://app:${DB_PASSWORD}@${DB_HOST:?the host of the database}/shop"
      |                                      ^^^^^^^^^

    error: `${` is never closed
     --> config.toml:4:9
      |
    4 | slot = "${SLOT"
      |         ^^
      |
      = help: a literal `${` is written `$${`

    error: `9` is not the name of an environment variable
     --> config.toml:5:16
      |
    5 | publication = "${9}"
      |                ^^^
      |
      = help: a literal `${` is written `$${`

    error: can't read `/no/such/secret`: no such file
     --> config.toml:7:10
      |
    7 | token = "file:/no/such/secret"
      |          ^^^^^^^^^^^^^^^^^^^^

    5 errors
    "#);
}

#[test]
fn the_source_is_told_in_one_way_and_under_names_that_postgres_takes() {
    let text = r#"
[source]
url = "postgres://db/shop"
database = "shop"
sslcert = "x"
sslmode = "verify_full"
publication = ""
slot = "Walsift-1"
manage = "yes"
on_lost_slot = "restart"
[state]
url = "${EMPTY}"
schema = "pg_walsift"
[sinks.out]
type = "stdout"
[syncs.orders]
table = "orders"
sink = "out"
"#;
    insta::assert_snapshot!(refused(text), @r#"
    error: `database` and `url` can't both be given
     --> config.toml:4:12
      |
    3 | url = "postgres://db/shop"
      |       -------------------- the url is here
    4 | database = "shop"
      |            ^^^^^^
      |
      = help: keep the `url`, or the keys of which one is made

    error: `sslcert` and `url` can't both be given
     --> config.toml:5:11
      |
    3 | url = "postgres://db/shop"
      |       -------------------- the url is here
    4 | database = "shop"
    5 | sslcert = "x"
      |           ^^^
      |
      = help: make it a part of the url: `?sslcert=…`

    error: `sslmode` can't be "verify_full"
     --> config.toml:6:11
      |
    6 | sslmode = "verify_full"
      |           ^^^^^^^^^^^^^ wanted is "disable", "allow", "prefer", "require", "verify-ca" or "verify-full"
      |
      = help: did you mean "verify-full"?

    error: `publication` is not a name that Postgres would take
     --> config.toml:7:15
      |
    7 | publication = ""
      |               ^^
      |
      = help: wanted are 1 to 63 bytes without control characters

    error: `Walsift-1` can't be the `slot`
     --> config.toml:8:8
      |
    8 | slot = "Walsift-1"
      |        ^^^^^^^^^^^
      |
      = help: allowed are lower-case letters, digits and `_`, at most 63 in all

    error: `manage` must be `true` or `false`
     --> config.toml:9:10
      |
    9 | manage = "yes"
      |          ^^^^^ this is a string

    error: `on_lost_slot` can't be "restart"
      --> config.toml:10:16
       |
    10 | on_lost_slot = "restart"
       |                ^^^^^^^^^ wanted is "resync" or "stop"

    error: the url is empty
      --> config.toml:12:7
       |
    12 | url = "${EMPTY}"
       |       ^^^^^^^^^^ this comes to nothing

    error: a schema of Walsift's own can't begin with `pg_`
      --> config.toml:13:10
       |
    13 | schema = "pg_walsift"
       |          ^^^^^^^^^^^^
       |
       = help: Postgres keeps such names for itself

    9 errors
    "#);
}

#[test]
fn listening_beyond_loopback_needs_a_token() {
    let text = format!(
        "{BASE}[syncs.orders]\ntable = 'orders'\nsink = 'out'\n[admin]\nlisten = '0.0.0.0:8080'\ntoken = \"${{EMPTY}}\"\n"
    );
    insta::assert_snapshot!(refused(&text), @r#"
    error: listening beyond this machine needs a token
      --> config.toml:9:10
       |
     9 | listen = '0.0.0.0:8080'
       |          ^^^^^^^^^^^^^^ 0.0.0.0 is not a loopback address
    10 | token = "${EMPTY}"
       |         ---------- this is empty
       |
       = help: add `token = "${WALSIFT_TOKEN}"` to [admin], or listen on 127.0.0.1

    1 error
    "#);
    let text = text.replace("0.0.0.0:8080", "localhost:8080");
    insta::assert_snapshot!(refused(&text), @r#"
    error: `localhost:8080` is not an address to listen on
     --> config.toml:9:10
      |
    9 | listen = 'localhost:8080'
      |          ^^^^^^^^^^^^^^^^
      |
      = help: wanted are an IP address and a port, such as "127.0.0.1:8080" or "[::]:8080"

    1 error
    "#);
}

#[test]
fn an_http_sink_is_looked_at_in_full() {
    let sink = r#"
type = "http"
url = "https://{tenant}.example.com/{id}"
method = "put"
concurrency = -1
timeout = "0s"
retry = { attempts = 0, base = "1h" }
"#;
    insta::assert_snapshot!(refused_sink(sink), @r#"
    error: a placeholder can't decide where requests go
     --> config.toml:8:7
      |
    8 | url = "https://{tenant}.example.com/{id}"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: placeholders may stand in the path and in the query

    error: `method` can't be "put"
     --> config.toml:9:10
      |
    9 | method = "put"
      |          ^^^^^ wanted is "PUT", "POST" or "PATCH"
      |
      = help: did you mean "PUT"?

    error: the value of `concurrency` is out of range
      --> config.toml:10:15
       |
    10 | concurrency = -1
       |               ^^
       |
       = help: wanted is a whole number that is not negative

    error: `timeout` is too short
      --> config.toml:11:11
       |
    11 | timeout = "0s"
       |           ^^^^
       |
       = help: wanted is at least "1ms"

    error: `attempts` can't be 0
      --> config.toml:12:22
       |
    12 | retry = { attempts = 0, base = "1h" }
       |                      ^
       |
       = help: wanted is a number from 1 to 1000000

    error: `base` is longer than `max`
      --> config.toml:12:32
       |
    12 | retry = { attempts = 0, base = "1h" }
       |                                ^^^^
       |
       = help: the first wait, 1h, can't exceed the longest, 15m

    6 errors
    "#);
}

#[test]
fn headers_can_be_sent_and_are_the_user_s_own() {
    let sink = r#"
type = "http"
url = "https://api.example.com/{id"
[sinks.out.headers]
"bad name" = "x"
Walsift-Key = "x"
X-A = "1"
x-a = "line\nbreak"
"#;
    insta::assert_snapshot!(refused_sink(sink), @r#"
    error: the url has a brace without its partner
     --> config.toml:8:7
      |
    8 | url = "https://api.example.com/{id"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a placeholder is written `{name}`, a literal brace `%7B` or `%7D`

    error: `bad name` is not the name of a header
      --> config.toml:10:1
       |
    10 | "bad name" = "*"
       | ^^^^^^^^^^

    error: the header `Walsift-Key` can't be set
      --> config.toml:11:1
       |
    11 | Walsift-Key = "*"
       | ^^^^^^^^^^^ each request has its own

    error: the header `x-a` is given twice
      --> config.toml:13:1
       |
    12 | X-A = "*"
       | --- first given here
    13 | x-a = "***********"
       | ^^^ capitals make no difference

    error: the value of `x-a` can't be sent in a header
      --> config.toml:13:7
       |
    13 | x-a = "***********"
       |       ^^^^^^^^^^^^^
       |
       = help: allowed is printable ASCII on one line

    5 errors
    "#);
}

#[test]
fn a_sink_has_a_type_and_what_it_asks_for() {
    let sink = r#"
url = "http://x"
[sinks.Bare]
type = "http"
[sinks.lines]
type = "stdout"
url = "http://x"
"#;
    insta::assert_snapshot!(refused_sink(sink), @r#"
    error: the sink `out` has no `type`
     --> config.toml:6:1
      |
    6 | [sinks.out]
      | ^^^^^^^^^^^
      |
      = help: add `type = "http"` or `type = "stdout"`

    error: a sink can't be named `Bare`
     --> config.toml:8:1
      |
    8 | [sinks.Bare]
      | ^^^^^^^^^^^^
      |
      = help: allowed are lower-case letters, digits, `_` and `-`, beginning with a letter or digit, at most 63 in all

    error: the sink `Bare` has no `url`
     --> config.toml:8:1
      |
    8 | [sinks.Bare]
      | ^^^^^^^^^^^^
      |
      = help: add `url = "https://…/{id}"`; `{id}` stands for a member of the document

    error: unknown key `url`
      --> config.toml:12:1
       |
    12 | url = "********"
       | ^^^ not a key of `sinks.lines`
       |
       = help: known here: `type`

    warning: no sync uses the sink `Bare`
     --> config.toml:8:1
      |
    8 | [sinks.Bare]
      | ^^^^^^^^^^^^

    warning: no sync uses the sink `lines`
      --> config.toml:10:1
       |
    10 | [sinks.lines]
       | ^^^^^^^^^^^^^

    4 errors, 2 warnings
    "#);
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
