//! Whether the process is ready, and if not, why.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What is wrong at present, by component. Ready is when nothing is.
#[derive(Debug)]
pub struct Health {
    // Held for a look or a change only.
    reasons: Arc<Mutex<BTreeMap<String, String>>>,
    /// Whoever it was given to has nothing to say any more.
    over: AtomicBool,
}

impl Health {
    /// Not ready until `component` says that it is well.
    pub fn waiting_for(component: &str) -> Self {
        let reasons = BTreeMap::from([(component.to_owned(), "starting".to_owned())]);
        Self {
            reasons: Arc::new(Mutex::new(reasons)),
            over: AtomicBool::new(false),
        }
    }

    /// The same health, to be given to one generation of the engine.
    pub(super) fn shared(&self) -> Self {
        Self {
            reasons: Arc::clone(&self.reasons),
            over: AtomicBool::new(false),
        }
    }

    /// Forgets all reasons, and takes no more from this generation: what it still finishes is none of the next one's.
    pub(super) fn end(&self) {
        let mut reasons = self.reasons.lock().expect("no holder panics");
        self.over.store(true, Ordering::Relaxed);
        reasons.clear();
    }

    /// Returns whether that is news, so that it is logged once and not at every try.
    pub fn ill(&self, component: &str, reason: impl Into<String>) -> bool {
        let reason = reason.into();
        let mut reasons = self.reasons.lock().expect("no holder panics");
        if self.over.load(Ordering::Relaxed) {
            return false;
        }
        let before = reasons.insert(component.to_owned(), reason.clone());
        before.as_ref() != Some(&reason)
    }

    /// Returns whether that is news.
    pub fn well(&self, component: &str) -> bool {
        let mut reasons = self.reasons.lock().expect("no holder panics");
        !self.over.load(Ordering::Relaxed) && reasons.remove(component).is_some()
    }

    pub fn reasons(&self) -> BTreeMap<String, String> {
        self.reasons.lock().expect("no holder panics").clone()
    }
}
