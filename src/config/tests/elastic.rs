//! The sinks for Elasticsearch and OpenSearch: what their keys come to, and what is said of those that are wrong.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::super::{Auth, ElasticSink, SinkKind};
use super::*;

fn file(keys: &str) -> String {
    format!("[source]\nurl = 'postgres://db'\n[syncs.a]\ntable = 'a'\nsink = 'out'\n[sinks.out]\n{keys}")
}

const REQUIRED: &str = "type = 'elasticsearch'\nurl = 'https://search:9200'\nindex = 'orders'\n";

fn elastic(text: &str) -> ElasticSink {
    match loaded(text).config.sinks.remove(0).kind {
        SinkKind::Elastic(elastic) => *elastic,
        other => panic!("{other:?}"),
    }
}

/// Where each problem is and what it is.
fn problems(keys: &str) -> Vec<String> {
    let Err(LoadError::Refused { file, report }) = parse(&file(keys)) else {
        panic!("a problem was expected: {keys}")
    };
    let shown = report.render(&file, false);
    assert!(!shown.contains("hunter2"), "{shown}");
    let path = |problem: &super::super::Problem| {
        let path = problem.place.as_ref().map_or("", |place| &place.path);
        path.strip_prefix("sinks.out.").unwrap_or(path).to_owned()
    };
    let problems = report.problems.iter();
    problems
        .map(|problem| format!("{}: {}", path(problem), problem.summary))
        .collect()
}

/// A mapping in a file of its own.
fn mapping(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("orders.json");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn what_is_not_said_is_the_default() {
    for product in ["elasticsearch", "opensearch"] {
        let sink = elastic(&file(&REQUIRED.replace("elasticsearch", product)));
        assert_eq!(sink.product, product);
        assert_eq!(sink.url.expose_secret(), "https://search:9200");
        assert_eq!((sink.max, sink.bytes, sink.gzip), (1_000, 8 << 20, false));
        let nothing = [&sink.id, &sink.routing, &sink.pipeline];
        assert_eq!(nothing, [&None, &None, &None]);
        assert!(sink.mapping.is_none() && sink.access.auth.is_none());
    }
}

#[test]
fn all_that_is_said_is_read_and_printed_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = mapping(&folder, "{ \"mappings\": {} }\n");
    let path = path.to_str().unwrap();
    let text = file(&format!(
        "type = 'opensearch'\nurl = 'https://me:${{SECRET}}@search/base'\nindex = 'orders-1.a_b'\nid = 'o-{{id}}'\n\
         routing = '{{shop}}'\npipeline = 'tidy'\nmapping = '{path}'\ngzip = true\n\
         batch = {{ max = 10, bytes = '1MiB' }}"
    ));
    let sink = elastic(&text);
    assert_eq!(sink.index, "orders-1.a_b");
    let given = [&sink.id, &sink.routing, &sink.pipeline].map(|text| text.as_deref().unwrap());
    assert_eq!(given, ["o-{id}", "{shop}", "tidy"]);
    assert_eq!(sink.mapping.unwrap().text, "{ \"mappings\": {} }\n");
    assert_eq!((sink.max, sink.bytes, sink.gzip), (10, 1 << 20, true));

    let printed = loaded(&text).config.print_masked();
    let wanted = [
        "type = \"opensearch\"",
        "index = \"orders-1.a_b\"",
        "id = \"o-{id}\"",
        "routing = \"{shop}\"",
        "pipeline = \"tidy\"",
        &format!("mapping = \"{path}\""),
        "gzip = true",
        "max = 10",
        "bytes = \"1MiB\"",
    ];
    for line in wanted {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn a_key_of_the_server_is_read_and_not_printed() {
    let text = file(&format!("{REQUIRED}auth = {{ api_key = '${{SECRET}}' }}"));
    let sink = elastic(&text);
    let Some(Auth::ApiKey(key)) = &sink.access.auth else {
        panic!("{:?}", sink.access)
    };
    assert_eq!(key.text.expose_secret(), "hunter2");
    let printed = loaded(&text).config.print_masked();
    assert!(printed.contains("[sinks.out.auth]\napi_key = \"***\"\n"), "{printed}");
}

#[test]
fn the_url_is_that_of_a_server_and_no_more() {
    let no_more = "url: the url is where the server answers, and no more";
    let cases: &[(&str, &[&str])] = &[
        ("ftp://search", &["url: the url must begin with http:// or https://"]),
        ("search", &["url: the url must begin with http:// or https://"]),
        ("https://", &["url: the url is malformed: empty host"]),
        ("https://search/{id}", &[no_more]),
        ("https://search/?pipeline=hunter2", &[no_more]),
        ("https://search/#x", &[no_more]),
    ];
    for (url, expected) in cases {
        let found = problems(&REQUIRED.replace("https://search:9200", url));
        assert_eq!(found, *expected, "{url}");
    }
    let missing = problems("type = 'opensearch'");
    let expected = ["the sink `out` has no `url`", "the sink `out` has no `index`"];
    assert_eq!(missing, expected.map(|problem| format!("sinks.out: {problem}")));
}

#[test]
fn names_of_indexes_are_those_that_the_servers_take() {
    let long = "a".repeat(256);
    let bad = [
        "", "Orders", "_orders", "-orders", "+orders", ".", "..", ".orders", "a b", "a,b", "a*", "a?", "a/b", "a\\b",
        "a\"b", "<a>", "a|b", "a#b", "a:b", "{sync}", "ÄRGER", &long,
    ];
    for index in bad {
        let found = problems(&REQUIRED.replace("'orders'", &format!("'{index}'")));
        let [problem] = found.as_slice() else {
            panic!("{index}: {found:?}")
        };
        let said = problem.starts_with("index: ") && problem.ends_with("can't be the name of an index");
        assert!(said, "{problem}");
    }
    for index in ["orders", "orders-2026.11", "o_1+", "ärger", &long[..255]] {
        let sink = elastic(&file(&REQUIRED.replace("'orders'", &format!("'{index}'"))));
        assert_eq!(sink.index, index);
    }
}

#[test]
fn templates_have_whole_placeholders() {
    for template in ["", "{", "}", "{}", "{ }", "a{b", "a}b", "{a{b}}", "{a}}"] {
        for key in ["id", "routing"] {
            let expected = format!("{key}: the value of `{key}` is no template: {template:?}");
            assert_eq!(problems(&format!("{REQUIRED}{key} = '{template}'")), [expected]);
        }
    }
    for template in ["{id}", "a-{shop}:{id}", "constant"] {
        let sink = elastic(&file(&format!("{REQUIRED}id = '{template}'")));
        assert_eq!(sink.id.unwrap(), template);
    }
}

#[test]
fn a_mapping_is_a_file_with_an_object() {
    let missing = problems(&format!("{REQUIRED}mapping = '/nowhere/orders.json'"));
    let start = "mapping: the file of `mapping` is of no use: No such file or directory";
    assert!(missing[0].starts_with(start), "{missing:?}");
    let folder = tempfile::tempdir().unwrap();
    for (text, fault) in [
        ("{ \"mappings\": ", "it is not JSON: EOF while parsing"),
        ("", "it is not JSON: EOF while parsing"),
        ("{} {}", "it is not JSON: trailing characters"),
        ("[]", "it is not a JSON object"),
        ("\"mappings\"", "it is not a JSON object"),
    ] {
        let path = mapping(&folder, text);
        let found = problems(&format!("{REQUIRED}mapping = '{}'", path.display()));
        let start = format!("mapping: the file of `mapping` is of no use: {fault}");
        assert!(found.len() == 1 && found[0].starts_with(&start), "{text}: {found:?}");
    }
}

#[test]
fn a_batch_has_its_limits() {
    let cases: &[(&str, &[&str])] = &[
        ("max = 0", &["batch.max: `max` can't be 0"]),
        ("max = 10001", &["batch.max: `max` can't be 10001"]),
        ("bytes = '1023B'", &["batch.bytes: `bytes` is too small"]),
        ("size = 5", &["batch.size: unknown key `size`"]),
        ("format = 'json'", &["batch.format: unknown key `format`"]),
    ];
    for (batch, expected) in cases {
        let found = problems(&format!("{REQUIRED}batch = {{ {batch} }}"));
        assert_eq!(found, *expected, "{batch}");
    }
    let sink = elastic(&file(&format!("{REQUIRED}batch = {{ max = 10_000, bytes = '1KiB' }}")));
    assert_eq!((sink.max, sink.bytes), (10_000, 1 << 10));
}

#[test]
fn what_is_wrong_is_shown_with_what_is_wanted() {
    let text = "
type = 'elasticsearch'
url = 'https://search/{id}'
index = 'Orders'
id = 'o-{id'
pipline = 'tidy'
method = 'POST'
mapping = '/nowhere/orders.json'
";
    insta::assert_snapshot!(refused_sink(text), @r#"
    error: the url is where the server answers, and no more
     --> config.toml:8:7
      |
    8 | url = 'https://search/{id}'
      |       ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: `index`, `id`, `routing` and `pipeline` have keys of their own

    error: "Orders" can't be the name of an index
     --> config.toml:9:9
      |
    9 | index = 'Orders'
      |         ^^^^^^^^
      |
      = help: allowed are lower-case letters, digits, `-`, `_` and `.`

    error: the value of `id` is no template: "o-{id"
      --> config.toml:10:6
       |
    10 | id = 'o-{id'
       |      ^^^^^^^
       |
       = help: a placeholder is written `{name}`

    error: unknown key `pipline`
      --> config.toml:11:1
       |
    11 | pipline = '****'
       | ^^^^^^^ not a key of `sinks.out`
       |
       = help: did you mean `pipeline`?

    error: unknown key `method`
      --> config.toml:12:1
       |
    12 | method = '****'
       | ^^^^^^ not a key of `sinks.out`
       |
       = help: known here: `type`, `concurrency`, `timeout`, `rate_limit`, `retry`, `breaker`, `url`, `index`, `id`, `routing`, `pipeline`, `mapping`, `auth`, `tls`, `gzip` or `batch`

    error: the file of `mapping` is of no use: No such file or directory (os error 2)
      --> config.toml:13:11
       |
    13 | mapping = '/nowhere/orders.json'
       |           ^^^^^^^^^^^^^^^^^^^^^^

    6 errors
    "#);
}

#[test]
fn a_sink_has_others_like_it_that_write_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = mapping(&folder, r#"{ "settings": { "a": 1.50 }, "aliases": { "orders": {} } }"#);
    let config = loaded(&file(&format!(
        "{REQUIRED}id = 'o-{{id}}'\nmapping = '{}'",
        path.display()
    )))
    .config;
    let sink = &config.sinks[0];
    let beside = sink.with_target("out>new", "orders_v2").unwrap();
    let SinkKind::Elastic(elastic) = &beside.kind else {
        panic!()
    };
    assert_eq!((&*beside.name, &*elastic.index), ("out>new", "orders_v2"));
    assert_eq!(elastic.id.as_deref(), Some("o-{id}"));
    // Its aliases are those of the index that is there.
    assert_eq!(elastic.mapping.as_ref().unwrap().text, r#"{"settings":{ "a": 1.50 }}"#);
    let refused = |target: &str| sink.with_target("out>new", target).unwrap_err().to_string();
    assert_eq!(refused("orders"), "the sink writes to `orders` already");
    assert_eq!(refused("Orders"), "`Orders` can't be the name of an index");
    assert_eq!(config.sinks_into(sink), ["out"]);
    assert_eq!(config.sinks_into(&beside), [""; 0]);
    let http = loaded(&file("type = 'stdout'")).config.sinks.remove(0);
    assert_eq!(
        http.with_target("out>new", "orders_v2").unwrap_err().to_string(),
        "only sinks of type `elasticsearch` and `opensearch` have an index that another one can take the place of"
    );
}

#[test]
fn syncs_are_neighbours_that_write_to_one_index() {
    let config = loaded(
        "[source]\nurl = 'postgres://db'\n[syncs.a]\ntable = 'a'\nsink = 'one'\n[syncs.b]\ntable = 'b'\nsink = 'two'
         [syncs.c]\ntable = 'c'\nsink = 'three'
         [sinks]
         one   = { type = 'elasticsearch', url = 'https://search:9200', index = 'orders' }
         two   = { type = 'elasticsearch', url = 'https://search:9200/', index = 'orders' }
         three = { type = 'elasticsearch', url = 'https://search:9200', index = 'others' }",
    )
    .config;
    assert_eq!(config.neighbours("a", &config.sinks[0]), ["b"]);
    assert_eq!(config.neighbours("c", &config.sinks[2]), [""; 0]);
}
