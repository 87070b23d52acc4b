//! HTTP, a request for each document. The receiver has a place for each path, and heeds `Walsift-Version`.

use std::collections::BTreeSet;
use std::time::Duration;

use walsift::demo::{Behaviour, Paths, Receiver};

use super::{Rig, SECRET, conformance};

struct Http(Receiver);

/// Of a document that is taken.
const BODY_MAX: usize = 1 << 20;

impl Rig for Http {
    const PAUSE: Option<Duration> = Some(Duration::from_secs(7));

    async fn start() -> Self {
        let receiver = Receiver::new().await.unwrap();
        receiver.guard();
        Self(receiver)
    }

    fn sink(&self) -> String {
        let url = self.0.url();
        format!("type = 'http'\nurl = '{url}/things/{{area}}/{{id}}'\nauth = {{ bearer = '{SECRET}' }}")
    }

    async fn held(&self) -> BTreeSet<String> {
        self.0
            .look(|ledger| ledger.held().values().map(|held| held.body.clone()).collect())
    }

    async fn refuse(&self, id: &str) {
        self.0
            .rule(Paths::exact(format!("/things/a/{id}")), Behaviour::answer(422));
    }

    async fn be_busy(&self) {
        let busy = Behaviour::Answer {
            status: 429,
            headers: vec![("Retry-After".to_owned(), "7".to_owned())],
            body: format!("one moment, {SECRET}"),
        };
        self.0.rule(Paths::All, busy);
    }

    async fn lose_answers(&self) {
        self.0.rule(Paths::All, Behaviour::ApplyThenCut);
    }

    async fn hang(&self) {
        self.0.rule(Paths::All, Behaviour::ApplyThenHang);
    }

    async fn limit(&self) -> usize {
        self.0.take_at_most(BODY_MAX);
        BODY_MAX
    }

    async fn lock_out(&self) {
        self.0.rule(Paths::All, Behaviour::answer(401));
    }

    async fn mend(&self) {
        self.0.clear_rules();
    }

    async fn down(&mut self) {
        self.0.stop().await;
    }

    async fn up(&mut self) {
        self.0.start().await.unwrap();
    }
}

conformance!(
    Http,
    runs: [
        delivers, deletes, refuses_one_of_many, is_busy, loses_answers, never_answers, is_not_there, takes_what_is_large,
        refuses_what_is_too_large, tells_awkward_keys_apart, keeps_the_newer_version, takes_the_same_version_twice, comes_back, is_locked,
        sends_nothing_without_a_lease, is_reached, shows_what_it_would_send, converges, converges_though_the_server_dies,
        converges_though_walsift_is_killed, gives_up_what_is_refused,
    ],
    does_not_apply: {
        takes_batches: "a request is for one document",
    }
);
