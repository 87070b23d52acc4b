//! Tokens by client credentials, from a peer that plays the server for them.

use futures_util::future::join_all;

use super::*;
use crate::config::{ClientAuth, OAuth2};
use crate::publish::FailureClass;

/// An API, and a server for the tokens that it wants.
struct World {
    api: Peer,
    tokens: Peer,
    server: Server,
    url: String,
}

impl World {
    async fn new(
        api: impl IntoIterator<Item = Answer>,
        tokens: impl IntoIterator<Item = Answer>,
        client_auth: ClientAuth,
    ) -> Self {
        let (api, tokens) = (Peer::answering(api).await, Peer::answering(tokens).await);
        let access = with(Auth::OAuth2(Box::new(OAuth2 {
            token_url: url(&tokens, "/token").into(),
            client_id: "wal:sift".to_owned(),
            client_secret: secret("p ss/w%rd"),
            scope: Some("orders.write all".to_owned()),
            client_auth,
            parameters: vec![("audience".to_owned(), "a&b".into())],
        })));
        let url = url(&api, "/orders/1");
        Self {
            server: server(&access, &url),
            api,
            tokens,
            url,
        }
    }

    async fn with(api: impl IntoIterator<Item = Answer>, tokens: impl IntoIterator<Item = Answer>) -> Self {
        Self::new(api, tokens, ClientAuth::Basic).await
    }

    async fn status(&self) -> u16 {
        status(&self.server, &self.url).await
    }

    /// What the next request to the API said about who sent it.
    fn presented(&mut self) -> String {
        self.api.received().header("authorization").unwrap().to_owned()
    }

    fn nothing_more(&mut self) -> bool {
        self.api.received_nothing_more() && self.tokens.received_nothing_more()
    }
}

fn token(token: &str, life: &str) -> Answer {
    let body = format!(r#"{{"access_token": "{token}", "token_type": "Bearer"{life}}}"#);
    Answer::status("200 OK", "", &body)
}

const HOUR: &str = r#", "expires_in": 3600"#;

#[tokio::test]
async fn a_token_is_asked_for_in_the_way_of_the_standard() {
    let form = "grant_type=client_credentials&scope=orders.write%20all&audience=a%26b";
    // Of `wal%3Asift:p%20ss%2Fw%25rd`, as user and password are encoded first.
    let basic = "Basic d2FsJTNBc2lmdDpwJTIwc3MlMkZ3JTI1cmQ=";
    let in_body = format!("{form}&client_id=wal%3Asift&client_secret=p%20ss%2Fw%25rd");
    for (client_auth, header, body) in [
        (ClientAuth::Basic, Some(basic), form),
        (ClientAuth::Post, None, in_body.as_str()),
    ] {
        let mut world = World::new([ok()], [token("t1", HOUR)], client_auth).await;
        assert_eq!(world.status().await, 200);
        let asked = world.tokens.received();
        assert_eq!(asked.line, "POST /token HTTP/1.1");
        assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!((asked.header("authorization"), asked.body.as_str()), (header, body));
        assert_eq!(world.presented(), "Bearer t1");
    }
}

#[tokio::test]
async fn all_who_need_a_token_wait_for_one_request() {
    let mut world = World::with((0..8).map(|_| ok()), [token("t1", HOUR)]).await;
    let statuses = join_all((0..4).map(|_| world.status())).await;
    assert_eq!(statuses, [200; 4]);
    let statuses = join_all((0..4).map(|_| world.status())).await;
    assert_eq!(statuses, [200; 4]);
    for _ in 0..8 {
        assert_eq!(world.presented(), "Bearer t1");
    }
    world.tokens.received();
    assert!(world.nothing_more());
}

#[tokio::test]
async fn a_token_is_used_until_it_expires() {
    let lives = [
        (r#", "expires_in": 0"#, false),
        (r#", "expires_in": "0""#, false),
        (HOUR, true),
        (r#", "expires_in": "3600""#, true),
        (r#", "expires_in": 1e300"#, true),
        ("", true),
    ];
    for (life, lasts) in lives {
        let mut world = World::with([ok(), ok()], [token("t1", life), token("t2", HOUR)]).await;
        assert_eq!((world.status().await, world.status().await), (200, 200));
        let second = if lasts { "Bearer t1" } else { "Bearer t2" };
        assert_eq!(
            (world.presented().as_str(), world.presented().as_str()),
            ("Bearer t1", second),
            "{life}"
        );
    }
}

#[tokio::test]
async fn a_token_that_was_good_and_is_refused_is_replaced_once() {
    let api = [ok(), unauthorized(), ok(), unauthorized(), unauthorized()];
    let mut world = World::with(api, [token("t1", HOUR), token("t2", HOUR), token("t3", HOUR)]).await;
    assert_eq!(world.status().await, 200);
    assert_eq!(world.status().await, 200);
    // The next one is refused, too: then it is not the token.
    assert_eq!(world.status().await, 401);
    for expected in ["t1", "t1", "t2", "t2", "t3"] {
        assert_eq!(world.presented(), format!("Bearer {expected}"));
    }
    (0..3).for_each(|_| drop(world.tokens.received()));
    assert!(world.nothing_more());
}

#[tokio::test]
async fn a_token_that_never_was_good_is_not_replaced_for_each_delivery() {
    let mut world = World::with([unauthorized(), unauthorized()], [token("t1", HOUR)]).await;
    assert_eq!((world.status().await, world.status().await), (401, 401));
    world.tokens.received();
    assert!(world.tokens.received_nothing_more());
}

#[tokio::test]
async fn a_refused_token_whose_successor_cannot_be_had_leaves_the_delivery_to_be_tried_again() {
    let answers = [token("t1", HOUR), Answer::status("503 Service Unavailable", "", "")];
    let world = World::with([ok(), unauthorized()], answers).await;
    assert_eq!(world.status().await, 200);
    let failure = failure(&world.server, &world.url).await;
    assert_eq!((failure.class, failure.certain), (FailureClass::ServerError, true));
}

#[tokio::test]
async fn a_refused_request_for_a_token_fails_all_who_wait_for_it() {
    let body = r#"{"error": "invalid_client", "got": "p ss/w%rd", "id": "wal:sift"}"#;
    let mut world = World::with([], [Answer::status("401 Unauthorized", "", body)]).await;
    let failures = join_all((0..4).map(|_| failure(&world.server, &world.url))).await;
    for failure in failures {
        assert_eq!((failure.class, failure.certain), (FailureClass::Configuration, true));
        assert_eq!(
            failure.message,
            r#"no access token: 401 Unauthorized: {"error": "invalid_client", "got": "***", "id": "wal:sift"}"#
        );
    }
    world.tokens.received();
    assert!(world.nothing_more());
}

#[tokio::test]
async fn each_way_to_get_no_token_has_its_class() {
    let cases = [
        (
            Answer::status("503 Service Unavailable", "retry-after: 17\r\n", ""),
            FailureClass::ServerError,
            Some(17),
            "503 Service Unavailable",
        ),
        (
            Answer::status("429 Too Many Requests", "", ""),
            FailureClass::RateLimited,
            None,
            "429 Too Many Requests",
        ),
        (
            Answer::CutsAfter(""),
            FailureClass::Connection,
            None,
            "the connection broke: ",
        ),
        (
            Answer::status("200 OK", "", "<html>sign in</html>"),
            FailureClass::Configuration,
            None,
            "200 OK, but without a token",
        ),
        (
            Answer::status("200 OK", "", r#"{"access_token": "t", "token_type": "mac"}"#),
            FailureClass::Configuration,
            None,
            "200 OK, but the token is not one for the bearer",
        ),
        (
            Answer::status("200 OK", "", r#"{"access_token": "t\n"}"#),
            FailureClass::Configuration,
            None,
            "200 OK, but the token can't be sent in a header",
        ),
        (
            Answer::status("302 Found", "location: /login\r\n", ""),
            FailureClass::Configuration,
            None,
            "302 Found",
        ),
    ];
    for (answer, class, seconds, message) in cases {
        let mut world = World::with([], [answer]).await;
        let (failure, after) = match send(&world.server, &world.url, "{}").await {
            Err(Outcome::Retry { failure, after }) => (failure, after),
            other => panic!("to be tried again: {other:?}"),
        };
        assert_eq!((failure.class, failure.certain), (class, true), "{message}");
        assert_eq!(after.map(|after| after.as_secs()), seconds, "{message}");
        let said = failure.message.strip_prefix("no access token: ").unwrap();
        assert!(said.starts_with(message), "{said}");
        assert!(world.api.received_nothing_more());
    }
}

#[tokio::test]
async fn tokens_are_kept_from_view() {
    let world = World::with(
        [Answer::status("403 Forbidden", "", "not for sk_4711")],
        [token("sk_4711", HOUR)],
    )
    .await;
    let mut response = send(&world.server, &world.url, "{}").await.unwrap();
    let (body, _) = crate::publish::web::start_of(&mut response, 100).await;
    let secrets = world.server.secrets();
    assert_eq!(secrets.excerpt(&String::from_utf8(body).unwrap(), false), "not for ***");
    assert_eq!(secrets.excerpt("sent sk_47", true), "sent…");
    let debug = format!("{:?}", world.server);
    assert!(!debug.contains("4711") && !debug.contains("p ss"), "{debug}");
}
