//! Standard output. It belongs to the process, so only the program as a whole can be held to the contract here; the sink by itself is
//! where it is written, with pipes in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Rig, conformance};
use crate::world::{Engine, Printed};

/// What each process has written, in their order.
struct Stdout(Mutex<Vec<Printed>>);

#[derive(Deserialize)]
struct Line {
    key: Box<RawValue>,
    operation: String,
    document: Option<Box<RawValue>>,
}

impl Rig for Stdout {
    const HAS_TERMS: bool = false;

    async fn start() -> Self {
        Self(Mutex::default())
    }

    fn sink(&self) -> String {
        "type = 'stdout'".to_owned()
    }

    fn follow(&self, engine: &Engine) {
        self.0.lock().unwrap().push(engine.printed());
    }

    async fn held(&self) -> BTreeSet<String> {
        let mut held = BTreeMap::new();
        for line in self.0.lock().unwrap().iter().flat_map(Printed::lines) {
            // What a process was killed over is half a line.
            let Ok(line) = serde_json::from_str::<Line>(&line) else {
                continue;
            };
            let key = line.key.get().to_owned();
            if let Some(document) = line.document {
                held.insert(key, document.get().to_owned());
            } else {
                assert_eq!(line.operation, "delete");
                held.remove(&key);
            }
        }
        held.into_values().collect()
    }

    async fn mend(&self) {}
}

conformance!(
    Stdout,
    runs: [converges, converges_though_walsift_is_killed],
    does_not_apply: {
        delivers: "it belongs to the process",
        deletes: "it belongs to the process",
        takes_batches: "it belongs to the process",
        refuses_one_of_many: "nothing is refused",
        is_busy: "it waits, and then it is a time-out",
        loses_answers: "there are no answers",
        never_answers: "it belongs to the process",
        is_not_there: "it is there as long as the process is",
        takes_what_is_large: "it belongs to the process",
        refuses_what_is_too_large: "nothing is too large",
        tells_awkward_keys_apart: "it belongs to the process",
        takes_the_same_version_twice: "it belongs to the process",
        keeps_the_newer_version: "every line is kept",
        comes_back: "what was closed stays closed",
        is_locked: "there are no credentials",
        sends_nothing_without_a_lease: "it belongs to the process",
        is_reached: "there is nothing to try",
        shows_what_it_would_send: "it belongs to the process",
        converges_though_the_server_dies: "there is no server",
        gives_up_what_is_refused: "nothing is refused",
    }
);
