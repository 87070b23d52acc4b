//! Notices that the tables are no longer those that the engine was planned for; or that somebody has asked for a rebuild, or one is
//! over, which makes for another generation as well.
//!
//! Three things say so: the catalogue itself, which is looked at on a period by one light query; the stream, which
//! describes a relation anew before the first row after a change of it; and a statement that Postgres rejects. The last two
//! only make the look come sooner. What is decided is decided by an assessment of the catalogue as it is now, so a stream
//! that lags behind, or a passing failure, changes nothing, and a catalogue that yields the same again ends nothing.
//!
//! Nothing hangs on how soon it is noticed. Until then changes are mapped by the old plans, which may be wrong for them; but
//! whatever makes them wrong is in the fingerprint of the sync ([`super::Fingerprint`]), so the next generation visits every
//! subject, after all of those changes.

use std::time::Duration;

use metrics::gauge;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::assess::{self, Assessment, Rebuilds, Standing};
use super::backoff::Backoff;
use super::engine::{Engine, chain};
use super::generation::Ground;
use super::prepare;
use super::prepare::PrepareError;
use super::publication::exposures;
use crate::metrics as names;
use crate::queue;
use crate::wal;

/// How often the catalogue is looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// Least time between two looks, however often the stream or a statement asks for one.
const PAUSE: Duration = Duration::from_millis(200);

/// While syncs are paused, all is judged anew from time to time even if the catalogue of their tables has not changed: what
/// they lack may be a function, or a type.
const RETRY: Duration = Duration::from_secs(10);
const RETRY_MAX: Duration = Duration::from_mins(2);

/// Hints that a look is worth it.
#[derive(Debug, Default)]
pub(super) struct Hints {
    look: Notify,
    rejected: Notify,
}

impl Hints {
    /// The stream describes a relation, the first time or anew; or a look-up does not work.
    pub fn look(&self) {
        self.look.notify_one();
    }

    /// Postgres rejects a statement as such.
    pub fn rejected(&self) {
        self.rejected.notify_one();
    }
}

/// Returns once another generation is due, with what it is to be made from.
pub(super) async fn watch(ground: &Ground, engine: &Engine, current: Current) -> Assessment {
    let mut watch = Watch {
        ground,
        engine,
        retry: RETRY,
        retry_at: Instant::now() + RETRY,
        rejections: Backoff::new(),
        not_before: Instant::now(),
        current,
    };
    loop {
        let rejected = tokio::select! {
            () = tokio::time::sleep(PERIOD) => false,
            () = engine.hints.look.notified() => false,
            () = engine.hints.rejected.notified() => true,
        };
        match watch.look(rejected).await {
            Ok(Some(assessment)) => return assessment,
            Ok(None) => {}
            // Whoever needs the databases says when they are away.
            Err(error) => tracing::debug!(error = chain(&error), "cannot look at the catalogue"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the present generation is made from.
#[derive(Debug)]
pub(super) struct Current {
    digest: String,
    essence: Vec<String>,
    /// Of those that are paused.
    reasons: Vec<String>,
    pub rebuilds: Rebuilds,
}

impl Current {
    pub fn of(assessment: &Assessment) -> Self {
        Self {
            digest: assessment.digest.clone(),
            essence: assessment.essence(),
            reasons: assessment.reasons(),
            rebuilds: assessment.rebuilds.clone(),
        }
    }
}

struct Watch<'a> {
    ground: &'a Ground,
    engine: &'a Engine,
    current: Current,
    retry: Duration,
    retry_at: Instant,
    rejections: Backoff,
    /// Statements that are rejected again and again although all seems well do not make for looks without end.
    not_before: Instant,
}

impl Watch<'_> {
    async fn look(&mut self, rejected: bool) -> Result<Option<Assessment>, PrepareError> {
        let Ground { config, databases, .. } = self.ground;
        let now = Instant::now();
        let rejected = rejected && self.not_before <= now;
        let retry = !self.current.reasons.is_empty() && self.retry_at <= now;
        let digest = {
            let source = databases.source.get().await?;
            prepare::digest(&source, config).await?
        };
        let changed = digest != self.current.digest;
        let renewed = assess::rebuilds(&databases.state).await? != self.current.rebuilds;
        if !(changed || rejected || retry || renewed) {
            return Ok(None);
        }
        let assessment = assess::assess(config, &self.ground.sinks(), &databases.source, &databases.state).await?;
        if assessment.essence() != self.current.essence || assessment.rebuilds != self.current.rebuilds {
            return Ok(Some(assessment));
        }
        // The same catalogue ends nothing, even if Postgres words its refusal in another way each time.
        if changed && (assessment.reasons() != self.current.reasons || !self.is_published(&assessment).await?) {
            return Ok(Some(assessment));
        }
        self.current.digest = assessment.digest;
        if rejected {
            // It may be no more than what a connection remembers of it.
            databases.forget_statements();
            databases.quick_source.forget_statements();
            self.not_before = now + self.rejections.next();
        }
        if retry {
            self.retry = (self.retry * 2).min(RETRY_MAX);
            self.retry_at = now + self.retry;
        }
        Ok(None)
    }

    /// Whether the stream still shows what is to be mapped.
    async fn is_published(&self, assessment: &Assessment) -> Result<bool, PrepareError> {
        if !self.engine.config.source.manage {
            // Then a publication that shows too little pauses who needs more.
            return Ok(true);
        }
        let source = self.ground.databases.source.get().await?;
        let publication = wal::read_publication(&**source, &self.engine.config.source.publication).await?;
        let needed: Vec<_> = assessment
            .standings
            .iter()
            .filter_map(|standing| match standing {
                Standing::AtWork(planned) => Some(exposures(std::slice::from_ref(&planned.plan), &planned.tables)),
                Standing::Paused { .. } => None,
            })
            .flatten()
            .collect();
        Ok(publication.is_some_and(|publication| publication.covers(&needed)))
    }
}

/// Shows that nothing is done for a sync whose statement Postgres rejects only as it runs it, say in a function. Its jobs
/// are tried again and again, so it goes on as soon as that works.
pub(super) async fn rests(engine: &Engine, sync: &str, reason: &str) {
    gauge!(names::SYNC_PAUSED, "sync" => sync.to_owned()).set(1.0);
    show(engine, sync, Some(reason)).await;
}

pub(super) async fn works(engine: &Engine, sync: &str) {
    gauge!(names::SYNC_PAUSED, "sync" => sync.to_owned()).set(0.0);
    show(engine, sync, None).await;
}

async fn show(engine: &Engine, sync: &str, reason: Option<&str>) {
    let shown = async {
        let state = engine.state.get().await?;
        Ok::<_, PrepareError>(queue::show_paused(&state, sync, reason).await?)
    };
    if let Err(error) = shown.await {
        tracing::debug!(sync, error = chain(&error), "cannot note whether the sync is paused");
    }
}
