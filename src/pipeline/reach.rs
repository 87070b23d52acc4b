//! Whether the sinks of a configuration can be reached.

use std::time::Duration;

use futures_util::future::join_all;

use crate::config::{Config, Place, Problem};
use crate::publish::{Reach, Sink};

/// Longer than this nobody waits to hear that a sink is away.
const REACH_TIME_MAX: Duration = Duration::from_secs(5);

/// What came of trying to reach one sink.
#[derive(Debug)]
pub struct Reached {
    pub sink: String,
    pub reach: Reach,
    place: Place,
}

/// Tries all sinks at the same time, but those that cannot be used at all.
pub async fn reach(config: &Config) -> Vec<Reached> {
    let sinks = config
        .sinks
        .iter()
        .filter_map(|sink| Some((sink, Sink::build(sink).ok()?)));
    let reached = sinks.map(async |(config, sink)| Reached {
        sink: config.name.clone(),
        reach: sink.reach(sink.terms.timeout.min(REACH_TIME_MAX)).await,
        place: config.place.clone(),
    });
    join_all(reached).await
}

impl Reached {
    pub fn problem(&self) -> Option<Problem> {
        let wrong = self.reach.wrong.as_ref()?;
        let summary = format!("deliveries to the sink `{}` would fail: {}", self.sink, wrong.message);
        let mut problem = Problem::at(&self.place, summary);
        problem.help.extend(wrong.help.clone());
        problem.warning = !wrong.is_error;
        Some(problem)
    }
}
