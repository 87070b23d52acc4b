//! Many deliveries in one request.

use std::collections::BTreeSet;

use super::*;
use crate::config::{Batch, BatchFormat, Pointer, Requests};

fn batching(peer: &Peer, results: Option<&str>) -> config::HttpSink {
    config::HttpSink {
        method: "POST".to_owned(),
        requests: Requests {
            batch: Some(Batch {
                max: 100,
                bytes: 1 << 20,
                format: BatchFormat::Json,
                results: results.map(|text| Pointer::parse(text).unwrap_or(Pointer(vec![]))),
            }),
            ..Requests::default()
        },
        ..config(&format!("http://{}/bulk", peer.address))
    }
}

fn deliveries(ids: impl IntoIterator<Item = usize>) -> Vec<Delivery> {
    ids.into_iter()
        .map(|id| delivery(&[("id", &id.to_string())], "{}"))
        .collect()
}

/// The ids in the body of a request, in their order.
fn ids(body: &str) -> Vec<usize> {
    let items: Vec<serde_json::Value> = serde_json::from_str(body).unwrap();
    items
        .iter()
        .map(|item| item["key"]["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// `d`elivered, `r`etry (`R` where uncertain), re`x`ected (`X`), `-` not tried.
fn short(outcomes: &[Outcome]) -> String {
    let letter = |outcome: &Outcome| match outcome {
        Outcome::Delivered { .. } => 'd',
        Outcome::Retry { failure, .. } => {
            if failure.certain {
                'r'
            } else {
                'R'
            }
        }
        Outcome::Rejected { failure } => {
            if failure.certain {
                'x'
            } else {
                'X'
            }
        }
        Outcome::NotTried => '-',
    };
    outcomes.iter().map(letter).collect()
}

/// Refuses every request with one of these in it, with that status.
fn refusing(bad: &[usize], status: &'static str) -> impl Fn(&str) -> Answer + Send + Sync + 'static {
    let bad: BTreeSet<usize> = bad.iter().copied().collect();
    move |body| {
        let refused = ids(body).iter().any(|id| bad.contains(id));
        Answer::status(if refused { status } else { "200 OK" }, "", "")
    }
}

#[tokio::test]
async fn many_go_in_one_request_and_are_answered_one_by_one() {
    let answer = r#"{"items": [{"status": 200}, {"status": 404}, 404, {"ok": true}, {"ok": false, "error": "no k3y, s3cr3t"},
        {"error": {"code": 7}}, {"status": 429}, {"status": 503, "error": "busy"}, {"status": "200"}]}"#;
    let mut peer = Peer::answering([Answer::status("207 Multi-Status", "retry-after: 3\r\n", answer)]).await;
    let mut config = batching(&peer, Some("/items"));
    config.headers = vec![("X-Api-Key".to_owned(), "s3cr3t".into())];
    let sink = sink(&config);
    let mut batch = deliveries(1..=10);
    batch[1] = delivery(&[("id", "2")], "");
    let outcomes = sink.deliver(&batch).await;
    assert_eq!(short(&outcomes), "ddxdxxrRRR");
    let request = peer.received();
    assert_eq!(request.line, "POST /bulk HTTP/1.1");
    assert_eq!(ids(&request.body), (1..=10).collect::<Vec<_>>());
    assert_eq!(request.header("walsift-count"), Some("10"));
    assert!(peer.received_nothing_more());
    let failure = |at: usize| match &outcomes[at] {
        Outcome::Retry { failure, after } => (failure.message.clone(), *after),
        Outcome::Rejected { failure } => (failure.message.clone(), None),
        other => panic!("{other:?}"),
    };
    assert_eq!(failure(4), ("no k3y, ***".to_owned(), None));
    assert_eq!(failure(5), (r#"{"code": 7}"#.to_owned(), None));
    assert_eq!(failure(6), ("429".to_owned(), Some(Duration::from_secs(3))));
    assert_eq!(failure(7), ("503: busy".to_owned(), Some(Duration::from_secs(3))));
    assert!(failure(9).0.contains("no result at `/items/9`"), "{}", failure(9).0);
}

#[tokio::test]
async fn answers_without_the_results_they_should_have_are_uncertain() {
    for (answer, expected) in [
        ("", "RR"),
        ("{}", "RR"),
        (r#"{"items": {}}"#, "RR"),
        (r#"{"items": [200]}"#, "dR"),
        (r#"{"items": [200, 200, 200]}"#, "RR"),
        (r#"{"items": [null, 200]}"#, "Rd"),
        (r#"{"items": [200, 20"#, "RR"),
    ] {
        let peer = Peer::answering([Answer::status("200 OK", "", answer)]).await;
        let outcomes = sink(&batching(&peer, Some("/items"))).deliver(&deliveries(1..=2)).await;
        assert_eq!(short(&outcomes), expected, "{answer}");
    }
    let peer = Peer::answering([Answer::status("200 OK", "", "[200, 422]")]).await;
    let outcomes = sink(&batching(&peer, Some(""))).deliver(&deliveries(1..=2)).await;
    assert_eq!(short(&outcomes), "dx");
}

#[tokio::test]
async fn without_results_the_status_is_that_of_each() {
    let mut peer = Peer::answering([
        Answer::status("202 Accepted", "", "whatever"),
        Answer::status("429 Too Many Requests", "retry-after: 5\r\n", ""),
        Answer::status("200 OK", "", ""),
    ])
    .await;
    let sink = sink(&batching(&peer, None));
    let batch = deliveries(1..=3);
    assert_eq!(short(&sink.deliver(&batch).await), "ddd");
    assert_eq!(short(&sink.deliver(&batch).await), "rrr");
    // A busy sink is nobody's fault: they go together again.
    assert_eq!(short(&sink.deliver(&batch).await), "ddd");
    for _ in 0..3 {
        assert_eq!(peer.received().header("walsift-count"), Some("3"));
    }
    assert!(peer.received_nothing_more());
}

/// G8: a batch that is refused as a whole is not the fault of each.
#[tokio::test]
async fn g8_of_a_refused_batch_only_those_are_refused_that_are_refused_alone() {
    for bad in [&[7][..], &[1, 2], &[1, 64], &[33, 40, 41]] {
        let mut peer = Peer::by(refusing(bad, "422 Unprocessable Content")).await;
        let outcomes = sink(&batching(&peer, None)).deliver(&deliveries(1..=64)).await;
        for (id, outcome) in (1..=64).zip(&outcomes) {
            let refused = matches!(outcome, Outcome::Rejected { .. });
            assert_eq!(refused, bad.contains(&id), "{id}: {outcome:?}");
            assert_eq!(
                matches!(outcome, Outcome::Delivered { .. }),
                !refused,
                "{id}: {outcome:?}"
            );
        }
        let mut requests = 0;
        while !peer.received_nothing_more() {
            requests += 1;
        }
        assert!(requests <= 1 + 12 * bad.len(), "{requests} requests for {bad:?}");
    }
}

/// G8: one that makes the other side fall over is alone with it from the next try on.
#[tokio::test]
async fn g8_what_may_have_made_a_batch_fail_goes_alone_the_next_time() {
    let mut peer = Peer::by(refusing(&[3], "500 Internal Server Error")).await;
    let sink = sink(&batching(&peer, None));
    assert_eq!(short(&sink.deliver(&deliveries(1..=5)).await), "RRRRR");
    peer.received();
    // With others that were not among them.
    assert_eq!(short(&sink.deliver(&deliveries([1, 3, 5, 6, 7])).await), "dRddd");
    let sent: Vec<_> = (0..4).map(|_| ids(&peer.received().body)).collect();
    assert_eq!(sent, [vec![1], vec![3], vec![5], vec![6, 7]]);
    // What was delivered may go with others again, what fails alone may not.
    assert_eq!(short(&sink.deliver(&deliveries([1, 5, 3, 6])).await), "ddRd");
    let sent: Vec<_> = (0..3).map(|_| ids(&peer.received().body)).collect();
    assert_eq!(sent, [vec![1, 5], vec![3], vec![6]]);
}

#[tokio::test]
async fn g8_a_time_out_of_a_batch_is_not_that_of_each() {
    let peer = Peer::by(|body| {
        if ids(body).contains(&2) {
            Answer::Hangs
        } else {
            Answer::status("200 OK", "", "")
        }
    })
    .await;
    let mut terms = TERMS;
    terms.timeout = Duration::from_millis(400);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sink = HttpSink::new("shop", &batching(&peer, None), &terms).unwrap();
    assert_eq!(short(&sink.deliver(&deliveries(1..=3)).await), "RRR");
    // Alone they take their time one after the other; what is left is not tried, and comes again.
    assert_eq!(short(&sink.deliver(&deliveries([1, 3, 2])).await), "ddR");
    assert_eq!(short(&sink.deliver(&deliveries([2, 4])).await), "R-");
    assert_eq!(short(&sink.deliver(&deliveries([4])).await), "d");
}

#[tokio::test]
async fn what_is_too_large_together_goes_in_pieces_from_then_on() {
    let mut peer = Peer::by(|body| {
        let large = ids(body).len() > 20;
        Answer::status(if large { "413 Content Too Large" } else { "200 OK" }, "", "")
    })
    .await;
    let sink = sink(&batching(&peer, None));
    let batch = deliveries(100..160);
    assert_eq!(short(&sink.deliver(&batch).await), "d".repeat(60));
    let mut counts = Vec::new();
    while let Some(request) = peer.next() {
        counts.push(ids(&request.body).len());
    }
    assert_eq!(counts, [60, 30, 15, 15, 30, 15, 15]);
    assert_eq!(short(&sink.deliver(&batch).await), "d".repeat(60));
    while let Some(request) = peer.next() {
        assert!(ids(&request.body).len() <= 20);
    }
}

#[tokio::test]
async fn one_that_is_refused_alone_is_refused_and_a_redirect_is_followed_by_none() {
    let peer = Peer::answering([Answer::status("422 Unprocessable Content", "", "no")]).await;
    let outcomes = sink(&batching(&peer, Some("/items"))).deliver(&deliveries([1])).await;
    assert_eq!(short(&outcomes), "x");
}

#[tokio::test]
async fn one_composition_has_one_idempotency_key() {
    let mut peer = Peer::by(|_| Answer::status("503 Service Unavailable", "", "")).await;
    let config = batching(&peer, None);
    let mut keys = Vec::new();
    for batch in [deliveries(1..=2), deliveries(1..=2), deliveries(1..=3)] {
        sink(&config).deliver(&batch).await;
        keys.push(peer.received().header("idempotency-key").unwrap().to_owned());
    }
    assert!(keys[0] == keys[1] && keys[0] != keys[2], "{keys:?}");
}

#[tokio::test]
async fn items_by_template_go_on_a_line_each_and_one_that_cannot_be_made_stops_no_other() {
    let template = |text: &str| config::Template {
        text: text.to_owned(),
        place: config::Place::absent("body"),
        from_outside: false,
    };
    let mut peer = Peer::answering([Answer::status("200 OK", "", "")]).await;
    let mut config = batching(&peer, None);
    config.requests.batch.as_mut().unwrap().format = BatchFormat::Ndjson;
    config.requests.body = Some(template("{\"id\": {{ key.id }},\n \"price\": {{ document.price }}}"));
    config.requests.delete.body = Some(template("{\"gone\": {{ key.id }}}"));
    let batch = [
        delivery(&[("id", "1")], r#"{"price": 7.00}"#),
        delivery(&[("id", "2")], "{}"),
        delivery(&[("id", "3")], ""),
    ];
    let outcomes = sink(&config).deliver(&batch).await;
    assert_eq!(short(&outcomes), "dxd");
    let request = peer.received();
    assert_eq!(request.body, "{\"id\": \"1\",  \"price\": 7.00}\n{\"gone\": \"3\"}\n");
    assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(request.header("walsift-count"), Some("2"));
}

#[tokio::test]
async fn a_batch_ends_before_the_first_lease_does() {
    let mut peer = Peer::answering([]).await;
    let mut batch = deliveries(1..=2);
    batch[1].deadline = Instant::now();
    assert_eq!(short(&sink(&batching(&peer, None)).deliver(&batch).await), "--");
    assert!(peer.received_nothing_more());
}
