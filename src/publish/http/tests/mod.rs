//! The sink against a real server.

mod batches;
mod ids;
mod reading;
mod templates;

use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::net::TcpListener;

use super::HttpSink;
use crate::config;
use crate::diff::Operation;
use crate::publish::peer::{Answer, Peer, TERMS, delivery};
use crate::publish::{Delivery, Failure, FailureClass, Outcome};

fn config(url: &str) -> config::HttpSink {
    config::HttpSink {
        url: SecretString::from(url.to_owned()),
        method: "PUT".to_owned(),
        headers: vec![],
        access: config::Access::default(),
        sign: vec![],
        gzip: false,
        requests: config::Requests::default(),
    }
}

fn sink(config: &config::HttpSink) -> HttpSink {
    // Another test was first otherwise.
    let _ = rustls::crypto::ring::default_provider().install_default();
    HttpSink::new("shop", config, &TERMS).unwrap()
}

fn sink_to(peer: &Peer) -> HttpSink {
    sink(&config(&format!("http://{}/orders/{{id}}", peer.address)))
}

fn retried(outcome: Outcome) -> (Failure, Option<Duration>) {
    match outcome {
        Outcome::Retry { failure, after } => (failure, after),
        other => panic!("to be tried again: {other:?}"),
    }
}

fn rejected(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Rejected { failure } => failure,
        other => panic!("to be rejected: {other:?}"),
    }
}

#[tokio::test]
async fn a_document_is_put_as_it_is_and_a_delete_has_no_body() {
    let mut peer = Peer::answering([
        Answer::status("200 OK", "", "{}"),
        Answer::status("204 No Content", "", ""),
    ])
    .await;
    let sink = sink_to(&peer);
    let document = r#"{"id": 42,  "name":"Zoë"}"#;
    let outcome = sink.deliver_one(&delivery(&[("id", "42")], document)).await;
    assert!(
        matches!(outcome, Outcome::Delivered { status: Some(200), .. }),
        "{outcome:?}"
    );
    let put = peer.received();
    assert_eq!(put.line, "PUT /orders/42 HTTP/1.1");
    assert_eq!(put.body, document);

    let outcome = sink.deliver_one(&delivery(&[("id", "42")], "")).await;
    assert!(
        matches!(outcome, Outcome::Delivered { status: Some(204), .. }),
        "{outcome:?}"
    );
    let delete = peer.received();
    assert_eq!(
        (delete.line.as_str(), delete.body.as_str()),
        ("DELETE /orders/42 HTTP/1.1", "")
    );
    assert_eq!(delete.header("content-type"), None);
    assert_eq!(delete.connection, put.connection, "the connection was used again");
}

#[tokio::test]
async fn requests_say_what_they_carry() {
    let mut peer = Peer::answering([Answer::status("200 OK", "", "")]).await;
    let mut config = config(&format!("http://{}/{{región}}/{{id}}?slug={{slug}}", peer.address));
    config.method = "POST".to_owned();
    config.headers = vec![
        ("Authorization".to_owned(), "Bearer sk_live_4711".into()),
        ("X-Shop".to_owned(), "1".into()),
        ("X-Shop".to_owned(), "2".into()),
    ];
    let sent = Delivery {
        sync: "bücher".into(),
        ..delivery(&[("región", "a/b c"), ("id", "ü:1")], r#"{"slug":"50% \u00e9"}"#)
    };
    let outcome = sink(&config).deliver_one(&sent).await;
    assert!(matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    let request = peer.received();
    assert_eq!(request.line, "POST /a%2Fb%20c/%C3%BC%3A1?slug=50%25%20%C3%A9 HTTP/1.1");
    for (name, value) in [
        ("content-type", "application/json"),
        ("authorization", "Bearer sk_live_4711"),
        ("x-shop", "1"),
        ("x-correlation-id", "0123456789abcdef0123456789abcdef"),
        ("walsift-sync", "b%C3%BCcher"),
        ("walsift-key", "a/b%20c:%C3%BC\\:1"),
        ("walsift-version", "7"),
        ("walsift-operation", "upsert"),
        ("user-agent", concat!("walsift/", env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    let traceparent = request.header("traceparent").unwrap();
    assert!(traceparent.starts_with("00-0123456789abcdef0123456789abcdef-") && traceparent.ends_with("-01"));
    assert!(
        request
            .header("idempotency-key")
            .unwrap()
            .starts_with("walsift-b%C3%BCcher-")
    );
}

#[tokio::test]
async fn each_try_of_one_version_has_the_same_idempotency_key() {
    let mut peer = Peer::answering([Answer::status("500 Oops", "", ""), Answer::status("200 OK", "", "")]).await;
    let sink = sink_to(&peer);
    let sent = delivery(&[("id", "42")], "{}");
    retried(sink.deliver_one(&sent).await);
    sink.deliver_one(&sent).await;
    let (first, second) = (peer.received(), peer.received());
    assert_eq!(first.header("idempotency-key"), second.header("idempotency-key"));
    assert_ne!(
        first.header("traceparent"),
        second.header("traceparent"),
        "each request is a span of its own"
    );
}

#[tokio::test]
async fn a_busy_peer_is_asked_when_to_come_back() {
    let peer = Peer::answering([
        Answer::status("429 Too Many Requests", "retry-after: 17\r\n", "slow\ndown"),
        Answer::status(
            "503 Service Unavailable",
            "retry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\n",
            "",
        ),
    ])
    .await;
    let sink = sink_to(&peer);
    let (failure, after) = retried(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
    assert_eq!(after, Some(Duration::from_secs(17)));
    assert_eq!(
        (failure.class, failure.status, failure.certain),
        (FailureClass::RateLimited, Some(429), true)
    );
    assert_eq!(failure.message, "429 Too Many Requests: slow down");
    let (failure, after) = retried(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
    assert_eq!(after, Some(Duration::ZERO));
    assert_eq!((failure.class, failure.certain), (FailureClass::ServerError, false));
    assert_eq!(failure.message, "503 Service Unavailable");
}

#[tokio::test]
async fn what_is_not_there_is_deleted_but_not_written() {
    let peer = Peer::answering([
        Answer::status("404 Not Found", "", ""),
        Answer::status("404 Not Found", "", "no such shop"),
    ])
    .await;
    let sink = sink_to(&peer);
    let outcome = sink.deliver_one(&delivery(&[("id", "42")], "")).await;
    assert!(
        matches!(outcome, Outcome::Delivered { status: Some(404), .. }),
        "{outcome:?}"
    );
    let failure = rejected(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
    assert_eq!((failure.class, failure.certain), (FailureClass::NotFound, true));
    assert_eq!(failure.message, "404 Not Found: no such shop");
}

#[tokio::test]
async fn a_peer_that_hangs_leaves_the_outcome_uncertain_before_the_lease_ends() {
    let mut peer = Peer::answering([Answer::status("200 OK", "", ""), Answer::Hangs]).await;
    let sink = sink_to(&peer);
    // Connects, so that the little time of the second goes into waiting for the answer.
    sink.deliver_one(&delivery(&[("id", "1")], "{}")).await;
    let deadline = Instant::now() + Duration::from_millis(500);
    let outcome = sink
        .deliver_one(&Delivery {
            deadline,
            ..delivery(&[("id", "42")], "{}")
        })
        .await;
    assert!(Instant::now() < deadline);
    let (failure, _) = retried(outcome);
    assert_eq!((failure.class, failure.certain), (FailureClass::Timeout, false));
    assert!(failure.message.starts_with("no answer within "), "{}", failure.message);
    assert_eq!((peer.received().connection, peer.received().connection), (0, 0));
}

#[tokio::test]
async fn a_connection_cut_after_the_request_leaves_the_outcome_uncertain() {
    // On a new connection, in the middle of the answer, and on a connection that had worked before.
    let answers = [
        Answer::CutsAfter(""),
        Answer::CutsAfter("HTTP/1.1 20"),
        Answer::status("200 OK", "", ""),
        Answer::CutsAfter(""),
    ];
    let mut peer = Peer::answering(answers).await;
    let sink = sink_to(&peer);
    for connection in 0..3 {
        if connection == 2 {
            sink.deliver_one(&delivery(&[("id", "1")], "{}")).await;
            assert_eq!(peer.received().connection, 2);
        }
        let (failure, _) = retried(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
        assert_eq!((failure.class, failure.certain), (FailureClass::Connection, false));
        assert!(
            failure.message.starts_with("the connection broke: "),
            "{}",
            failure.message
        );
        assert!(!failure.message.contains("127.0.0.1"), "{}", failure.message);
        assert_eq!(peer.received().connection, connection);
        // One try is one request: the client library does not repeat it in secret.
        assert!(peer.received_nothing_more());
    }
}

#[tokio::test]
async fn a_status_counts_though_the_rest_of_the_answer_is_lost() {
    let peer = Peer::answering([Answer::CutsAfter("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")]).await;
    let outcome = sink_to(&peer).deliver_one(&delivery(&[("id", "42")], "{}")).await;
    assert!(
        matches!(outcome, Outcome::Delivered { status: Some(200), .. }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_refused_connection_is_certain() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let sink = sink(&config(&format!(
        "http://user:hunter2@{address}/orders/{{id}}?key=s3cr3t"
    )));
    let (failure, _) = retried(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
    assert_eq!(
        (failure.class, failure.status, failure.certain),
        (FailureClass::Connection, None, true)
    );
    assert!(failure.message.contains("Connection refused"), "{}", failure.message);
    assert!(
        !failure.message.contains("hunter2") && !failure.message.contains("s3cr3t"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_handshake_that_fails_is_certain() {
    // Speaks no TLS.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = stream;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let sink = sink(&config(&format!("https://{address}/orders/{{id}}")));
    let (failure, _) = retried(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
    assert_eq!((failure.class, failure.certain), (FailureClass::Connection, true));
}

#[tokio::test]
async fn nothing_is_sent_without_a_lease() {
    let mut peer = Peer::answering([]).await;
    let late = Delivery {
        deadline: Instant::now(),
        ..delivery(&[("id", "42")], "{}")
    };
    assert!(matches!(sink_to(&peer).deliver_one(&late).await, Outcome::NotTried));
    assert!(peer.received_nothing_more());
}

#[tokio::test]
async fn a_url_that_cannot_be_filled_is_the_configurations_fault() {
    let mut peer = Peer::answering([]).await;
    let sink = sink(&config(&format!("http://{}/{{slug}}", peer.address)));
    let failure = rejected(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
    assert_eq!((failure.class, failure.certain), (FailureClass::Configuration, true));
    assert_eq!(
        failure.message,
        "the url needs `{slug}`, which is neither a key column nor a member of the document"
    );
    let failure = rejected(sink.deliver_one(&delivery(&[("id", "42")], "")).await);
    assert!(
        failure.message.contains("deletes cannot fill it"),
        "{}",
        failure.message
    );
    assert!(peer.received_nothing_more());
}

#[tokio::test]
async fn redirects_are_named_and_not_followed() {
    let to = |location: &str| Answer::status("308 Permanent Redirect", &format!("location: {location}\r\n"), "");
    let mut peer = Peer::answering([
        to("https://them:theirs@elsewhere.example:8443/orders/42?token=theirs"),
        to("//them:theirs@elsewhere.example/orders/42"),
        to("/v2/orders/42?token=theirs"),
        Answer::status("304 Not Modified", "", ""),
    ])
    .await;
    let own = format!("http://{}/v2/orders/42", peer.address);
    let sink = sink_to(&peer);
    for (status, place) in [
        ("308 Permanent Redirect", "https://elsewhere.example:8443/orders/42"),
        ("308 Permanent Redirect", "http://elsewhere.example/orders/42"),
        ("308 Permanent Redirect", &own),
        ("304 Not Modified", "nowhere"),
    ] {
        let failure = rejected(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
        assert_eq!((failure.class, failure.certain), (FailureClass::Refused, false));
        assert_eq!(
            failure.message,
            format!("{status}: redirects are not followed, this one leads to {place}")
        );
        peer.received();
        assert!(peer.received_nothing_more());
    }
}

#[tokio::test]
async fn secrets_that_the_peer_repeats_are_not_passed_on() {
    let body = r#"{"error":"bad token sk_live_4711", "url":"/orders/42?key=s3cr3t", "user":"shop", "pw":"hunter2"}"#;
    let peer = Peer::answering([Answer::status("403 Forbidden", "", body)]).await;
    let mut config = config(&format!(
        "http://shop:hunter2@{}/orders/{{id}}?key=s3cr3t",
        peer.address
    ));
    config.headers = vec![("X-Api-Key".to_owned(), "Token sk_live_4711".into())];
    let sink = sink(&config);
    let failure = rejected(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
    assert_eq!(
        failure.message,
        r#"403 Forbidden: {"error":"bad token ***", "url":"/orders/42?key=***", "user":"***", "pw":"***"}"#
    );
    let debug = format!("{sink:?}");
    assert!(
        !debug.contains("hunter2") && !debug.contains("4711") && !debug.contains("s3cr3t"),
        "{debug}"
    );
}

#[tokio::test]
async fn an_answer_of_any_size_is_read_only_so_far() {
    let endless = Answer::Says(format!(
        "HTTP/1.1 422 Unprocessable Entity\r\ncontent-length: 1000000000000\r\n\r\n{}",
        "words ".repeat(20_000)
    ));
    let accepted = Answer::Says(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n{}",
        "words ".repeat(20_000)
    ));
    let peer = Peer::answering([endless, accepted]).await;
    let sink = sink_to(&peer);
    let failure = rejected(sink.deliver_one(&delivery(&[("id", "42")], "{}")).await);
    assert!(
        failure.message.len() < 600 && failure.message.ends_with('…'),
        "{}",
        failure.message
    );
    let outcome = sink.deliver_one(&delivery(&[("id", "42")], "{}")).await;
    assert!(
        matches!(outcome, Outcome::Delivered { status: Some(200), .. }),
        "{outcome:?}"
    );
}

#[test]
fn what_can_never_work_is_refused_at_the_start_without_its_secrets() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let with_header = |name: &str, value: &str| config::HttpSink {
        headers: vec![(name.to_owned(), value.to_owned().into())],
        ..config("http://h/{id}")
    };
    let cases = [
        (
            config("https://{host}:s3cr3t/"),
            "the url has the placeholder `{host}` before its path",
        ),
        (config("https://h:s3cr3t/"), "the url is not valid"),
        (
            config::HttpSink {
                method: "P T".to_owned(),
                ..config("http://h/")
            },
            "`P T` is not an http method",
        ),
        (with_header("X Y", "s3cr3t"), "`X Y` is not the name of a header"),
        (
            with_header("X-Y", "s3cr3t\r\nZ: 1"),
            "the value of the header `X-Y` has characters",
        ),
        (
            with_header("Content-Length", "3"),
            "the header `Content-Length` cannot be configured",
        ),
    ];
    for (config, expected) in cases {
        let error = HttpSink::new("shop", &config, &TERMS).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("sink `shop` cannot be used: {expected}")),
            "{error}"
        );
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}
