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
    insta::assert_snapshot!(refused_sink(text), @"");
}

#[test]
fn a_template_that_stands_elsewhere_is_shown_by_its_line() {
    let text = "\ntype = 'http'\nurl = 'https://h/{id}'\nbody = \"{\\n {{ a b }}\"\ndelete = { body = '{{ document }}' }";
    insta::assert_snapshot!(refused_sink(text), @"");
    let empty = refused_sink("\ntype = 'http'\nurl = 'https://h/{id}'\nbody = ' '");
    assert!(empty.contains("`body` is empty"), "{empty}");
    let other = refused_sink("\ntype = 'http'\nurl = 'https://h/{id}'\nbody = '{% include \"x\" %}'");
    assert!(other.contains("other files, blocks and macros are not available"), "{other}");
}

#[test]
fn ids_need_something_that_gives_them() {
    let text = "
type = 'http'
url = 'https://h/{remote_id}'
delete = { url = 'https://h/{remote_id}/gone' }
";
    insta::assert_snapshot!(refused_sink(text), @"");
    let text = "
type = 'http'
url = 'https://h/{remote_id}'
create = { url = 'https://h/{remote_id}', id = 'id', methd = 'POST' }
";
    insta::assert_snapshot!(refused_sink(text), @"");
    let text = "\ntype = 'http'\nurl = 'https://h/{remote_id}'\ncreate = {}";
    let shown = refused_sink(text);
    assert!(shown.contains("`create` has no `url`"), "{shown}");
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
    insta::assert_snapshot!(refused_sink(text), @"");
}

#[test]
fn no_status_is_both_accepted_and_refused() {
    let text = "\ntype = 'http'\nurl = 'https://h/{id}'\nok = ['2xx', 409]\nreject = ['400-417', 500]";
    insta::assert_snapshot!(refused_sink(text), @"");
    let text = "\ntype = 'http'\nurl = 'https://h/{id}'\nreject = '2xx'";
    insta::assert_snapshot!(refused_sink(text), @"");
    let text = "\ntype = 'http'\nurl = 'https://h/{id}'\nok = []\nreject = [99, 'OK', 4.5]";
    insta::assert_snapshot!(refused_sink(text), @"");
}
