//! Whether the process is ready, and if not, why.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// What is wrong at present, by component. Ready is when nothing is.
#[derive(Debug)]
pub struct Health {
    // Held for a look or a change only.
    reasons: Mutex<BTreeMap<String, String>>,
}

impl Health {
    /// Not ready until `component` says that it is well.
    pub fn waiting_for(component: &str) -> Self {
        Self {
            reasons: Mutex::new(BTreeMap::from([(component.to_owned(), "starting".to_owned())])),
        }
    }

    /// Returns whether that is news, so that it is logged once and not at every try.
    pub fn ill(&self, component: &str, reason: impl Into<String>) -> bool {
        let reason = reason.into();
        let before = self
            .reasons
            .lock()
            .expect("no holder panics")
            .insert(component.to_owned(), reason.clone());
        before.as_ref() != Some(&reason)
    }

    /// Returns whether that is news.
    pub fn well(&self, component: &str) -> bool {
        self.reasons
            .lock()
            .expect("no holder panics")
            .remove(component)
            .is_some()
    }

    pub fn reasons(&self) -> BTreeMap<String, String> {
        self.reasons.lock().expect("no holder panics").clone()
    }
}
