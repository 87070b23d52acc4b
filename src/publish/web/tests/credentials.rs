//! User and password, and tokens that the configuration has.

use super::*;
use crate::publish::FailureClass;

#[tokio::test]
async fn each_kind_of_credentials_is_sent_as_it_should() {
    let cases = [
        (
            with(Auth::Basic {
                user: "Aladdin".to_owned(),
                password: secret("open sesame"),
            }),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ),
        (with(Auth::Bearer(secret("hunter2"))), Some("Bearer hunter2")),
        (with(Auth::ApiKey(secret("aHVudGVyMg=="))), Some("ApiKey aHVudGVyMg==")),
        (Access::default(), None),
    ];
    for (access, expected) in cases {
        let mut peer = Peer::answering([ok()]).await;
        let url = url(&peer, "/");
        assert_eq!(status(&server(&access, &url), &url).await, 200);
        assert_eq!(peer.received().header("authorization"), expected);
    }
}

#[tokio::test]
async fn what_was_refused_is_not_sent_again_unless_it_has_changed() {
    let mut peer = Peer::answering([unauthorized(), unauthorized()]).await;
    let url = url(&peer, "/");
    for access in [with(Auth::Bearer(secret("hunter2"))), Access::default()] {
        assert_eq!(status(&server(&access, &url), &url).await, 401);
        peer.received();
        assert!(peer.received_nothing_more());
    }
}

#[tokio::test]
async fn a_token_that_has_changed_in_its_file_is_read_when_the_old_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hunter2\n").unwrap();
    let token = Secret::of_file("hunter2".to_owned(), file.clone());
    let mut peer = Peer::answering([ok(), unauthorized(), ok()]).await;
    let url = url(&peer, "/");
    let server = server(&with(Auth::Bearer(token)), &url);
    assert_eq!(status(&server, &url).await, 200);
    std::fs::write(&file, "hunter3\n").unwrap();
    assert_eq!(status(&server, &url).await, 200);
    for expected in ["Bearer hunter2", "Bearer hunter2", "Bearer hunter3"] {
        assert_eq!(peer.received().header("authorization"), Some(expected));
    }
    assert_eq!(server.secrets().excerpt("hunter2, hunter3", false), "***, ***");
}

#[tokio::test]
async fn a_file_that_is_no_longer_there_fails_the_delivery_and_not_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let token = Secret::of_file("hunter2".to_owned(), folder.path().join("token"));
    let mut peer = Peer::answering([]).await;
    let url = url(&peer, "/");
    let failure = failure(&server(&with(Auth::Bearer(token)), &url), &url).await;
    assert_eq!((failure.class, failure.certain), (FailureClass::Configuration, true));
    assert!(
        failure.message.starts_with("can't read the file"),
        "{}",
        failure.message
    );
    assert!(peer.received_nothing_more());
}

#[tokio::test]
async fn a_look_whether_somebody_is_there_tells_what_was_tried() {
    let mut peer = Peer::answering([
        Answer::status("404 Not Found", "", ""),
        Answer::status("401 Unauthorized", "", ""),
        Answer::status("503 Service Unavailable", "", ""),
    ])
    .await;
    let bearer = with(Auth::Bearer(secret("hunter2")));
    let address = url(&peer, "/orders/");
    let server = server(&bearer, &address);
    for (status, wrong) in [
        ("404 Not Found", None),
        (
            "401 Unauthorized",
            Some("the credentials are not accepted: 401 Unauthorized"),
        ),
        (
            "503 Service Unavailable",
            Some("nobody is behind the server that answers: 503 Service Unavailable"),
        ),
    ] {
        let reach = server
            .reach(format!("{address}?key=x").parse().unwrap(), TERMS.timeout)
            .await;
        assert_eq!(reach.tried, [format!("HEAD {address}: {status}")]);
        let found = reach
            .wrong
            .as_ref()
            .map(|wrong| (wrong.message.as_str(), wrong.is_error));
        assert_eq!(found, wrong.map(|wrong| (wrong, false)));
        assert_eq!(peer.received().line, "HEAD /orders/?key=x HTTP/1.1");
    }
}

#[tokio::test]
async fn nobody_there_is_said_as_it_is() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let reach = server(&Access::default(), &url)
        .reach(url.parse().unwrap(), TERMS.timeout)
        .await;
    let message = reach.wrong.unwrap().message;
    assert!(message.starts_with("could not connect: "), "{message}");
    assert_eq!(reach.tried, [format!("HEAD {url}: {message}")]);
}
