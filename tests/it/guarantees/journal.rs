//! What the journal of a receiver must show.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use walsift::demo::{Receiver, Request};

/// G5, over all that happened: for no path two requests at once, versions never backwards, and what identifies a
/// delivery is the same for the same version only.
pub fn assert_one_at_a_time(receiver: &Receiver) {
    receiver.look(|ledger| {
        assert!(!ledger.journal().is_empty(), "there is nothing to judge");
        let mut last: HashMap<&str, &Request> = HashMap::new();
        for request in ledger.journal() {
            assert!(!request.overlapped, "two requests at once: {request:#?}");
            let Some(previous) = last.insert(&request.path, request) else {
                continue;
            };
            let identity = |request: &Request| request.header("idempotency-key").unwrap().to_owned();
            let (before, now) = (previous.version().unwrap(), request.version().unwrap());
            assert!(before <= now, "{} goes backwards, from {before} to {now}", request.path);
            if before == now {
                let what = |request: &Request| (request.method.clone(), request.body.clone(), identity(request));
                assert_eq!(what(previous), what(request), "one version for two documents");
            } else {
                assert_ne!(identity(previous), identity(request), "one key for two versions");
            }
        }
    });
}

/// The paths of all requests.
pub fn paths(receiver: &Receiver) -> BTreeSet<String> {
    receiver.look(|ledger| ledger.journal().iter().map(|request| request.path.clone()).collect())
}

/// How many requests there were for each path.
pub fn requests_by_path(receiver: &Receiver) -> BTreeMap<String, usize> {
    receiver.look(|ledger| {
        let mut counts = BTreeMap::new();
        for request in ledger.journal() {
            *counts.entry(request.path.clone()).or_default() += 1;
        }
        counts
    })
}

/// The requests for one path, in the order of arrival.
pub fn requests(receiver: &Receiver, path: &str) -> Vec<Request> {
    receiver.look(|ledger| ledger.requests(path).cloned().collect())
}
