//! Draining: reading stops, what there is gets finished, and the process leaves as after a stop.
//!
//! The delivery session notices when it is asked for and when that is taken back ([`super::delivery`]); intake rests
//! meanwhile, with the slot confirmed up to the last commit. Jobs that were put off are waited for. What cannot be finished, as
//! the sink is down or somebody has paused it, keeps the process from leaving: whoever asks sets a time limit.

use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::engine::{Engine, Routes, chain};
use crate::pg;
use crate::queue;

/// How often it is looked whether something is left.
const PERIOD: Duration = Duration::from_millis(500);

/// Whether a drain is asked for, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Drain {
    asked: watch::Sender<bool>,
    intake_rests: watch::Sender<bool>,
}

impl Drain {
    pub fn ask(&self, is_asked: bool) {
        let is_news = self
            .asked
            .send_if_modified(|asked| std::mem::replace(asked, is_asked) != is_asked);
        match (is_news, is_asked) {
            (true, true) => tracing::info!("draining: reading stops, what there is gets finished"),
            (true, false) => tracing::info!("the drain is taken back: reading goes on"),
            (false, _) => {}
        }
    }

    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// For one who reads, to stop when it is asked for.
    pub fn asked(&self) -> Asked {
        Asked(self.asked.subscribe())
    }

    /// Intake rests, until the drain is taken back.
    pub async fn rest(&self) {
        self.intake_rests.send_replace(true);
        // The sender is ours.
        let _ = self.asked.subscribe().wait_for(|asked| !asked).await;
        self.intake_rests.send_replace(false);
    }
}

pub(super) struct Asked(watch::Receiver<bool>);

impl Asked {
    /// Returns once a drain is asked for.
    pub async fn wait(&mut self) {
        // Closed is as good as asked: the engine is gone.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error("cannot connect")]
    Connect(#[from] pg::ConnectError),
    #[error("{}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
}

/// Returns once the process may leave.
pub(super) async fn drained(engine: &Engine, routes: &Routes) {
    let mut rests = engine.drain.intake_rests.subscribe();
    let mut since = None;
    loop {
        if !*rests.borrow_and_update() {
            since = None;
            let _ = rests.changed().await;
            continue;
        }
        match look(engine, routes, since).await {
            Ok((true, _)) => return,
            Ok((false, looked_at)) => since = since.or(Some(looked_at)),
            Err(error) => tracing::debug!(error = chain(&error), "cannot look what is left at present"),
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn look(engine: &Engine, routes: &Routes, since: Option<SystemTime>) -> Result<(bool, SystemTime), DrainError> {
    let own: Vec<_> = routes
        .iter()
        .map(|route| (route.id, route.fingerprint.as_str()))
        .collect();
    let state = engine.state.get().await?;
    Ok(queue::drained(&state, &own, since).await?)
}
