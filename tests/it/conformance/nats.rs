//! NATS `JetStream`. What is held is the last message of each subject, if it has a payload.

use std::collections::{BTreeMap, BTreeSet};

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, stream};
use futures_util::{StreamExt, stream as futures};

use super::{Rig, SECRET, conformance};
use crate::servers::Server;

const STREAM: &str = "THINGS";

/// Of a message that is taken, its headers included.
const MESSAGE_BYTES_MAX: i32 = 64 << 10;

/// How many messages are asked for at a time.
const QUESTIONS: usize = 64;

struct Nats(Server);

/// The users of the server: the rig itself, and Walsift with this password.
fn users(password: &str) -> String {
    format!(
        "authorization {{ users: [ {{ user: rig, password: rig }}, {{ user: walsift, password: \"{password}\" }} ] }}"
    )
}

fn things() -> stream::Config {
    stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["things.*.*".to_owned()],
        ..stream::Config::default()
    }
}

impl Nats {
    async fn jetstream(&self) -> jetstream::Context {
        let who = ConnectOptions::with_user_and_password("rig".to_owned(), "rig".to_owned());
        jetstream::new(who.connect(self.0.address().to_string()).await.unwrap())
    }

    async fn change(&self, config: stream::Config) {
        self.jetstream().await.update_stream(config).await.unwrap();
    }

    /// It stores what it is told and says nothing.
    async fn be_silent(&self) {
        self.change(stream::Config {
            no_ack: true,
            ..things()
        })
        .await;
    }
}

impl Rig for Nats {
    async fn start() -> Self {
        let nats = Self(Server::nats(&users(SECRET)).await);
        nats.jetstream().await.create_stream(things()).await.unwrap();
        nats
    }

    fn sink(&self) -> String {
        format!(
            "type = 'nats'\nurl = 'nats://{}'\nsubject = 'things.{{area}}.{{id}}'\nstream = '{STREAM}'
             auth = {{ basic = {{ user = 'walsift', password = '{SECRET}' }} }}",
            self.0.address()
        )
    }

    async fn held(&self) -> BTreeSet<String> {
        let stream = self.jetstream().await.get_stream(STREAM).await.unwrap();
        let state = stream.cached_info().state.clone();
        let sequences = if state.messages == 0 {
            0..0
        } else {
            state.first_sequence..state.last_sequence + 1
        };
        let get = async |sequence| stream.get_raw_message(sequence).await.unwrap();
        let messages = futures::iter(sequences).map(get).buffered(QUESTIONS);
        let text = |payload: bytes::Bytes| String::from_utf8(payload.to_vec()).unwrap();
        let last: BTreeMap<String, String> = messages
            .map(|message| (message.subject.to_string(), text(message.payload)))
            .collect()
            .await;
        last.into_values().filter(|payload| !payload.is_empty()).collect()
    }

    async fn be_busy(&self) {
        self.change(stream::Config {
            max_bytes: 1,
            discard: stream::DiscardPolicy::New,
            ..things()
        })
        .await;
    }

    async fn lose_answers(&self) {
        self.be_silent().await;
    }

    async fn hang(&self) {
        self.be_silent().await;
    }

    async fn limit(&self) -> usize {
        self.change(stream::Config {
            max_message_size: MESSAGE_BYTES_MAX,
            ..things()
        })
        .await;
        usize::try_from(MESSAGE_BYTES_MAX).unwrap()
    }

    async fn lock_out(&self) {
        self.0.reconfigure(&users("another")).await;
    }

    async fn mend(&self) {
        self.0.reconfigure(&users(SECRET)).await;
        self.change(things()).await;
    }

    async fn down(&mut self) {
        self.0.kill();
    }

    async fn up(&mut self) {
        self.0.resume().await;
    }
}

conformance!(
    Nats,
    runs: [
        delivers, deletes, takes_batches, is_busy, loses_answers, never_answers, is_not_there, takes_what_is_large,
        refuses_what_is_too_large, tells_awkward_keys_apart, takes_the_same_version_twice, comes_back, is_locked,
        sends_nothing_without_a_lease, is_reached, shows_what_it_would_send, converges, converges_though_the_server_dies,
        converges_though_walsift_is_killed,
    ],
    does_not_apply: {
        refuses_one_of_many: "a stream looks at nothing of a message but its size",
        keeps_the_newer_version: "whoever reads the stream decides, by Walsift-Version",
        gives_up_what_is_refused: "a stream looks at nothing of a message but its size",
    }
);
