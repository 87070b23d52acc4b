//! Keeps the tables of the state compact while vacuum cannot. Why and how is told where it is done, in `record::compact`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engine::{Engine, chain};
use crate::pg::{self, Disposition, disposition};
use crate::record::{self, Bloated};

/// How often the sizes are looked at.
const PERIOD: Duration = Duration::from_secs(10);

/// After this time a table is tried again that somebody else has; it doubles each time.
const RETRY: Duration = Duration::from_secs(10);
const RETRY_MAX: Duration = Duration::from_mins(5);

#[derive(Debug, thiserror::Error)]
enum CompactError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

pub(super) async fn run(engine: Arc<Engine>) {
    let mut held = Held::default();
    while engine.pause(PERIOD).await {
        if let Err(error) = compact(&engine, &mut held).await {
            tracing::debug!(error = chain(&error), "cannot look at the size of the state at present");
        }
    }
}

async fn compact(engine: &Engine, held: &mut Held) -> Result<(), CompactError> {
    let state = engine.state.get().await?;
    for bloated in record::bloated(&state).await? {
        let Bloated { table, bytes } = bloated;
        if !held.may_be_tried(table, Instant::now()) {
            continue;
        }
        match record::rebuild(&state, bloated).await {
            Ok(bytes_after) => {
                held.is_free(table);
                tracing::debug!(table, bytes, bytes_after, "a table of the state is compact again");
            }
            Err(error) if disposition(&error) == Disposition::Connection => return Err(error.into()),
            Err(error) => {
                held.is_held(table, Instant::now());
                let error = pg::describe(&error);
                tracing::debug!(table, bytes, error, "a table of the state stays as it is for now");
            }
        }
    }
    Ok(())
}

/// The tables that somebody else had when they were tried: not before when they are tried again, and how long that was.
#[derive(Debug, Default)]
struct Held(HashMap<&'static str, (Instant, Duration)>);

impl Held {
    fn may_be_tried(&self, table: &str, now: Instant) -> bool {
        self.0.get(table).is_none_or(|(not_before, _)| *not_before <= now)
    }

    fn is_held(&mut self, table: &'static str, now: Instant) {
        let wait = self.0.get(table).map_or(RETRY, |(_, wait)| (*wait * 2).min(RETRY_MAX));
        self.0.insert(table, (now + wait, wait));
    }

    fn is_free(&mut self, table: &str) {
        self.0.remove(table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_held_is_tried_later_each_time() {
        let (mut held, mut now) = (Held::default(), Instant::now());
        assert!(held.may_be_tried("job", now));
        for wait in [10, 20, 40, 80, 160, 300, 300].map(Duration::from_secs) {
            held.is_held("job", now);
            assert!(held.may_be_tried("state", now));
            now += wait;
            assert!(!held.may_be_tried("job", now.checked_sub(Duration::from_secs(1)).unwrap()));
            assert!(held.may_be_tried("job", now));
        }
        held.is_free("job");
        held.is_held("job", now);
        assert!(held.may_be_tried("job", now + RETRY));
    }
}
