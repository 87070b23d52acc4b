//! Bodies by template.

use std::sync::Arc;

use super::*;
use crate::config::{Delete, Place, Requests, Template};
use crate::plan::{KeyColumn, KeyShape};

fn written(text: &str) -> Template {
    Template {
        text: text.to_owned(),
        place: Place::absent("body"),
        from_outside: false,
    }
}

fn with_body(peer: &Peer, text: &str) -> config::HttpSink {
    config::HttpSink {
        requests: Requests {
            body: Some(written(text)),
            ..Requests::default()
        },
        ..config(&format!("http://{}/orders/{{id}}", peer.address))
    }
}

const DOCUMENT: &str = r#"{"id": 9007199254740993, "name": "Zoë \"Z\"", "total": 7.00, "rate": 1e-7, "none": null,
    "big": 123456789012345678901234567890.10, "lines": [{"qty": 2, "price": 3.50}, {"qty": 1, "price": 0.00}], "<": "&"}"#;

/// What is sent for the document, with a type of content and a template.
async fn sent(content_type: &str, template: &str) -> Result<String, Failure> {
    let mut peer = Peer::answering([Answer::status("200 OK", "", "")]).await;
    let mut config = with_body(&peer, template);
    if !content_type.is_empty() {
        config.headers = vec![("Content-Type".to_owned(), content_type.into())];
    }
    let mut delivery = delivery(&[("id", "9007199254740993"), ("region", "EU")], DOCUMENT);
    let mut shape = KeyShape::clone(&delivery.shape);
    shape.columns[0] = KeyColumn {
        bare_in_json: true,
        ..shape.columns[0].clone()
    };
    delivery.shape = Arc::new(shape);
    match sink(&config).deliver_one(&delivery).await {
        Outcome::Delivered { .. } => Ok(peer.received().body),
        other => {
            assert!(peer.received_nothing_more());
            Err(rejected(other))
        }
    }
}

#[tokio::test]
async fn numbers_come_out_as_postgres_wrote_them() {
    let cases = [
        ("{{ document.total }}", "7.00"),
        ("{{ document.total | tojson }}", "7.00"),
        ("{{ document.id }}", "9007199254740993"),
        ("{{ document.big }}", "123456789012345678901234567890.10"),
        ("{{ document.rate }}", "1e-7"),
        ("{{ document.lines[0].price }}", "3.50"),
        (
            "{{ document.lines }}",
            r#"[{"qty": 2, "price": 3.50}, {"qty": 1, "price": 0.00}]"#,
        ),
        ("{{ document }}", DOCUMENT),
        ("{{ document | tojson }}", DOCUMENT),
        (
            "{{ [document.total, document.lines[1]] }}",
            r#"[7.00,{"qty": 1, "price": 0.00}]"#,
        ),
        ("{{ {'t': document.total} | tojson }}", r#"{"t":7.00}"#),
        (
            "[{% for line in document.lines %}{{ line.price }}{% if not loop.last %},{% endif %}{% endfor %}]",
            "[3.50,0.00]",
        ),
        ("{{ document.total | float > 6.5 }}", "true"),
        ("{{ document.total | float * 2 }}", "14.0"),
        ("{{ document.lines[0].qty * 3 }}", "6"),
        ("{{ document.lines | length }}", "2"),
        ("{% if document.lines[1].price %}1{% else %}0{% endif %}", "0"),
        ("{{ document.lines | map(attribute='price') | max }}", "3.50"),
    ];
    for (template, expected) in cases {
        assert_eq!(sent("", template).await.unwrap(), expected, "{template}");
    }
}

#[tokio::test]
async fn values_cannot_get_out_of_their_place() {
    let json = [
        (r#"{"name": {{ document.name }}}"#, r#"{"name": "Zoë \"Z\""}"#),
        (r#"{"name": {{ document.name | tojson }}}"#, r#"{"name": "Zoë \"Z\""}"#),
        (
            r#"{"text": {{ "Order " ~ key.id ~ " " ~ document.total }}}"#,
            r#"{"text": "Order 9007199254740993 7.00"}"#,
        ),
        (
            r#"{"none": {{ document.none }}, "id": {{ remote_id }}}"#,
            r#"{"none": null, "id": null}"#,
        ),
        (
            "[{{ sync }}, {{ operation }}, {{ version }}, {{ key }}]",
            r#"["orders", "upsert", 7, {"id":9007199254740993,"region":"EU"}]"#,
        ),
        (r#"{{ '{"by": "hand"}' | safe }}"#, r#"{"by": "hand"}"#),
    ];
    for (template, expected) in json {
        for content_type in ["", "application/json; charset=utf-8", "application/vnd.api+json"] {
            assert_eq!(sent(content_type, template).await.unwrap(), expected, "{template}");
        }
    }
    let xml = "<o n='{{ document['<'] }}'>{{ document.name }} {{ document.total }}</o>";
    let escaped = "<o n='&amp;'>Zoë &quot;Z&quot; 7.00</o>";
    assert_eq!(sent("application/xml", xml).await.unwrap(), escaped);
    let text = "{{ document.name }} = {{ document.total }}";
    assert_eq!(sent("text/plain", text).await.unwrap(), "Zoë \"Z\" = 7.00");
    let form = "name={{ document.name | urlencode }}&json={{ document.lines[0] | tojson | urlencode }}";
    let encoded = "name=Zo%C3%AB%20%22Z%22&json=%7B%22qty%22%3A%202%2C%20%22price%22%3A%203.50%7D";
    assert_eq!(sent("application/x-www-form-urlencoded", form).await.unwrap(), encoded);
}

#[tokio::test]
async fn a_body_that_cannot_be_made_is_the_configurations_fault_and_says_no_values() {
    let fails = |reason: &str| format!("the template of the body fails in its line {reason}");
    let no_json = "the body is not valid JSON; values bring their own quotes, so it is `{{ document.name }}` and not \
                   `\"{{ document.name }}\"`";
    let cases = [
        ("\n{{ document.nmae }}", fails("2: `document.nmae` is undefined")),
        (
            "{% if document.nmae %}1{% endif %}",
            fails("1: `document.nmae` is undefined"),
        ),
        ("{{ document.total * 2 }}", fails("1: invalid operation")),
        ("{{ document.name | float }}", fails("1: invalid operation")),
        ("{{ document.name | shout }}", fails("1: filter shout is unknown")),
        (
            "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
            fails("1: it takes too many steps"),
        ),
        (r#"{"name": "{{ document.name }}"}"#, no_json.to_owned()),
        ("{{ document.name }} {{ document.name }}", no_json.to_owned()),
    ];
    for (template, expected) in cases {
        let failure = sent("", template).await.unwrap_err();
        assert_eq!((failure.class, failure.certain), (FailureClass::Configuration, true));
        assert_eq!(failure.message, expected, "{template}");
    }
}

#[tokio::test]
async fn a_delete_may_have_a_body_and_a_url_of_its_own() {
    let mut peer = Peer::answering([Answer::status("200 OK", "", "")]).await;
    let config = config::HttpSink {
        requests: Requests {
            body: Some(written("{{ document }}")),
            delete: Delete {
                method: "POST".to_owned(),
                url: Some(SecretString::from(format!("http://{}/gone?of={{id}}", peer.address))),
                body: Some(written(r#"{"remove": {{ key.id }}, "at": {{ version }}}"#)),
            },
            ..Requests::default()
        },
        ..config(&format!("http://{}/orders/{{id}}?v={{slug}}", peer.address))
    };
    let sink = sink(&config);
    let outcome = sink.deliver_one(&delivery(&[("id", "42")], "")).await;
    assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    let request = peer.received();
    assert_eq!(
        (request.line.as_str(), request.body.as_str()),
        ("POST /gone?of=42 HTTP/1.1", r#"{"remove": "42", "at": 7}"#)
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("walsift-operation"), Some("delete"));
    assert_eq!(sink.placeholders(Operation::Delete), ["id"]);
    assert_eq!(sink.placeholders(Operation::Upsert), ["id", "slug"]);
}
