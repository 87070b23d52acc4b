//! HTTP, many documents in a request: as JSON and as NDJSON, with a result for each and with one for all.

use std::collections::BTreeSet;
use std::time::Duration;

use walsift::demo::{Behaviour, Paths, Receiver};

use super::{Rig, SECRET, conformance};

const PATH: &str = "/bulk";

/// Of a request that is taken.
const BODY_MAX: usize = 1 << 20;

/// A receiver that takes many at once, `EACH` answered for itself or all together.
struct Batch<const EACH: bool> {
    receiver: Receiver,
}

impl<const EACH: bool> Batch<EACH> {
    fn serve(&self, refused: &[&str]) {
        if EACH {
            self.receiver.bulk(PATH, refused);
        } else {
            self.receiver.bulk_all_or_nothing(PATH, refused);
        }
    }
}

impl<const EACH: bool> Rig for Batch<EACH> {
    const PAUSE: Option<Duration> = Some(Duration::from_secs(7));

    async fn start() -> Self {
        let receiver = Receiver::new().await.unwrap();
        let batch = Self { receiver };
        batch.serve(&[]);
        batch
    }

    fn sink(&self) -> String {
        let url = self.receiver.url();
        let batch = if EACH {
            "{ max = 100, results = '/items' }"
        } else {
            "{ max = 100, format = 'ndjson' }"
        };
        format!(
            "type = 'http'\nmethod = 'POST'\nurl = '{url}{PATH}'\nauth = {{ bearer = '{SECRET}' }}\nbatch = {batch}"
        )
    }

    async fn held(&self) -> BTreeSet<String> {
        self.receiver
            .look(|ledger| ledger.held().values().map(|held| held.body.clone()).collect())
    }

    async fn refuse(&self, id: &str) {
        self.serve(&[&format!("a:{id}")]);
    }

    async fn be_busy(&self) {
        let busy = Behaviour::Answer {
            status: 429,
            headers: vec![("Retry-After".to_owned(), "7".to_owned())],
            body: format!("one moment, {SECRET}"),
        };
        self.receiver.rule(Paths::All, busy);
    }

    async fn lose_answers(&self) {
        self.receiver.rule(Paths::All, Behaviour::ApplyThenCut);
    }

    async fn hang(&self) {
        self.receiver.rule(Paths::All, Behaviour::ApplyThenHang);
    }

    async fn limit(&self) -> usize {
        self.receiver.take_at_most(BODY_MAX);
        BODY_MAX
    }

    async fn lock_out(&self) {
        self.receiver.rule(Paths::All, Behaviour::answer(401));
    }

    async fn mend(&self) {
        self.receiver.clear_rules();
        self.serve(&[]);
    }

    async fn down(&mut self) {
        self.receiver.stop().await;
    }

    async fn up(&mut self) {
        self.receiver.start().await.unwrap();
    }
}

mod json_with_results {
    use super::*;

    conformance!(
        Batch<true>,
        runs: [
            delivers, deletes, takes_batches, refuses_one_of_many, is_busy, loses_answers, never_answers, is_not_there,
            takes_what_is_large, refuses_what_is_too_large, tells_awkward_keys_apart, takes_the_same_version_twice,
            comes_back, is_locked, sends_nothing_without_a_lease, is_reached, shows_what_it_would_send, converges,
            converges_though_the_server_dies, converges_though_walsift_is_killed, gives_up_what_is_refused,
        ],
        does_not_apply: {
            keeps_the_newer_version: "the receiver decides, by the version of each item",
        }
    );
}

mod ndjson_answered_as_a_whole {
    use super::*;

    conformance!(
        Batch<false>,
        runs: [
            delivers, deletes, takes_batches, refuses_one_of_many, is_busy, loses_answers, never_answers, is_not_there,
            takes_what_is_large, refuses_what_is_too_large, tells_awkward_keys_apart, takes_the_same_version_twice,
            comes_back, is_locked, sends_nothing_without_a_lease, is_reached, shows_what_it_would_send, converges,
            converges_though_the_server_dies, converges_though_walsift_is_killed, gives_up_what_is_refused,
        ],
        does_not_apply: {
            keeps_the_newer_version: "the receiver decides, by the version of each item",
        }
    );
}
