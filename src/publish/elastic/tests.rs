use std::time::Duration;

use secrecy::SecretString;

use super::ElasticSink;
use crate::config::{self, IndexMapping};
use crate::mapping::SubjectKey;
use crate::publish::peer::{Answer, Peer, TERMS, delivery};
use crate::publish::{Delivery, FailureClass, Held, Outcome};

fn config(peer: &Peer) -> config::ElasticSink {
    config::ElasticSink {
        product: "elasticsearch",
        url: format!("http://{}", peer.address).into(),
        index: "orders".to_owned(),
        id: None,
        routing: None,
        pipeline: None,
        mapping: None,
        access: config::Access::default(),
        gzip: false,
        max: 1_000,
        bytes: 8 << 20,
    }
}

fn sink(config: &config::ElasticSink) -> ElasticSink {
    let _ = rustls::crypto::ring::default_provider().install_default();
    ElasticSink::new("search", config, &TERMS).unwrap()
}

fn documents(ids: &[&str]) -> Vec<Delivery> {
    ids.iter().map(|id| delivery(&[("id", id)], "{}")).collect()
}

/// What matters of an outcome, in a line.
fn line(outcome: &Outcome) -> String {
    let (what, failure) = match outcome {
        Outcome::Delivered { .. } => return "delivered".to_owned(),
        Outcome::NotTried => return "not tried".to_owned(),
        Outcome::Retry { failure, .. } => ("retry", failure),
        Outcome::Rejected { failure } => ("rejected", failure),
    };
    let certain = if failure.certain { "certain" } else { "uncertain" };
    format!("{what} {} {certain}", failure.class.as_str())
}

fn lines(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(line).collect()
}

fn ok(body: &str) -> Answer {
    Answer::status("200 OK", "", body)
}

#[tokio::test]
async fn a_batch_is_one_request_with_external_versions() {
    let mut peer = Peer::answering([ok(r#"{"items":[{"index":{"status":201}},{"delete":{"status":404}}]}"#)]).await;
    let mut config = config(&peer);
    config.id = Some("o-{id}".to_owned());
    config.routing = Some("{shop}".to_owned());
    config.pipeline = Some("enrich".to_owned());
    let batch = [
        delivery(&[("shop", "a:b"), ("id", "ü\"1")], "{\"n\":1.50,\r\n \"t\":\"x\\ny\"}"),
        delivery(&[("shop", "a"), ("id", "2")], ""),
    ];
    assert_eq!(lines(&sink(&config).deliver(&batch).await), ["delivered"; 2]);
    let request = peer.received();
    assert!(
        request.line.starts_with("POST /orders/_bulk?filter_path="),
        "{}",
        request.line
    );
    assert!(request.line.contains("&pipeline=enrich "), "{}", request.line);
    assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
    let sent: Vec<_> = request.body.split('\n').collect();
    assert_eq!(sent[1], "{\"n\":1.50,   \"t\":\"x\\ny\"}");
    let about = |at: usize| serde_json::from_str::<serde_json::Value>(sent[at]).unwrap();
    let named = |id: &str, shop: &str| serde_json::json!({"_id": id, "routing": shop, "version": 7, "version_type": "external"});
    assert_eq!(about(0), serde_json::json!({"index": named("o-ü\"1", "a:b")}));
    assert_eq!(about(2), serde_json::json!({"delete": named("o-2", "a")}));
    assert_eq!(sent[3..], [""]);
}

#[tokio::test]
async fn each_item_is_answered_for_itself() {
    let because = |status: u16, kind: &str, reason: &str| {
        format!(r#"{{"index":{{"status":{status},"error":{{"type":"{kind}","reason":"{reason}"}}}}}}"#)
    };
    let error = |status, kind| because(status, kind, "why");
    let items = [
        (r#"{"index":{"status":200}}"#.to_owned(), "delivered"),
        (error(409, "version_conflict_engine_exception"), "delivered"),
        (
            error(429, "es_rejected_execution_exception"),
            "retry rate_limited certain",
        ),
        (
            error(503, "unavailable_shards_exception"),
            "retry server_error uncertain",
        ),
        (error(400, "mapper_parsing_exception"), "rejected refused certain"),
        (error(404, "index_not_found_exception"), "retry configuration certain"),
        (error(400, "index_closed_exception"), "retry configuration certain"),
        (error(403, "security_exception"), "retry configuration certain"),
        (
            because(
                400,
                "illegal_argument_exception",
                "pipeline with id [tidy] does not exist",
            ),
            "retry configuration certain",
        ),
        (error(400, "illegal_argument_exception"), "rejected refused certain"),
    ];
    let told: Vec<_> = items.iter().map(|(item, _)| item.as_str()).collect();
    let peer = Peer::answering([ok(&format!(r#"{{"items":[{}]}}"#, told.join(",")))]).await;
    let outcomes = sink(&config(&peer))
        .deliver(&documents(&["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]))
        .await;
    assert_eq!(lines(&outcomes), items.map(|(_, expected)| expected));
    let Outcome::Rejected { failure } = &outcomes[4] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(failure.message, "400: mapper_parsing_exception: why");
}

#[tokio::test]
async fn an_answer_that_is_none_leaves_all_uncertain() {
    for body in [
        r#"{"items":[{"index":{"status":200}}]}"#,
        "no json",
        r#"{"items":[{"index":{"status":200}},{"delete":{"status":200}}]}"#,
    ] {
        let peer = Peer::answering([ok(body)]).await;
        let outcomes = sink(&config(&peer)).deliver(&documents(&["1", "2"])).await;
        assert_eq!(lines(&outcomes), ["retry server_error uncertain"; 2], "{body}");
    }
}

#[tokio::test]
async fn what_is_too_large_goes_in_halves_and_only_the_culprit_is_rejected() {
    let mut peer = Peer::by(|body| {
        if body.contains("huge") {
            return Answer::status("413 Payload Too Large", "", "");
        }
        let items = vec![r#"{"index":{"status":200}}"#; body.lines().count() / 2];
        ok(&format!(r#"{{"items":[{}]}}"#, items.join(",")))
    })
    .await;
    let outcomes = sink(&config(&peer)).deliver(&documents(&["1", "2", "huge", "4"])).await;
    let expected = ["delivered", "delivered", "rejected refused certain", "delivered"];
    assert_eq!(lines(&outcomes), expected);
    assert!(std::iter::from_fn(|| peer.next()).count() >= 4);
}

#[tokio::test]
async fn a_refused_key_rejects_nothing_and_a_busy_server_names_its_time() {
    let peer = Peer::answering([
        Answer::status("401 Unauthorized", "", ""),
        Answer::status("429 Too Many Requests", "retry-after: 17\r\n", ""),
        Answer::CutsAfter(""),
    ])
    .await;
    let sink = sink(&config(&peer));
    let batch = documents(&["1", "2"]);
    assert_eq!(lines(&sink.deliver(&batch).await), ["retry configuration certain"; 2]);
    for outcome in sink.deliver(&batch).await {
        let Outcome::Retry { failure, after } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(after, Some(Duration::from_secs(17)));
        assert_eq!((failure.class, failure.certain), (FailureClass::RateLimited, true));
    }
    assert_eq!(lines(&sink.deliver(&batch).await), ["retry connection uncertain"; 2]);
}

#[tokio::test]
async fn a_request_that_fails_as_a_whole_is_not_always_its_documents_fault() {
    let closed = r#"{"error":{"type":"index_closed_exception","reason":"closed"},"status":400}"#;
    let validation = r#"{"error":{"type":"action_request_validation_exception","reason":"id"},"status":400}"#;
    let cases = [
        ("301 Moved Permanently", "", "retry configuration certain"),
        ("400 Bad Request", closed, "retry configuration certain"),
        ("400 Bad Request", validation, "rejected refused certain"),
        ("404 Not Found", "<html>", "retry configuration certain"),
        (
            "405 Method Not Allowed",
            r#"{"error":"Incorrect HTTP method"}"#,
            "retry configuration certain",
        ),
        ("406 Not Acceptable", "", "retry configuration certain"),
        ("408 Request Timeout", "", "retry timeout uncertain"),
        ("409 Conflict", "", "retry conflict certain"),
        ("503 Service Unavailable", "", "retry server_error uncertain"),
    ];
    for (status, body, expected) in cases {
        let peer = Peer::answering([Answer::status(status, "", body)]).await;
        let outcomes = sink(&config(&peer)).deliver(&documents(&["1"])).await;
        assert_eq!(lines(&outcomes), [expected], "{status}: {body}");
    }
}

#[tokio::test]
async fn a_missing_index_is_made_from_its_mapping_and_again_when_it_is_lost() {
    let written = || ok(r#"{"items":[{"index":{"status":201}}]}"#);
    let exists = r#"{"error":{"type":"resource_already_exists_exception"}}"#;
    let missing = r#"{"items":[{"index":{"status":404,"error":{"type":"index_not_found_exception"}}}]}"#;
    let mut peer = Peer::answering([
        Answer::status("404 Not Found", "", ""),
        ok("{}"),
        written(),
        ok(missing),
        Answer::status("404 Not Found", "", ""),
        Answer::status("400 Bad Request", "", exists),
        written(),
    ])
    .await;
    let mut config = config(&peer);
    config.mapping = Some(IndexMapping {
        file: "orders.json".to_owned(),
        text: r#"{"mappings":{}}"#.to_owned(),
    });
    let sink = sink(&config);
    let expected = ["delivered", "retry configuration certain", "delivered"];
    for expected in expected {
        assert_eq!(lines(&sink.deliver(&documents(&["1"])).await), [expected]);
    }
    assert_eq!(peer.received().line, "HEAD /orders HTTP/1.1");
    let made = peer.received();
    assert_eq!(
        (made.line.as_str(), made.body.as_str()),
        ("PUT /orders HTTP/1.1", r#"{"mappings":{}}"#)
    );
}

#[tokio::test]
async fn ids_that_no_index_takes_are_rejected_alone() {
    let peer = Peer::answering([ok(r#"{"items":[{"index":{"status":201}}]}"#)]).await;
    let outcomes = sink(&config(&peer)).deliver(&documents(&[&"x".repeat(513), "2"])).await;
    assert_eq!(lines(&outcomes), ["rejected configuration certain", "delivered"]);
}

#[tokio::test]
async fn a_request_is_shown_without_its_secrets() {
    let peer = Peer::answering([]).await;
    let mut config = config(&peer);
    config.access.auth = Some(config::Auth::Bearer(SecretString::from("hunter2").into()));
    let text = sink(&config).preview(&delivery(&[("id", "1")], "{}")).unwrap();
    assert!(
        text.contains("authorization: ***") && !text.contains("hunter2"),
        "{text}"
    );
    assert!(text.contains(r#""_id":"1""#), "{text}");
}

#[tokio::test]
async fn documents_come_back_as_they_are_kept_each_with_its_own_trouble() {
    let docs = r#"{"docs":[
        {"_index":"orders","_id":"o-1","found":true,"_source":{"n": 1.50, "big": 12345678901234567890.10}},
        {"_index":"orders","_id":"o-2","found":false},
        {"_index":"orders","_id":"o-3","error":{"type":"illegal_argument_exception","reason":"several"}},
        {"_index":"orders","_id":"o-4","found":true},
        {"_index":"orders","_id":"o-5","error":{"type":"index_not_found_exception","reason":"no such index"}}]}"#;
    let mut peer = Peer::answering([ok(docs)]).await;
    let mut config = config(&peer);
    (config.id, config.routing) = (Some("o-{id}".to_owned()), Some("r{id}".to_owned()));
    let long = "x".repeat(513);
    let held = sink(&config)
        .read(&documents(&["1", "2", "3", "4", &long, "5"]))
        .await
        .unwrap();
    let source = r#"{"n": 1.50, "big": 12345678901234567890.10}"#;
    assert_eq!(
        (&held[0], &held[1], &held[5]),
        (&Held::Document(source.into()), &Held::Nothing, &Held::Nothing)
    );
    for (at, why) in [(2, "several"), (3, "no _source"), (4, "wanted are 1 to 512")] {
        assert!(
            matches!(&held[at], Held::Unreadable(reason) if reason.contains(why)),
            "{held:?}"
        );
    }
    let request = peer.received();
    assert_eq!(request.line, "POST /orders/_mget HTTP/1.1");
    assert!(
        request.body.starts_with(r#"{"docs":[{"_id":"o-1","routing":"r1"}"#),
        "{}",
        request.body
    );
}

#[tokio::test]
async fn a_search_of_a_part_of_the_index_is_none() {
    let hits = r#""hits":{"hits":[{"_index":"orders","_id":"o-1"},{"_index":"orders","_id":"other"}]}"#;
    let answer = |failed| format!(r#"{{"_scroll_id":"next","_shards":{{"total":2,"failed":{failed}}},{hits}}}"#);
    let mut peer = Peer::answering([ok(&answer(0)), ok(&answer(1)), ok("{}")]).await;
    let mut config = config(&peer);
    config.id = Some("o-{id}".to_owned());
    let (sink, shape) = (sink(&config), documents(&["1"])[0].shape.clone());
    let page = sink.scan(&shape, None, 2).await.unwrap();
    let keys: Vec<&str> = page.subjects.iter().map(SubjectKey::as_str).collect();
    assert_eq!((keys, page.strangers), (vec!["1"], 1));
    for why in ["a part of the index", "is none"] {
        let unread = sink.scan(&shape, page.next.as_ref(), 2).await.unwrap_err();
        assert!(unread.is_passing && unread.message.contains(why), "{unread}");
    }
    assert_eq!(peer.received().line, "POST /orders/_search?scroll=5m HTTP/1.1");
    let next = peer.received();
    assert_eq!(
        (next.line.as_str(), next.body.as_str()),
        ("POST /_search/scroll HTTP/1.1", r#"{"scroll":"5m","scroll_id":"next"}"#)
    );
}
