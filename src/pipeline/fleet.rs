//! How many processes there are, for the sinks whose rate they share.

use super::engine::Engine;
use crate::pg;
use crate::queue::Worker;

/// Asks nothing where no sink has a rate. `joined`: this process has only just become one of them.
pub(super) async fn share(engine: &Engine, state: &pg::Client, joined: bool) -> Result<(), pg::Error> {
    let with_rates: Vec<_> = (engine.sinks.values())
        .filter(|shared| shared.sink.terms.rate_limit.is_some())
        .collect();
    if with_rates.is_empty() {
        return Ok(());
    }
    let processes = Worker::count_live(state).await?;
    for shared in with_rates {
        shared.places.share_among(processes, joined);
    }
    Ok(())
}
