//! What becomes of a delivery, by what the server and its stream say.

use async_nats::jetstream::stream;

use super::bus::{Bus, delivery, lines, message, sink};

#[tokio::test]
async fn each_delivery_is_a_message_that_the_stream_has_acknowledged() {
    let bus = Bus::new().await;
    let sink = bus.sink("stream = 'ORDERS'");
    let batch = [
        delivery("1", 7, r#"{"id":  "1", "total": 7.00}"#),
        delivery("a.b *", 8, r#""ü""#),
        delivery("2", 9, ""),
    ];
    assert_eq!(lines(&sink.deliver(&batch).await), ["delivered"; 3]);
    let messages = bus.messages().await;
    let found: Vec<_> = messages
        .iter()
        .map(|it| (it.subject.as_str(), it.payload.as_str()))
        .collect();
    let expected = [
        ("shop.orders.1", r#"{"id":  "1", "total": 7.00}"#),
        ("shop.orders.a%2Eb%20%2A", r#""ü""#),
        ("shop.orders.2", ""),
    ];
    assert_eq!(found, expected);
    let headers = &messages[1].headers;
    for (name, value) in [
        ("Walsift-Sync", "orders"),
        ("Walsift-Key", "a.b%20*"),
        ("Walsift-Version", "8"),
        ("Walsift-Operation", "upsert"),
        ("X-Correlation-ID", "0123456789abcdef0123456789abcdef"),
        ("Nats-Expected-Stream", "ORDERS"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(
        headers["Nats-Msg-Id"],
        format!("{}@shop.orders.a%2Eb%20%2A", headers["Idempotency-Key"])
    );
    assert_eq!(messages[2].headers["Walsift-Operation"], "delete");
    assert!(headers["traceparent"].starts_with("00-0123456789abcdef"), "{headers:?}");
}

#[tokio::test]
async fn the_same_version_is_stored_once() {
    let bus = Bus::new().await;
    for sink in [bus.sink(""), bus.sink("")] {
        assert_eq!(lines(&sink.deliver(&[delivery("1", 7, "{}")]).await), ["delivered"]);
    }
    assert_eq!(bus.messages().await.len(), 1);
    let sink = bus.sink("");
    assert_eq!(lines(&sink.deliver(&[delivery("1", 8, "{}")]).await), ["delivered"]);
    assert_eq!(bus.messages().await.len(), 2);
}

#[tokio::test]
async fn two_sinks_that_feed_one_stream_do_not_take_each_other_s_messages_for_copies() {
    let bus = Bus::bare("").await;
    bus.stream("ORDERS", "shop.>").await;
    for subject in ["shop.a.{id}", "shop.b.{id}"] {
        let sink = sink(&format!("url = '{}'\nsubject = '{subject}'", bus.url()));
        assert_eq!(lines(&sink.deliver(&[delivery("1", 7, "{}")]).await), ["delivered"]);
    }
    assert_eq!(bus.messages().await.len(), 2);
}

#[tokio::test]
async fn without_a_stream_it_is_tried_again_until_there_is_one() {
    let bus = Bus::bare("").await;
    let sink = bus.sink("");
    let outcomes = sink.deliver(&[delivery("1", 7, "{}")]).await;
    assert_eq!(lines(&outcomes), ["retry server_error certain"]);
    let words = "no stream stores `shop.orders.1`, or it has no leader at present";
    assert_eq!(message(&outcomes[0]), words);
    bus.stream("ORDERS", "shop.orders.*").await;
    assert_eq!(lines(&sink.deliver(&[delivery("1", 7, "{}")]).await), ["delivered"]);
}

#[tokio::test]
async fn the_stream_of_somebody_else_stores_nothing() {
    let bus = Bus::new().await;
    let outcomes = bus.sink("stream = 'OTHER'").deliver(&[delivery("1", 7, "{}")]).await;
    assert_eq!(lines(&outcomes), ["retry configuration certain"]);
    assert_eq!(message(&outcomes[0]), "expected stream does not match (code 10060)");
    assert!(bus.messages().await.is_empty());
}

#[tokio::test]
async fn what_is_too_large_is_refused_alone() {
    let bus = Bus::bare("max_payload: 65536").await;
    bus.make(stream::Config {
        max_message_size: 4096,
        ..orders()
    })
    .await;
    let sink = bus.sink("");
    let large = |bytes: usize| format!("\"{}\"", "x".repeat(bytes));
    let batch = [
        delivery("1", 7, "{}"),
        delivery("2", 7, &large(8_000)),
        delivery("3", 7, &large(66_000)),
        delivery("4", 7, "{}"),
    ];
    let outcomes = sink.deliver(&batch).await;
    let rejected = "rejected refused certain";
    assert_eq!(lines(&outcomes), ["delivered", rejected, rejected, "delivered"]);
    assert_eq!(
        message(&outcomes[1]),
        "message size exceeds maximum allowed (code 10054)"
    );
    assert!(
        message(&outcomes[2]).ends_with("and the server takes 65536"),
        "{outcomes:?}"
    );
    assert_eq!(bus.last().await.len(), 2);
}

/// Servers close the connection over a line that is too long.
#[tokio::test]
async fn the_longest_subject_there_may_be_is_taken() {
    let bus = Bus::new().await;
    let key = "x".repeat(4_000 - "shop.orders.".len());
    let batch = [
        delivery(&key, 7, "{}"),
        delivery(&format!("{key}x"), 7, "{}"),
        delivery("1", 7, "{}"),
    ];
    let outcomes = bus.sink("").deliver(&batch).await;
    assert_eq!(
        lines(&outcomes),
        ["delivered", "rejected configuration certain", "delivered"]
    );
}

#[tokio::test]
async fn a_stream_that_is_full_takes_no_more_for_now() {
    let bus = Bus::bare("").await;
    let full = stream::Config {
        max_messages: 1,
        discard: stream::DiscardPolicy::New,
        ..orders()
    };
    bus.make(full).await;
    let sink = bus.sink("");
    assert_eq!(lines(&sink.deliver(&[delivery("1", 7, "{}")]).await), ["delivered"]);
    let outcomes = sink.deliver(&[delivery("2", 7, "{}")]).await;
    assert_eq!(lines(&outcomes), ["retry rate_limited certain"]);
    assert_eq!(message(&outcomes[0]), "maximum messages exceeded (code 10077)");
    let stream = bus.jetstream().await.get_stream("ORDERS").await.unwrap();
    stream.purge().await.unwrap();
    assert_eq!(lines(&sink.deliver(&[delivery("2", 7, "{}")]).await), ["delivered"]);
}

#[tokio::test]
async fn a_subject_that_is_full_stops_no_other() {
    let bus = Bus::bare("").await;
    bus.make(stream::Config {
        max_messages_per_subject: 1,
        discard: stream::DiscardPolicy::New,
        discard_new_per_subject: true,
        ..orders()
    })
    .await;
    let sink = bus.sink("");
    assert_eq!(lines(&sink.deliver(&[delivery("1", 7, "{}")]).await), ["delivered"]);
    let outcomes = sink.deliver(&[delivery("1", 8, "{}"), delivery("2", 8, "{}")]).await;
    assert_eq!(lines(&outcomes), ["retry conflict certain", "delivered"]);
}

#[tokio::test]
async fn a_delete_in_a_bucket_is_one_to_its_clients() {
    let bus = Bus::bare("").await;
    bus.make(stream::Config {
        name: "KV_orders".to_owned(),
        subjects: vec!["$KV.orders.>".to_owned()],
        max_messages_per_subject: 1,
        ..stream::Config::default()
    })
    .await;
    let store = bus.jetstream().await.get_key_value("orders").await.unwrap();
    let sink = sink(&format!("url = '{}'\nsubject = '$KV.orders.{{id}}'", bus.url()));
    let batch = [delivery("1", 7, "{}"), delivery("a b", 7, r#"{"n":1}"#)];
    assert_eq!(lines(&sink.deliver(&batch).await), ["delivered"; 2]);
    assert_eq!(store.get("1").await.unwrap().unwrap(), "{}");
    assert_eq!(store.get("a=20b").await.unwrap().unwrap(), r#"{"n":1}"#);
    assert_eq!(lines(&sink.deliver(&[delivery("1", 8, "")]).await), ["delivered"]);
    assert_eq!(store.get("1").await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_is_away_leaves_what_it_holds_and_another_one_takes_over() {
    let mut bus = Bus::new().await;
    let sink = bus.sink("");
    assert_eq!(lines(&sink.deliver(&[delivery("1", 7, "{}")]).await), ["delivered"]);
    bus.server.kill();
    let outcomes = sink.deliver(&[delivery("1", 8, "{}")]).await;
    assert_eq!(lines(&outcomes), ["retry connection certain"]);
    assert!(
        message(&outcomes[0]).starts_with("could not connect: nats://127.0.0.1:"),
        "{outcomes:?}"
    );
    bus.server.resume().await;
    assert_eq!(lines(&sink.deliver(&[delivery("1", 8, "{}")]).await), ["delivered"]);
    assert_eq!(bus.messages().await.len(), 2);

    let away = "nats://127.0.0.1:1";
    let several = super::bus::sink(&format!(
        "url = ['{away}', '{}']\nsubject = 'shop.orders.{{id}}'",
        bus.url()
    ));
    assert_eq!(lines(&several.deliver(&[delivery("2", 8, "{}")]).await), ["delivered"]);
}

/// Whoever else may be subscribed to the subjects.
#[tokio::test]
async fn somebody_who_answers_is_not_taken_for_a_stream() {
    use futures_util::StreamExt;

    let bus = Bus::bare("").await;
    let client = async_nats::connect(bus.url()).await.unwrap();
    let mut requests = client.subscribe("shop.orders.*").await.unwrap();
    client.flush().await.unwrap();
    let answering = tokio::spawn(async move {
        let request = requests.next().await.unwrap();
        client.publish(request.reply.unwrap(), "thanks".into()).await.unwrap();
        client.flush().await.unwrap();
    });
    let outcomes = bus.sink("").deliver(&[delivery("1", 7, "{}")]).await;
    assert_eq!(lines(&outcomes), ["retry server_error uncertain"]);
    answering.await.unwrap();
}

fn orders() -> stream::Config {
    stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["shop.orders.*".to_owned()],
        ..stream::Config::default()
    }
}
