//! What can be wrong with the requests of an HTTP sink.

use super::*;

#[test]
fn a_template_is_shown_where_it_is_malformed() {
    let text = "
type = 'http'
url = 'https://h/{id}'
body = '''
{\"id\": {{ key.id }},
 \"name\": {{ documnt.name }},
 \"v\": {{ version }}}'''
delete = { body = '{{ key ', method = 'POST' }
";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: there is no `documnt` in a template here
      --> config.toml:11:13
       |
    11 |  "name": {{ documnt.name }},
       |             ^^^^^^^
       |
       = help: did you mean `document`?

    error: the template is malformed
      --> config.toml:13:23
       |
    13 | delete = { body = '{{ key ', method = 'POST' }
       |                       ^^^ unexpected end of input, expected end of variable block
       |
       = help: the language is that of Jinja; `{{ '{{' }}` makes two braces

    2 errors
    "#);
}

#[test]
fn a_template_that_stands_elsewhere_is_shown_by_its_line() {
    let text =
        "\ntype = 'http'\nurl = 'https://h/{id}'\nbody = \"{\\n {{ a b }}\"\ndelete = { body = '{{ document }}' }";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: the template is malformed in its line 2
     --> config.toml:9:8
      |
    9 | body = "{\n {{ a b }}"
      |        ^^^^^^^^^^^^^^^ unexpected identifier, expected end of variable block
      |
      = help: the language is that of Jinja; `{{ '{{' }}` makes two braces

    error: there is no `document` in a template here
      --> config.toml:10:23
       |
    10 | delete = { body = '{{ document }}' }
       |                       ^^^^^^^^
       |
       = help: of a subject that is gone only the key is known

    2 errors
    "#);
    let empty = refused_sink("\ntype = 'http'\nurl = 'https://h/{id}'\nbody = ' '");
    assert!(empty.contains("`body` is empty"), "{empty}");
    let other = refused_sink("\ntype = 'http'\nurl = 'https://h/{id}'\nbody = '{% include \"x\" %}'");
    assert!(
        other.contains("other files, blocks and macros are not available"),
        "{other}"
    );
}

#[test]
fn ids_need_something_that_gives_them() {
    let text = "
type = 'http'
url = 'https://h/{remote_id}'
delete = { url = 'https://h/{remote_id}/gone' }
";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: the url has `{remote_id}`, and nothing says how subjects get one
     --> config.toml:8:7
      |
    8 | url = 'https://h/{remote_id}'
      |       ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add `create = { url = "https://…", id = "/id" }`

    error: the url has `{remote_id}`, and nothing says how subjects get one
     --> config.toml:9:18
      |
    9 | delete = { url = 'https://h/{remote_id}/gone' }
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add `create = { url = "https://…", id = "/id" }`

    2 errors
    "#);
    let text = "
type = 'http'
url = 'https://h/{remote_id}'
create = { url = 'https://h/{remote_id}', id = 'id', methd = 'POST' }
";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: a subject has no `{remote_id}` before it is created
     --> config.toml:9:18
      |
    9 | create = { url = 'https://h/{remote_id}', id = 'id', methd = '****' }
      |                  ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: the other side names it in its answer

    error: the value of `id` is not a JSON pointer: "id"
     --> config.toml:9:48
      |
    9 | create = { url = 'https://h/{remote_id}', id = 'id', methd = '****' }
      |                                                ^^^^
      |
      = help: wanted is "/member" or "/member/member"

    error: unknown key `methd`
     --> config.toml:9:54
      |
    9 | create = { url = 'https://h/{remote_id}', id = 'id', methd = '****' }
      |                                                      ^^^^^ not a key of `sinks.out.create`
      |
      = help: did you mean `method`?

    3 errors
    "#);
    let text = "\ntype = 'http'\nurl = 'https://h/{remote_id}'\ncreate = {}";
    let shown = refused_sink(text);
    assert!(shown.contains("`create` has no `url`"), "{shown}");
}

#[test]
fn reading_needs_a_url_that_can_be_filled() {
    let text = "
type = 'http'
url = 'https://h/{id}'
auth = { bearer = 'hunter2' }
read = { headers = { Authorization = 'hunter2', Walsift-Key = '1' } }
";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: `read` has no `url`
      --> config.toml:10:1
       |
    10 | read = { headers = { Authorization = '*******', Walsift-Key = '*' } }
       | ^^^^
       |
       = help: add `url = "https://…/{id}"`, where a document is shown as it is held

    error: the header `Authorization` and `auth` can't both be given
      --> config.toml:10:22
       |
     9 | auth = { bearer = '*******' }
       |        ---------------------- this sets it
    10 | read = { headers = { Authorization = '*******', Walsift-Key = '*' } }
       |                      ^^^^^^^^^^^^^

    error: the header `Walsift-Key` can't be set
      --> config.toml:10:49
       |
    10 | read = { headers = { Authorization = '*******', Walsift-Key = '*' } }
       |                                                 ^^^^^^^^^^^ each request has its own

    3 errors
    "#);
    let other = refused_sink("\ntype = 'http'\nurl = 'https://h/{id}'\nread = { url = 'https://h/{remote_id}' }");
    assert!(other.contains("nothing says how subjects get one"), "{other}");
    let other = refused_sink("\ntype = 'http'\nurl = 'https://h/{id}'\nread = { url = 'h/{id' }");
    assert!(other.contains("the url must begin with"), "{other}");
}

#[test]
fn a_batch_has_one_url_and_takes_deletes_as_well() {
    let text = "
type = 'http'
url = 'https://h/{id}'
body = '{{ document }}'
create = { url = 'https://h/' }
delete = { method = 'POST', url = 'https://h/gone' }
batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: with `batch` the url can't have placeholders
      --> config.toml:8:7
       |
     8 | url = 'https://h/{id}'
       |       ^^^^^^^^^^^^^^^^
    ...
    12 | batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
       |         ------------------------------------------------------------ many documents go in one request
       |
       = help: each item carries its key

    error: nothing says what stands for a delete in a batch
      --> config.toml:9:8
       |
     9 | body = '{{ document }}'
       |        ^^^^^^^^^^^^^^^^
    ...
    12 | batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
       |         ------------------------------------------------------------ many documents go in one request
       |
       = help: add `delete = { body = "…" }`

    error: `create` and `batch` can't go together
      --> config.toml:10:10
       |
    10 | create = { url = 'https://h/' }
       |          ^^^^^^^^^^^^^^^^^^^^^^
    11 | delete = { method = 'POST', url = 'https://h/gone' }
    12 | batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
       |         ------------------------------------------------------------ many documents go in one request

    error: `delete.method` and `batch` can't go together
      --> config.toml:11:21
       |
    11 | delete = { method = 'POST', url = 'https://h/gone' }
       |                     ^^^^^^
    12 | batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
       |         ------------------------------------------------------------ deletes go in the same requests

    error: `delete.url` and `batch` can't go together
      --> config.toml:11:35
       |
    11 | delete = { method = 'POST', url = 'https://h/gone' }
       |                                   ^^^^^^^^^^^^^^^^
    12 | batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
       |         ------------------------------------------------------------ deletes go in the same requests

    error: `max` can't be 0
      --> config.toml:12:17
       |
    12 | batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
       |                 ^
       |
       = help: wanted is a number from 1 to 10000

    error: `bytes` is too small
      --> config.toml:12:28
       |
    12 | batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
       |                            ^^^^
       |
       = help: wanted is at least "1KiB"

    error: `format` can't be "xml"
      --> config.toml:12:43
       |
    12 | batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
       |                                           ^^^^^ wanted is "json" or "ndjson"

    error: the value of `results` is not a JSON pointer: "items"
      --> config.toml:12:60
       |
    12 | batch = { max = 0, bytes = '1B', format = 'xml', results = 'items' }
       |                                                            ^^^^^^^
       |
       = help: wanted is "/member", or "" where the answer itself is the list

    9 errors
    "#);
}

#[test]
fn no_status_is_both_accepted_and_refused() {
    let text = "\ntype = 'http'\nurl = 'https://h/{id}'\nok = ['2xx', 409]\nreject = ['400-417', 500]";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: 409 can't be both accepted and refused
      --> config.toml:10:11
       |
     9 | ok = ['2xx', 409]
       |              --- accepted here
    10 | reject = ['400-417', 500]
       |           ^^^^^^^^^

    1 error
    "#);
    let text = "\ntype = 'http'\nurl = 'https://h/{id}'\nreject = '2xx'";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: 2xx can't be both accepted and refused
     --> config.toml:9:10
      |
    9 | reject = '2xx'
      |          ^^^^^
      |
      = help: by default `ok` is "2xx"

    1 error
    "#);
    let text = "\ntype = 'http'\nurl = 'https://h/{id}'\nok = []\nreject = [99, 'OK', 4.5]";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: `ok` is empty
     --> config.toml:9:6
      |
    9 | ok = []
      |      ^^
      |
      = help: leave it out for the default

    error: the value of `reject` is not a status
      --> config.toml:10:11
       |
    10 | reject = [99, 'OK', 4.5]
       |           ^^
       |
       = help: wanted is a status such as 200, "2xx" or "400-499", or a list of them

    error: the value of `reject` is not a status
      --> config.toml:10:15
       |
    10 | reject = [99, 'OK', 4.5]
       |               ^^^^
       |
       = help: wanted is a status such as 200, "2xx" or "400-499", or a list of them

    error: `reject` must be a status such as 200, "2xx" or "400-499", or a list of them
      --> config.toml:10:21
       |
    10 | reject = [99, 'OK', 4.5]
       |                     ^^^ this is a number with a fraction

    4 errors
    "#);
}
