//! The connections that a configuration asks for.

use std::sync::Arc;
use std::time::Duration;

use super::reading::Reading;
use crate::config::{Config, Place, Problem};
use crate::pg::{ConnectError, Dsn, Pool, Session};

/// Sessions on the source and on the state database.
#[derive(Debug)]
pub struct Databases {
    pub source_dsn: Dsn,
    pub state_dsn: Dsn,
    pub source: Pool,
    /// Sessions for building documents.
    pub reading: Arc<Reading>,
    /// Sessions on the source for what the stream waits for.
    pub quick_source: Pool,
    pub state: Pool,
}

/// Nothing that Walsift runs on the source takes longer, but for the making of the slot.
const SOURCE_TIMEOUT: Duration = Duration::from_secs(20);

/// A look-up that takes longer does not hold up the stream.
const QUICK_TIMEOUT: Duration = Duration::from_secs(2);

/// Nor on the state database, but for migrations.
const STATE_TIMEOUT: Duration = Duration::from_secs(20);

impl Databases {
    /// Connects to nothing yet.
    pub fn open(config: &Config) -> Result<Self, Box<Problem>> {
        let source_dsn = Dsn::new(&config.source.connection);
        let state_dsn = Dsn::new(&config.state.connection);
        let on_source = |statement_timeout| Session {
            search_path: None,
            statement_timeout,
        };
        let on_state = Session {
            search_path: Some(config.state.schema.clone()),
            statement_timeout: STATE_TIMEOUT,
        };
        let routes: usize = config.syncs.iter().map(|sync| sync.sinks.len()).sum();
        let after = config.syncs.iter().filter(|sync| sync.after_publish.is_some());
        let finishers: usize = after.map(|sync| sync.sinks.len()).sum();
        // Beside the builds: intake, the watch, and some for the visitors of the routes. One for each of those who run what the
        // user wrote, which may take long.
        let source = Pool::new(
            &source_dsn,
            &on_source(SOURCE_TIMEOUT),
            config.engine.workers + 2 + routes.min(4) + finishers,
        );
        let quick_source = Pool::new(&source_dsn, &on_source(QUICK_TIMEOUT), 1);
        // For each route a feeder and a settler, up to a point; and intake, the lease, the watch, and some visitors.
        let state = Pool::new(&state_dsn, &on_state, (3 * routes).min(3 * config.engine.workers) + 4);
        let unusable = |place: &Place| {
            let place = place.clone();
            move |error: ConnectError| Box::new(Problem::at(&place, error.to_string()))
        };
        let source = source.map_err(unusable(&config.source.connection.place))?;
        let reading = Reading::open(config, source.clone(), &on_source(SOURCE_TIMEOUT))?;
        Ok(Self {
            source,
            reading: Arc::new(reading),
            quick_source: quick_source.map_err(unusable(&config.source.connection.place))?,
            state: state.map_err(unusable(&config.state.connection.place))?,
            source_dsn,
            state_dsn,
        })
    }

    /// Prepared statements on the source know the tables as they were when they were prepared.
    pub(super) fn forget_statements(&self) {
        self.source.forget_statements();
        self.reading.forget_statements();
    }
}
