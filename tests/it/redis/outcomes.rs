//! What the server says, and what follows from it.

use super::cache::{Cache, sink};
use crate::nats::bus::{delivery, lines, message};

/// Seconds.
const HOUR: i64 = 3_600;

#[tokio::test]
async fn a_document_expires_anew_with_each_delivery_that_is_not_older() {
    let cache = Cache::new().await;
    let sink = cache.sink("expire = '1h'");
    let left = |key: &str| cache.tell::<i64>(&format!("TTL {key}"));
    for (version, is_renewed) in [(5, true), (6, true), (5, false)] {
        assert_eq!(
            lines(&sink.deliver(&[delivery("1", version, "{}")]).await),
            ["delivered"]
        );
        let seconds = left("order:1");
        assert_eq!(seconds > HOUR / 2, is_renewed, "{seconds}");
        assert!((HOUR..=2 * HOUR).contains(&left("walsift:order:1")));
        assert_eq!(cache.tell::<i64>("EXPIRE order:1 1000"), 1);
    }
    assert_eq!(lines(&sink.deliver(&[delivery("1", 7, "")]).await), ["delivered"]);
    assert_eq!(left("order:1"), -2, "it is gone");
    assert_eq!(lines(&sink.deliver(&[delivery("1", 6, "{}")]).await), ["delivered"]);
    assert_eq!(left("order:1"), -2, "it stays gone");
    assert!((HOUR..=2 * HOUR).contains(&left("walsift:order:1")));
}

#[tokio::test]
async fn what_does_not_expire_is_kept_and_the_version_of_what_is_gone_for_an_hour() {
    let cache = Cache::new().await;
    let sink = cache.sink("");
    assert_eq!(lines(&sink.deliver(&[delivery("1", 5, "{}")]).await), ["delivered"]);
    assert_eq!(cache.tell::<i64>("TTL order:1"), -1);
    assert_eq!(cache.tell::<i64>("TTL walsift:order:1"), -1);
    assert_eq!(lines(&sink.deliver(&[delivery("1", 6, "")]).await), ["delivered"]);
    let left: i64 = cache.tell("TTL walsift:order:1");
    assert!((HOUR / 2..=HOUR).contains(&left), "{left}");
}

#[tokio::test]
async fn a_stream_is_trimmed_to_about_its_length() {
    let cache = Cache::with(&["--stream-node-max-entries", "10"]).await;
    let keys = format!("url = '{}'\nstream = 'orders'\nmax_len = 20", cache.url());
    let batch: Vec<_> = (0..200).map(|id| delivery(&id.to_string(), 1, "{}")).collect();
    assert_eq!(lines(&sink(&keys).deliver(&batch).await), vec!["delivered"; 200]);
    let length: usize = cache.tell("XLEN orders");
    assert!((20..40).contains(&length), "{length}");
}

#[tokio::test]
async fn a_server_that_has_forgotten_the_script_learns_it_within_the_same_try() {
    let mut cache = Cache::new().await;
    let sink = cache.sink("");
    let batch = |version| ["1", "2", "3"].map(|id| delivery(id, version, "{}"));
    assert_eq!(lines(&sink.deliver(&batch(1)).await), ["delivered"; 3]);
    cache.tell::<()>("SCRIPT FLUSH");
    assert_eq!(lines(&sink.deliver(&batch(2)).await), ["delivered"; 3]);
    assert_eq!(cache.tell::<i64>("GET walsift:order:3"), 2);
    cache.server.kill();
    assert_eq!(lines(&sink.deliver(&batch(3)).await), ["retry connection certain"; 3]);
    cache.server.resume().await;
    assert_eq!(lines(&sink.deliver(&batch(3)).await), ["delivered"; 3]);
    assert_eq!(cache.tell::<i64>("GET walsift:order:3"), 3);
}

#[tokio::test]
async fn without_memory_documents_wait_and_deletes_pass() {
    let cache = Cache::new().await;
    let sink = cache.sink("");
    assert_eq!(lines(&sink.deliver(&[delivery("1", 1, "{}")]).await), ["delivered"]);
    cache.tell::<()>("CONFIG SET maxmemory 1");
    let batch = [delivery("1", 2, ""), delivery("2", 2, "{}")];
    let outcomes = sink.deliver(&batch).await;
    assert_eq!(lines(&outcomes), ["delivered", "retry rate_limited certain"]);
    assert_eq!(
        message(&outcomes[1]),
        "OOM command not allowed when used memory > 'maxmemory'."
    );
    assert_eq!(cache.tell::<i64>("EXISTS order:1 order:2"), 0);
    cache.tell::<()>("CONFIG SET maxmemory 0");
    assert_eq!(lines(&sink.deliver(&batch).await), ["delivered"; 2]);
    assert_eq!(cache.tell::<i64>("EXISTS order:1 order:2"), 1);
}

#[tokio::test]
async fn a_replica_takes_nothing_until_it_is_promoted() {
    let cache = Cache::with(&["--replicaof", "127.0.0.1", "1"]).await;
    let outcomes = cache.sink("").deliver(&[delivery("1", 1, "{}")]).await;
    assert_eq!(lines(&outcomes), ["retry server_error certain"]);
    assert!(message(&outcomes[0]).starts_with("READONLY "), "{outcomes:?}");
    cache.tell::<()>("REPLICAOF NO ONE");
    assert_eq!(
        lines(&cache.sink("").deliver(&[delivery("1", 1, "{}")]).await),
        ["delivered"]
    );
}
