//! The receiver and its misbehaviour.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use walsift::demo::{Answer, Behaviour, Paths, Receiver, Request};

use crate::world::{DEADLINE, http_client};

/// For requests that are to time out.
const SHORT: Duration = Duration::from_millis(150);

struct Shop {
    receiver: Receiver,
    client: Client,
}

impl Shop {
    async fn new() -> Shop {
        Shop {
            receiver: Receiver::new().await.unwrap(),
            client: http_client(),
        }
    }

    /// The status, or `None` where there was no answer.
    async fn send(&self, method: Method, path: &str, body: &str) -> Option<u16> {
        let request = self
            .client
            .request(method, self.receiver.url() + path)
            .body(body.to_owned());
        Some(
            request
                .header("Walsift-Version", "7")
                .timeout(DEADLINE)
                .send()
                .await
                .ok()?
                .status()
                .as_u16(),
        )
    }

    async fn put(&self, path: &str, body: &str) -> Option<u16> {
        self.send(Method::PUT, path, body).await
    }

    /// Gives up soon.
    async fn put_impatiently(&self, path: &str, body: &str) -> Option<u16> {
        tokio::time::timeout(SHORT, self.put(path, body)).await.ok().flatten()
    }

    fn last(&self) -> Request {
        self.receiver.look(|ledger| ledger.journal().last().cloned()).unwrap()
    }
}

#[tokio::test]
async fn it_keeps_what_it_is_sent() {
    let shop = Shop::new().await;
    assert_eq!(shop.send(Method::GET, "/orders/1", "").await, Some(404));
    assert_eq!(shop.put("/orders/1", "{\"a\":1}").await, Some(201));
    assert_eq!(shop.send(Method::POST, "/orders/1", "{\"a\":2}").await, Some(200));
    let shown = shop.client.get(shop.receiver.url() + "/orders/1").send().await.unwrap();
    assert_eq!(shown.text().await.unwrap(), "{\"a\":2}");
    assert_eq!(shop.receiver.look(|ledger| ledger.held()["/orders/1"].version), Some(7));
    assert_eq!(shop.send(Method::DELETE, "/orders/1", "").await, Some(204));
    assert_eq!(shop.send(Method::DELETE, "/orders/1", "").await, Some(404));
    assert_eq!(shop.send(Method::PATCH, "/orders/1", "").await, Some(405));
    assert_eq!(shop.receiver.body("/orders/1"), None);
}

#[tokio::test]
async fn it_writes_every_request_down() {
    let shop = Shop::new().await;
    let request = shop.client.put(shop.receiver.url() + "/orders/1?dry=no").body("{}");
    request
        .header("walsift-sync", "orders")
        .header("Idempotency-Key", "k")
        .header("other", "x")
        .send()
        .await
        .unwrap();
    shop.send(Method::DELETE, "/orders/2", "").await;
    let journal = shop.receiver.look(|ledger| ledger.journal().to_vec());
    let [put, delete] = journal.as_slice() else {
        panic!("{journal:?}")
    };
    assert_eq!(
        (put.number, &put.method, put.path.as_str(), put.body.as_str()),
        (0, &Method::PUT, "/orders/1?dry=no", "{}")
    );
    assert_eq!(
        (put.header("walsift-sync"), put.header("idempotency-key")),
        (Some("orders"), Some("k"))
    );
    assert_eq!((put.header("other"), put.version()), (None, None));
    assert_eq!(
        (put.answer, put.applied, put.overlapped),
        (Answer::Status(201), true, false)
    );
    assert!(put.finished.unwrap() >= put.arrived);
    assert_eq!(
        (delete.number, delete.answer, delete.version()),
        (1, Answer::Status(404), Some(7))
    );
}

#[tokio::test]
async fn it_answers_as_told_without_applying() {
    let shop = Shop::new().await;
    let headers = vec![("Retry-After".to_owned(), "3".to_owned())];
    shop.receiver.rule(
        Paths::All,
        Behaviour::Answer {
            status: 429,
            headers,
            body: "slow down".to_owned(),
        },
    );
    let answer = shop
        .client
        .put(shop.receiver.url() + "/orders/1")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"3".parse().unwrap())
    );
    assert_eq!(answer.text().await.unwrap(), "slow down");
    assert_eq!((shop.last().answer, shop.last().applied), (Answer::Status(429), false));
    assert_eq!(shop.receiver.body("/orders/1"), None);
}

#[tokio::test]
async fn rules_are_for_paths_and_for_a_number_of_requests() {
    let shop = Shop::new().await;
    shop.receiver.rule(Paths::prefix("/orders/"), Behaviour::answer(500));
    shop.receiver
        .rule_for_next(2, Paths::exact("/orders/1"), Behaviour::answer(400));
    assert_eq!(shop.put("/customers/1", "{}").await, Some(201));
    assert_eq!(shop.put("/orders/2", "{}").await, Some(500));
    assert_eq!(shop.put("/orders/1", "{}").await, Some(400));
    assert_eq!(shop.put("/orders/1", "{}").await, Some(400));
    assert_eq!(shop.put("/orders/1", "{}").await, Some(500));
    shop.receiver.clear_rules();
    assert_eq!(shop.put("/orders/1", "{}").await, Some(201));
}

#[tokio::test]
async fn it_applies_and_answers_otherwise() {
    let shop = Shop::new().await;
    shop.receiver.rule(Paths::All, Behaviour::ApplyThenAnswer(503));
    assert_eq!(shop.put("/orders/1", "{}").await, Some(503));
    assert_eq!((shop.last().answer, shop.last().applied), (Answer::Status(503), true));
    assert_eq!(shop.receiver.body("/orders/1").unwrap(), "{}");
}

#[tokio::test]
async fn it_cuts_connections() {
    let shop = Shop::new().await;
    for (behaviour, applied) in [(Behaviour::Cut, false), (Behaviour::ApplyThenCut, true)] {
        shop.receiver.rule(Paths::All, behaviour);
        let started = Instant::now();
        assert_eq!(shop.put("/orders/1", "{}").await, None);
        assert!(started.elapsed() < DEADLINE, "it was a time-out");
        assert_eq!((shop.last().answer, shop.last().applied), (Answer::Nothing, applied));
        assert_eq!(shop.receiver.body("/orders/1").is_some(), applied);
    }
}

#[tokio::test]
async fn it_hangs_until_the_client_leaves() {
    let shop = Shop::new().await;
    for (behaviour, applied) in [(Behaviour::Hang, false), (Behaviour::ApplyThenHang, true)] {
        shop.receiver.rule(Paths::All, behaviour);
        assert_eq!(shop.put_impatiently("/orders/1", "{}").await, None);
        shop.receiver
            .wait_until(DEADLINE, |ledger| ledger.in_flight() == 0)
            .await
            .unwrap();
        let last = shop.last();
        assert_eq!((last.answer, last.applied), (Answer::Nothing, applied));
        assert!(last.finished.unwrap() - last.arrived >= SHORT / 2);
        assert_eq!(shop.receiver.body("/orders/1").is_some(), applied);
    }
}

#[tokio::test]
async fn it_is_slow() {
    let shop = Shop::new().await;
    shop.receiver.rule(Paths::All, Behaviour::Slow(SHORT));
    let started = Instant::now();
    assert_eq!(shop.put("/orders/1", "{}").await, Some(201));
    assert!(started.elapsed() >= SHORT);
}

#[tokio::test]
async fn it_bears_so_many_at_once() {
    let shop = Shop::new().await;
    shop.receiver.rule(Paths::exact("/orders/1"), Behaviour::Hold);
    let requests = 2;
    let time = Duration::ZERO;
    shop.receiver
        .rule(Paths::exact("/orders/2"), Behaviour::Bears { requests, time });
    let rest = async {
        shop.receiver.wait_for_requests(1, DEADLINE).await.unwrap();
        assert_eq!(shop.put("/orders/2", "{}").await, Some(201));
        shop.receiver
            .rule(Paths::exact("/orders/2"), Behaviour::Bears { requests: 1, time });
        assert_eq!(shop.put("/orders/2", "{}").await, Some(429));
        assert!(!shop.last().applied);
        shop.receiver.release();
    };
    tokio::join!(shop.put("/orders/1", "{}"), rest);
}

#[tokio::test]
async fn it_holds_requests_until_they_are_released_and_sees_them_overlap() {
    let shop = Shop::new().await;
    shop.receiver.rule(Paths::exact("/orders/1"), Behaviour::Hold);
    let release = async {
        shop.receiver
            .wait_until(DEADLINE, |ledger| ledger.in_flight() == 2)
            .await
            .unwrap();
        assert_eq!(shop.put("/orders/2", "{}").await, Some(201));
        shop.receiver.release();
    };
    let (first, second, ()) = tokio::join!(shop.put("/orders/1", "1"), shop.put("/orders/1", "2"), release);
    assert_eq!((first.is_some(), second.is_some()), (true, true));
    let overlapped = shop.receiver.look(|ledger| {
        ledger
            .journal()
            .iter()
            .map(|request| (request.path.clone(), request.overlapped))
            .collect::<Vec<_>>()
    });
    let one = ("/orders/1".to_owned(), true);
    assert_eq!(overlapped, [one.clone(), one, ("/orders/2".to_owned(), false)]);
}

#[tokio::test]
async fn it_goes_down_and_comes_up_on_the_same_port() {
    let shop = Shop::new().await;
    assert_eq!(shop.put("/orders/1", "1").await, Some(201));
    shop.receiver.rule(Paths::All, Behaviour::Hang);
    let go_down = async {
        shop.receiver
            .wait_until(DEADLINE, |ledger| ledger.in_flight() == 1)
            .await
            .unwrap();
        shop.receiver.stop().await;
    };
    let (hung, ()) = tokio::join!(shop.put("/orders/2", "2"), go_down);
    assert_eq!(hung, None);
    assert_eq!(shop.last().answer, Answer::Nothing);
    shop.receiver.clear_rules();
    assert_eq!(shop.put("/orders/1", "3").await, None);
    assert_eq!(shop.receiver.request_count(), 2);
    shop.receiver.start().await.unwrap();
    assert_eq!(shop.put("/orders/1", "4").await, Some(200));
}

#[tokio::test]
async fn waiting_ends_with_the_signal_or_with_the_deadline() {
    let shop = Shop::new().await;
    let wait = shop.receiver.wait_for_requests(3, DEADLINE);
    let send = async {
        for number in 1..=3 {
            shop.put(&format!("/orders/{number}"), "{}").await.unwrap();
        }
    };
    let (waited, ()) = tokio::join!(wait, send);
    waited.unwrap();
    let overdue = shop.receiver.wait_for_requests(4, SHORT).await.unwrap_err();
    assert_eq!(
        overdue.to_string(),
        "not within 150ms: 3 requests, 0 of them in flight, 3 documents held"
    );
}

#[tokio::test]
async fn quiet_is_counted_from_the_last_request() {
    let shop = Shop::new().await;
    shop.receiver.wait_for_quiet(SHORT, DEADLINE).await.unwrap();
    let send = async {
        for _ in 0..3 {
            shop.receiver.rule_for_next(1, Paths::All, Behaviour::Slow(SHORT / 2));
            shop.put("/orders/1", "{}").await.unwrap();
        }
    };
    let ((), quiet) = tokio::join!(send, shop.receiver.wait_for_quiet(SHORT, DEADLINE));
    quiet.unwrap();
    assert_eq!(shop.receiver.request_count(), 3);
    assert!(shop.last().arrived.elapsed() >= SHORT);
    shop.receiver.wait_for_quiet(DEADLINE, SHORT).await.unwrap_err();
}

#[tokio::test]
async fn a_cleared_journal_keeps_what_is_held_and_what_is_in_flight() {
    let shop = Shop::new().await;
    shop.put("/orders/1", "1").await.unwrap();
    shop.receiver.rule(Paths::All, Behaviour::Hold);
    let clear = async {
        shop.receiver
            .wait_until(DEADLINE, |ledger| ledger.in_flight() == 1)
            .await
            .unwrap();
        shop.receiver.clear_journal();
        shop.receiver.release();
    };
    let (held, ()) = tokio::join!(shop.put("/orders/1", "2"), clear);
    assert_eq!(held, Some(200));
    assert_eq!(
        (shop.receiver.request_count(), shop.last().number, shop.last().applied),
        (1, 1, true)
    );
    assert_eq!(shop.receiver.body("/orders/1").unwrap(), "2");
}

#[tokio::test]
async fn a_crowd_loses_no_request() {
    const CLIENTS: usize = 16;
    const REQUESTS: usize = 250;
    let shop = Shop::new().await;
    let clients = (0..CLIENTS).map(|client| {
        let shop = &shop;
        async move {
            for request in 0..REQUESTS {
                assert_eq!(shop.put(&format!("/orders/{client}-{request}"), "{}").await, Some(201));
            }
        }
    });
    let started = Instant::now();
    futures_util::future::join_all(clients).await;
    println!("{} requests in {:?}", CLIENTS * REQUESTS, started.elapsed());
    let (requests, held) = shop
        .receiver
        .look(|ledger| (ledger.journal().len(), ledger.held().len()));
    assert_eq!((requests, held), (CLIENTS * REQUESTS, CLIENTS * REQUESTS));
}
