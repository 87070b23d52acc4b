//! Subjects that the other side names.

use super::*;
use crate::config::{Create, Delete, Pointer, Requests, Statuses};
use crate::publish::Remote;

fn creating(peer: &Peer) -> config::HttpSink {
    config::HttpSink {
        requests: Requests {
            create: Some(Create {
                method: "POST".to_owned(),
                url: SecretString::from(format!("http://{}/orders", peer.address)),
                id: Pointer::parse("/data/id").unwrap(),
            }),
            ..Requests::default()
        },
        ..config(&format!("http://{}/orders/{{remote_id}}", peer.address))
    }
}

fn known(id: &str, document: &str) -> Delivery {
    Delivery {
        remote_id: Some(id.into()),
        ..delivery(&[("id", "42")], document)
    }
}

fn new() -> Delivery {
    delivery(&[("id", "42")], r#"{"name":"Tea"}"#)
}

fn learned(outcome: Outcome) -> Remote {
    match outcome {
        Outcome::Delivered { remote, .. } => remote,
        other => panic!("to be delivered: {other:?}"),
    }
}

#[tokio::test]
async fn a_subject_is_created_once_and_goes_by_its_id_from_then_on() {
    let mut peer = Peer::answering([
        Answer::status("201 Created", "", r#"{"data":{"id":4711}}"#),
        Answer::status("200 OK", "", r#"{"data":{"id":"another"}}"#),
        Answer::status("204 No Content", "", ""),
    ])
    .await;
    let sink = sink(&creating(&peer));
    assert_eq!(learned(sink.deliver_one(&new()).await), Remote::Is("4711".to_owned()));
    let request = peer.received();
    assert_eq!(
        (request.line.as_str(), request.body.as_str()),
        ("POST /orders HTTP/1.1", r#"{"name":"Tea"}"#)
    );
    assert_eq!(request.header("walsift-operation"), Some("upsert"));
    assert_eq!(learned(sink.deliver_one(&known("4711", "{}")).await), Remote::Same);
    assert_eq!(peer.received().line, "PUT /orders/4711 HTTP/1.1");
    assert_eq!(learned(sink.deliver_one(&known("a/b", "")).await), Remote::Same);
    assert_eq!(peer.received().line, "DELETE /orders/a%2Fb HTTP/1.1");
}

#[tokio::test]
async fn a_location_names_the_id_where_the_body_does_not() {
    let location = "location: https://h/orders/ord%5F7?x\r\n";
    let peer = Peer::answering([Answer::status("201 Created", location, "")]).await;
    let outcome = sink(&creating(&peer)).deliver_one(&new()).await;
    assert_eq!(learned(outcome), Remote::Is("ord_7".to_owned()));
}

#[tokio::test]
async fn an_id_behind_much_else_is_found() {
    let body = format!(r#"{{"much": "{}", "data": {{"id": "last"}}}}"#, "x".repeat(100_000));
    let peer = Peer::answering([Answer::status("201 Created", "", &body)]).await;
    let outcome = sink(&creating(&peer)).deliver_one(&new()).await;
    assert_eq!(learned(outcome), Remote::Is("last".to_owned()));
}

/// It was applied; creating it again would make another.
#[tokio::test]
async fn a_create_whose_answer_names_no_id_is_no_success() {
    let peer = Peer::answering([Answer::status("201 Created", "", r#"{"id": 1}"#)]).await;
    let failure = rejected(sink(&creating(&peer)).deliver_one(&new()).await);
    assert_eq!(
        (failure.class, failure.status, failure.certain),
        (FailureClass::Configuration, Some(201), false)
    );
    assert!(
        failure.message.contains("the answer names no id"),
        "{}",
        failure.message
    );
    assert!(failure.message.contains("`/data/id`"), "{}", failure.message);
}

#[tokio::test]
async fn a_create_whose_answer_breaks_off_is_tried_again() {
    let half = "HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"data\":";
    let peer = Peer::answering([Answer::CutsAfter(half)]).await;
    let (failure, _) = retried(sink(&creating(&peer)).deliver_one(&new()).await);
    assert_eq!((failure.class, failure.certain), (FailureClass::Connection, false));
}

#[tokio::test]
async fn an_id_that_is_lost_is_created_anew() {
    for status in ["404 Not Found", "410 Gone"] {
        let peer = Peer::answering([Answer::status(status, "", "who?")]).await;
        let (failure, after) = retried(sink(&creating(&peer)).deliver_one(&known("4711", "{}")).await);
        assert_eq!((failure.class, failure.certain), (FailureClass::NotFound, true));
        assert_eq!((failure.remote, after), (Remote::Lost, Some(Duration::ZERO)));
    }
    // Of one that is gone there is nothing to create.
    let peer = Peer::answering([Answer::status("404 Not Found", "", "")]).await;
    assert_eq!(
        learned(sink(&creating(&peer)).deliver_one(&known("4711", "")).await),
        Remote::Same
    );
    // Unless the configuration calls it a refusal.
    let peer = Peer::answering([Answer::status("404 Not Found", "", "")]).await;
    let mut config = creating(&peer);
    config.requests.statuses = Statuses {
        reject: Some(vec![config::StatusRange { from: 404, to: 404 }]),
        ..Statuses::default()
    };
    let failure = rejected(sink(&config).deliver_one(&known("4711", "{}")).await);
    assert_eq!((failure.class, failure.remote), (FailureClass::NotFound, Remote::Same));
}

#[tokio::test]
async fn a_conflict_tells_the_id_of_what_is_there_already() {
    let peer = Peer::answering([
        Answer::status("409 Conflict", "", r#"{"data":{"id":"ord_1"}}"#),
        Answer::status("409 Conflict", "", "exists"),
    ])
    .await;
    let sink = sink(&creating(&peer));
    let (failure, after) = retried(sink.deliver_one(&new()).await);
    assert_eq!((failure.class, failure.certain), (FailureClass::Conflict, false));
    assert_eq!(
        (failure.remote, after),
        (Remote::Is("ord_1".to_owned()), Some(Duration::ZERO))
    );
    let (failure, _) = retried(sink.deliver_one(&new()).await);
    assert_eq!((failure.class, failure.remote), (FailureClass::Conflict, Remote::Same));
    assert!(failure.message.contains("remove it there"), "{}", failure.message);
}

/// A create may have been applied whose answer never came.
#[tokio::test]
async fn nothing_can_be_deleted_by_an_id_that_nobody_knows() {
    let mut peer = Peer::answering([Answer::status("200 OK", "", "")]).await;
    let mut config = creating(&peer);
    let gone = delivery(&[("id", "42")], "");
    let failure = rejected(sink(&config).deliver_one(&gone).await);
    assert_eq!((failure.class, failure.certain), (FailureClass::NotFound, false));
    assert!(peer.received_nothing_more());
    // Where it goes by its own key there is something to ask for.
    config.requests.delete = Delete {
        url: Some(SecretString::from(format!("http://{}/orders?key={{id}}", peer.address))),
        ..Delete::default()
    };
    assert_eq!(learned(sink(&config).deliver_one(&gone).await), Remote::Same);
    assert_eq!(peer.received().line, "DELETE /orders?key=42 HTTP/1.1");
}

#[test]
fn the_id_is_nothing_that_a_document_must_have() {
    let config = config::HttpSink {
        requests: Requests {
            create: Some(Create {
                method: "POST".to_owned(),
                url: SecretString::from("http://h/{shop}/orders"),
                id: Pointer::parse("/id").unwrap(),
            }),
            ..Requests::default()
        },
        ..config("http://h/{shop}/orders/{remote_id}")
    };
    let sink = sink(&config);
    assert_eq!(sink.placeholders(Operation::Upsert), ["shop"]);
    assert_eq!(sink.placeholders(Operation::Delete), ["shop"]);
}
