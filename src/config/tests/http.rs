//! Sinks of type `http`.

use secrecy::ExposeSecret;

use super::super::{BatchFormat, SinkKind, StatusRange};
use super::*;

#[test]
fn an_http_sink_says_which_requests_it_makes_and_how_answers_are_read() {
    let text = r#"
[source]
url = "postgres://db/shop"
[sinks.shop]
type = "http"
url = "https://h/orders/{remote_id}"
body = '{"o": {{ document }}}'
create = { method = "PUT", url = "https://h/orders", id = "/data/id" }
delete = { method = "POST", url = "https://h/gone/{id}", body = "{{ key }}" }
read = { url = "https://h/shown/{remote_id}", headers = { Accept = "application/json" } }
ok = ["2xx", 409]
reject = "400-405"
[sinks.bulk]
type = "http"
url = "https://h/bulk"
batch = { max = 500, bytes = "8MiB", format = "ndjson", results = "" }
ok = 202
[sinks.plain]
type = "http"
url = "https://h/{id}"
create = { url = "https://h/" }
[sinks.small]
type = "http"
url = "https://h/bulk"
batch = { results = "/items" }
body = "{{ document }}"
delete = { body = "{{ key }}" }
[syncs.orders]
table = "orders"
sinks = ["shop", "bulk", "plain", "small"]
"#;
    let Loaded { config, report, .. } = loaded(text);
    assert!(report.is_empty(), "{report:?}");
    let requests = |at: usize| match &config.sinks[at].kind {
        SinkKind::Http(http) => http.requests.clone(),
        other => panic!("{other:?}"),
    };
    let range = |from, to| StatusRange { from, to };
    let shop = requests(0);
    assert_eq!(shop.body.unwrap().text, r#"{"o": {{ document }}}"#);
    let create = shop.create.unwrap();
    assert_eq!(
        (
            create.method.as_str(),
            create.url.expose_secret(),
            create.id.written().as_str()
        ),
        ("PUT", "https://h/orders", "/data/id")
    );
    assert_eq!(shop.delete.method, "POST");
    assert_eq!(shop.delete.url.unwrap().expose_secret(), "https://h/gone/{id}");
    assert_eq!(shop.delete.body.unwrap().text, "{{ key }}");
    let read = shop.read.unwrap();
    assert_eq!(read.url.expose_secret(), "https://h/shown/{remote_id}");
    let header = |(name, value): &(String, secrecy::SecretString)| format!("{name}: {}", value.expose_secret());
    let headers: Vec<String> = read.headers.iter().map(header).collect();
    assert_eq!(headers, ["Accept: application/json"]);
    assert_eq!(shop.statuses.ok.unwrap(), [range(200, 299), range(409, 409)]);
    assert_eq!(shop.statuses.reject.unwrap(), [range(400, 405)]);
    assert!(shop.batch.is_none());

    let bulk = requests(1);
    let batch = bulk.batch.unwrap();
    assert_eq!(
        (batch.max, batch.bytes, batch.format),
        (500, 8 << 20, BatchFormat::Ndjson)
    );
    assert!(batch.results.unwrap().0.is_empty());
    assert_eq!(bulk.statuses.ok.unwrap(), [range(202, 202)]);
    assert!(bulk.statuses.reject.is_none());

    let plain = requests(2);
    let create = plain.create.unwrap();
    assert_eq!((create.method.as_str(), create.id.written().as_str()), ("POST", "/id"));
    assert_eq!(
        (plain.delete.method.as_str(), plain.delete.url.is_none()),
        ("DELETE", true)
    );
    assert!(plain.read.is_none());
    assert!(plain.body.is_none() && plain.statuses.ok.is_none() && plain.delete.body.is_none());
    let batch = requests(3).batch.unwrap();
    assert_eq!(
        (batch.max, batch.bytes, batch.format),
        (100, 1 << 20, BatchFormat::Json)
    );

    let printed = config.print_masked();
    let again = loaded(&printed).config;
    assert_eq!(again.print_masked(), printed);
}

#[test]
fn what_a_template_takes_from_elsewhere_is_not_printed() {
    let sink = "[sinks.out]\ntype = 'http'\nurl = 'https://h/{id}'\n";
    let file = |body: &str| {
        let head = "[source]\nurl = 'postgres://db'\n[syncs.orders]\ntable = 'orders'\nsink = 'out'\n";
        loaded(&format!("{head}{sink}body = {body}")).config.print_masked()
    };
    let shown = file(r#"'{"token": "${SECRET}"}'"#);
    assert!(!shown.contains("hunter2") && shown.contains("***"), "{shown}");
    let shown = file(r#""{\"of\": {{ key }}}""#);
    assert!(shown.contains("{{ key }}"), "{shown}");
}
