//! Redis: a key for each subject, and a stream with an entry for each delivery. Between it and the sink is a proxy that can keep
//! its answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use redis::streams::StreamRangeReply;
use redis::{Commands, Connection};

use super::{Rig, SECRET, conformance};
use crate::servers::Server;
use crate::world::{Proxy, Weather};

/// The least that a server can be told, in bytes of one argument.
const ARGUMENT_BYTES_MAX: usize = 1 << 20;

struct Redis<const STREAM: bool> {
    server: Server,
    proxy: Proxy,
    /// The sink goes around the proxy, which has no ear for last words.
    direct: AtomicBool,
}

impl<const STREAM: bool> Redis<STREAM> {
    fn url(&self) -> String {
        format!("redis://rig:rig@{}/0", self.server.address())
    }

    fn client(&self) -> Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    fn tell(&self, words: &[&str]) {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query::<redis::Value>(&mut self.client()).unwrap();
    }

    fn password(&self, password: &str) {
        self.tell(&["ACL", "SETUSER", "default", "resetpass", &format!(">{password}")]);
    }
}

impl<const STREAM: bool> Rig for Redis<STREAM> {
    async fn start() -> Self {
        let settings = "--user rig on >rig ~* &* +@all --proto-max-bulk-len 1mb --requirepass";
        let settings: Vec<&str> = settings.split(' ').chain([SECRET]).collect();
        let server = Server::redis(&settings).await;
        let proxy = Proxy::before(&format!("redis://rig@{}/0", server.address())).await;
        Self {
            server,
            proxy,
            direct: AtomicBool::new(false),
        }
    }

    fn sink(&self) -> String {
        let mut url = format!("redis://:{SECRET}@{}/0", self.server.address());
        if !self.direct.load(Ordering::Relaxed) {
            url = self.proxy.url(&url);
        }
        let place = if STREAM {
            "stream = 'things'"
        } else {
            "key = 'thing:{area}:{id}'"
        };
        format!("type = 'redis'\nurl = '{url}'\n{place}")
    }

    async fn held(&self) -> BTreeSet<String> {
        let mut client = self.client();
        if STREAM {
            let entries: StreamRangeReply = client.xrange_all("things").unwrap();
            let mut last = BTreeMap::new();
            for entry in entries.ids {
                let key: String = entry.get("walsift-key").unwrap();
                match entry.get::<String>("document") {
                    Some(document) => last.insert(key, document),
                    None => last.remove(&key),
                };
            }
            return last.into_values().collect();
        }
        let keys: Vec<String> = client.keys("thing:*").unwrap();
        keys.iter().map(|key| client.get(key).unwrap()).collect()
    }

    async fn refuse(&self, id: &str) {
        self.tell(&["LPUSH", &format!("walsift:thing:a:{id}"), "somebody else's"]);
    }

    async fn be_busy(&self) {
        self.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    }

    async fn lose_answers(&self) {
        self.hang().await;
    }

    async fn hang(&self) {
        self.proxy.set_weather(Weather {
            stalled_down: true,
            ..Weather::default()
        });
    }

    async fn limit(&self) -> usize {
        self.direct.store(true, Ordering::Relaxed);
        ARGUMENT_BYTES_MAX
    }

    async fn lock_out(&self) {
        self.password("another");
    }

    async fn mend(&self) {
        self.proxy.set_weather(Weather::default());
        self.tell(&["CONFIG", "SET", "maxmemory", "0"]);
        self.password(SECRET);
        let mut client = self.client();
        let versions: Vec<String> = client.keys("walsift:*").unwrap();
        for key in versions {
            if client.key_type::<_, redis::ValueType>(&key).unwrap() == redis::ValueType::List {
                client.del::<_, ()>(&key).unwrap();
            }
        }
    }

    async fn down(&mut self) {
        self.server.kill();
    }

    async fn up(&mut self) {
        self.server.resume().await;
    }
}

mod keys {
    use super::*;

    conformance!(
        Redis<false>,
        runs: [
            delivers, deletes, takes_batches, refuses_one_of_many, is_busy, loses_answers, never_answers, is_not_there,
            takes_what_is_large, refuses_what_is_too_large, tells_awkward_keys_apart, takes_the_same_version_twice,
            keeps_the_newer_version, comes_back, is_locked, sends_nothing_without_a_lease, is_reached,
            shows_what_it_would_send, converges, converges_though_the_server_dies, converges_though_walsift_is_killed,
            gives_up_what_is_refused,
        ],
        does_not_apply: {}
    );
}

mod streams {
    use super::*;

    conformance!(
        Redis<true>,
        runs: [
            delivers, deletes, takes_batches, is_busy, loses_answers, never_answers, is_not_there, takes_what_is_large,
            refuses_what_is_too_large, tells_awkward_keys_apart, takes_the_same_version_twice, comes_back, is_locked,
            sends_nothing_without_a_lease, is_reached, shows_what_it_would_send, converges,
            converges_though_the_server_dies, converges_though_walsift_is_killed,
        ],
        does_not_apply: {
            refuses_one_of_many: "a stream does not look into documents; too large is a case of its own",
            keeps_the_newer_version: "a stream keeps every entry",
            gives_up_what_is_refused: "a stream does not look into documents",
        }
    );
}
