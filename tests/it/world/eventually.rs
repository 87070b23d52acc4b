//! Waiting for what cannot send a signal.

use std::time::{Duration, Instant};

/// How long a test waits for what normally takes milliseconds: generous, for machines with other work to do.
pub const DEADLINE: Duration = Duration::from_mins(2);

const POLL: Duration = Duration::from_millis(20);

/// Asks again and again until there is an answer; panics with `what` when there is none in time.
pub async fn eventually<T>(within: Duration, what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    match try_eventually(within, ask).await {
        Some(answer) => answer,
        None => panic!("not within {within:?}: {what}"),
    }
}

/// As [`eventually`], for those with more to say about what did not come.
pub async fn try_eventually<T>(within: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(POLL).await;
    }
}
