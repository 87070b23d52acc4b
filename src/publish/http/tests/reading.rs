use super::{config, sink};
use crate::config::{Auth, HttpSink, Read};
use crate::publish::peer::{Answer, Peer, delivery};
use crate::publish::{Delivery, Held};

/// As it is shown at `/shown/{id}`.
fn readable(peer: &Peer) -> HttpSink {
    let mut config = config(&format!("http://{}/orders/{{id}}", peer.address));
    config.headers = vec![
        ("Content-Type".to_owned(), "application/vnd.api+json".into()),
        ("X-Shop".to_owned(), "main".into()),
    ];
    config.access.auth = Some(Auth::Bearer(secrecy::SecretString::from("hunter2").into()));
    config.requests.read = Some(Read {
        url: format!("http://{}/shown/{{id}}", peer.address).into(),
        headers: vec![("X-Shop".to_owned(), "second".into())],
    });
    config
}

fn subjects(ids: &[&str]) -> Vec<Delivery> {
    ids.iter().map(|id| delivery(&[("id", id)], "{}")).collect()
}

#[tokio::test]
async fn a_document_is_asked_for_with_the_credentials_of_the_sink() {
    let mut peer = Peer::answering([Answer::status("200 OK", "", "{\"n\": 1.50}")]).await;
    let held = sink(&readable(&peer)).read(&subjects(&["a/b"])).await.unwrap();
    assert_eq!(held, [Held::Document("{\"n\": 1.50}".into())]);
    let request = peer.received();
    assert_eq!(
        (request.line.as_str(), request.body.as_str()),
        ("GET /shown/a%2Fb HTTP/1.1", "")
    );
    let headers =
        ["x-shop", "authorization", "accept", "content-type", "idempotency-key"].map(|name| request.header(name));
    let wanted = [
        Some("second"),
        Some("Bearer hunter2"),
        Some("application/json"),
        None,
        None,
    ];
    assert_eq!(headers, wanted);
}

#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_told_are_told_apart_from_a_sink_that_is_away() {
    for (status, wanted) in [
        ("404 Not Found", "Nothing"),
        ("410 Gone", "Nothing"),
        ("422 X", "Unreadable(\"GET: 422"),
    ] {
        let peer = Peer::answering([Answer::status(status, "", "")]).await;
        let held = sink(&readable(&peer)).read(&subjects(&["1"])).await.unwrap();
        assert!(format!("{:?}", held[0]).starts_with(wanted), "{held:?}");
    }
    for (status, is_passing) in [
        ("401 Unauthorized", false),
        ("429 Too Many Requests", true),
        ("503 X", true),
    ] {
        let peer = Peer::answering([Answer::status(status, "", "for hunter2")]).await;
        let unread = sink(&readable(&peer)).read(&subjects(&["1"])).await.unwrap_err();
        assert_eq!(unread.is_passing, is_passing, "{unread}");
        assert!(!unread.message.contains("hunter2"), "{unread}");
    }
    let peer = Peer::answering([]).await;
    let held = sink(&readable(&peer)).read(&subjects(&[".."])).await.unwrap();
    assert!(matches!(&held[..], [Held::Unreadable(_)]), "{held:?}");
}

#[tokio::test]
async fn only_what_is_configured_is_read() {
    let peer = Peer::answering([]).await;
    assert!(sink(&readable(&peer)).readable().unwrap().compares);
    let mut config = readable(&peer);
    config.requests.read = None;
    assert!(sink(&config).readable().is_err());
}
