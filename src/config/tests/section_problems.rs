//! Findings about source, admin and sinks, and about what comes from outside.

use super::*;

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

    error: can't read "/no/such/secret": no such file
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

    error: `slot` can't be "Walsift-1"
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
    error: "localhost:8080" is not an address to listen on
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
       = help: wanted is a number from 1 to 10000

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

    error: a sink can't be named "Bare"
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
