//! What was given up is not sent later.

use super::cache::{Cache, sink};
use crate::nats::bus::{delivery, lines};
use crate::world::{DEADLINE, Proxy, Weather, eventually};

/// Far more than the systems on both sides hold for a connection that nobody reads from.
const DOCUMENTS: usize = 48;
const DOCUMENT_BYTES: usize = 1 << 20;

#[tokio::test]
async fn a_batch_that_was_given_up_on_a_stalled_connection_does_not_arrive_later() {
    let cache = Cache::new().await;
    let proxy = Proxy::before_address(cache.server.address()).await;
    let sink = sink(&format!(
        "url = 'redis://{}'\nstream = 'orders'\ntimeout = '2s'",
        proxy.address()
    ));
    assert_eq!(lines(&sink.deliver(&[delivery("0", 1, "{}")]).await), ["delivered"]);

    proxy.set_weather(Weather {
        stalled_up: true,
        ..Weather::default()
    });
    let large = format!("\"{}\"", "x".repeat(DOCUMENT_BYTES));
    let batch: Vec<_> = (1..=DOCUMENTS).map(|id| delivery(&id.to_string(), 1, &large)).collect();
    let outcomes = sink.deliver(&batch).await;
    assert_eq!(lines(&outcomes), vec!["retry timeout uncertain"; batch.len()]);

    // It goes on: what had left us may arrive, and what had not is gone with its connection.
    proxy.set_weather(Weather::default());
    eventually(DEADLINE, "the end of the old connection", async || {
        (proxy.connections() == 0).then_some(())
    })
    .await;
    assert_eq!(lines(&sink.deliver(&[delivery("last", 2, "{}")]).await), ["delivered"]);
    let length: usize = cache.tell("XLEN orders");
    assert!(length < DOCUMENTS / 4, "{length} entries");
}

#[tokio::test]
async fn a_key_does_not_go_back_to_what_nobody_answered() {
    let cache = Cache::new().await;
    let proxy = Proxy::before_address(cache.server.address()).await;
    let slow = sink(&format!(
        "url = 'redis://{}'\nkey = 'order:{{id}}'\ntimeout = '1s'",
        proxy.address()
    ));
    assert_eq!(lines(&slow.deliver(&[delivery("1", 1, "1")]).await), ["delivered"]);
    proxy.set_weather(Weather {
        stalled_up: true,
        ..Weather::default()
    });
    let outcomes = slow.deliver(&[delivery("1", 2, "2")]).await;
    assert_eq!(lines(&outcomes), ["retry timeout uncertain"]);
    assert_eq!(
        lines(&cache.sink("").deliver(&[delivery("1", 3, "3")]).await),
        ["delivered"]
    );
    proxy.set_weather(Weather::default());
    eventually(DEADLINE, "the end of the old connection", async || {
        (proxy.connections() == 0).then_some(())
    })
    .await;
    assert_eq!(cache.tell::<String>("GET order:1"), "3");
}
