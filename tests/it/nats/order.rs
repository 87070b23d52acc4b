//! What was given up is not sent later, and what comes twice is stored once.

use std::time::{Duration, Instant};

use walsift::publish::Sink;

use super::bus::{Bus, delivery, lines, sink};
use crate::world::{DEADLINE, Proxy, Weather, eventually};

/// Far more than the systems on both sides hold for a connection that nobody reads from.
const DOCUMENTS: usize = 48;
const DOCUMENT_BYTES: usize = 1 << 20;

fn through(proxy: &Proxy, keys: &str) -> Sink {
    sink(&format!(
        "url = 'nats://{}'\nsubject = 'shop.orders.{{id}}'\n{keys}",
        proxy.address()
    ))
}

#[tokio::test]
async fn a_batch_that_was_given_up_on_a_stalled_connection_never_overtakes_what_followed() {
    let bus = Bus::bare("max_payload: 2MB").await;
    bus.stream("ORDERS", "shop.orders.*").await;
    let proxy = Proxy::before_address(bus.server.address()).await;
    let sink = through(&proxy, "timeout = '2s'");
    assert_eq!(lines(&sink.deliver(&[delivery("0", 1, "{}")]).await), ["delivered"]);

    proxy.set_weather(Weather {
        stalled_up: true,
        ..Weather::default()
    });
    let large = format!("\"{}\"", "x".repeat(DOCUMENT_BYTES));
    let mut batch: Vec<_> = (1..=DOCUMENTS).map(|id| delivery(&id.to_string(), 1, &large)).collect();
    batch.push(delivery("last", 1, "\"old\""));
    let outcomes = sink.deliver(&batch).await;
    assert_eq!(lines(&outcomes), vec!["retry timeout uncertain"; batch.len()]);

    // It goes on: what had left us may arrive, and what had not is gone with its connection.
    proxy.set_weather(Weather::default());
    eventually(DEADLINE, "the end of the old connection", async || {
        (proxy.connections() == 0).then_some(())
    })
    .await;
    assert_eq!(
        lines(&sink.deliver(&[delivery("last", 2, "\"new\"")]).await),
        ["delivered"]
    );
    let messages = bus.messages().await;
    let of_last: Vec<_> = messages.iter().filter(|it| it.subject == "shop.orders.last").collect();
    assert_eq!(of_last.len(), 1);
    assert_eq!(of_last[0].payload, "\"new\"");
    assert!(messages.len() < DOCUMENTS / 4, "{} messages", messages.len());
}

#[tokio::test]
async fn what_was_stored_without_our_learning_of_it_is_not_stored_again() {
    let bus = Bus::new().await;
    let proxy = Proxy::before_address(bus.server.address()).await;
    let sink = through(&proxy, "timeout = '1s'");
    let batch = [delivery("1", 1, "{}"), delivery("2", 1, "{}")];
    assert_eq!(lines(&sink.deliver(&[delivery("0", 1, "{}")]).await), ["delivered"]);

    proxy.set_weather(Weather {
        stalled_down: true,
        ..Weather::default()
    });
    assert_eq!(lines(&sink.deliver(&batch).await), ["retry timeout uncertain"; 2]);
    assert_eq!(bus.messages().await.len(), 3);
    proxy.set_weather(Weather::default());
    assert_eq!(lines(&sink.deliver(&batch).await), ["delivered"; 2]);
    assert_eq!(bus.messages().await.len(), 3);
}

#[tokio::test]
async fn a_connection_that_is_cut_while_we_wait_leaves_it_open_what_is_stored() {
    let bus = Bus::new().await;
    let proxy = Proxy::before_address(bus.server.address()).await;
    let sink = through(&proxy, "");
    assert_eq!(lines(&sink.deliver(&[delivery("0", 1, "{}")]).await), ["delivered"]);
    proxy.set_weather(Weather {
        stalled_down: true,
        ..Weather::default()
    });
    let batch = [delivery("1", 1, "{}"), delivery("2", 1, "{}")];
    let cut = async {
        eventually(DEADLINE, "the messages", async || {
            (bus.messages().await.len() == 3).then_some(())
        })
        .await;
        proxy.cut_all();
    };
    let (outcomes, ()) = tokio::join!(sink.deliver(&batch), cut);
    assert_eq!(lines(&outcomes), ["retry connection uncertain"; 2]);
    proxy.set_weather(Weather::default());
    assert_eq!(lines(&sink.deliver(&batch).await), ["delivered"; 2]);
    assert_eq!(bus.messages().await.len(), 3);
}

#[tokio::test]
async fn what_the_lease_leaves_no_time_for_is_not_tried() {
    let bus = Bus::new().await;
    let mut late = delivery("1", 1, "{}");
    late.deadline = Instant::now() + Duration::from_millis(10);
    assert_eq!(lines(&bus.sink("").deliver(&[late]).await), ["not tried"]);
    assert!(bus.messages().await.is_empty());
}
