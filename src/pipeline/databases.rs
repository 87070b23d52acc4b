//! The connections that a configuration asks for.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::config::{Config, Place, Problem};
use crate::pg::{ConnectError, Dsn, Pool, Session};

/// Sessions on the source and on the state database.
#[derive(Debug)]
pub struct Databases {
    pub source_dsn: Dsn,
    pub source: Pool,
    pub state: Pool,
}

/// Nothing that Walsift runs on the source takes longer.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);

impl Databases {
    /// Connects to nothing yet.
    pub fn open(config: &Config) -> Result<Self, Box<Problem>> {
        let source_dsn: Dsn = parse(config.source.url.expose_secret(), &config.source.url_place)?;
        let state_dsn: Dsn = parse(config.state.url.expose_secret(), &config.state.url_place)?;
        let on_source = Session {
            search_path: None,
            statement_timeout: STATEMENT_TIMEOUT,
        };
        let on_state = Session {
            search_path: Some(config.state.schema.clone()),
            statement_timeout: STATEMENT_TIMEOUT,
        };
        // Beside the builds: intake, visits, and whoever looks.
        let source = Pool::new(&source_dsn, &on_source, config.engine.workers + 3);
        // A feeder and a settler for each route, and the same others.
        let routes: usize = config.syncs.iter().map(|sync| sync.sinks.len()).sum();
        let state = Pool::new(&state_dsn, &on_state, (2 * routes).min(2 * config.engine.workers) + 4);
        let unusable = |place: &Place| {
            let place = place.clone();
            move |error: ConnectError| Box::new(Problem::at(&place, error.to_string()))
        };
        Ok(Self {
            source: source.map_err(unusable(&config.source.url_place))?,
            state: state.map_err(unusable(&config.state.url_place))?,
            source_dsn,
        })
    }
}

fn parse(url: &str, place: &Place) -> Result<Dsn, Box<Problem>> {
    url.parse()
        .map_err(|error: crate::pg::InvalidDsn| Box::new(Problem::at(place, error.to_string())))
}
