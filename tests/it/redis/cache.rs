//! A Redis to deliver to, and what it holds by the word of the usual client.

use std::path::Path;

use redis::{Connection, FromRedisValue};
use walsift::config::Config;
use walsift::publish::Sink;

use crate::servers::Server;

pub struct Cache {
    pub server: Server,
}

impl Cache {
    pub async fn new() -> Cache {
        Cache::with(&[]).await
    }

    /// `settings` as on the command line.
    pub async fn with(settings: &[&str]) -> Cache {
        Cache {
            server: Server::redis(settings).await,
        }
    }

    pub fn url(&self) -> String {
        format!("redis://{}/0", self.server.address())
    }

    pub fn client(&self) -> Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// What it answers to a command, words with spaces between them.
    pub fn tell<T: FromRedisValue>(&self, command: &str) -> T {
        let mut words = command.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        command.arg(words.collect::<Vec<_>>());
        command.query(&mut self.client()).unwrap()
    }

    /// A sink for `order:{id}` with these keys.
    pub fn sink(&self, keys: &str) -> Sink {
        sink(&format!("url = '{}'\nkey = 'order:{{id}}'\n{keys}", self.url()))
    }
}

/// A sink of type `redis` with these keys, and the defaults for the rest.
pub fn sink(keys: &str) -> Sink {
    let text = format!(
        "source.url = 'postgresql://localhost/shop'
         [sinks.cache]\ntype = 'redis'\n{keys}
         [syncs.orders]\nsink = 'cache'\ntable = 'orders'"
    );
    let loaded = Config::parse(Path::new("config.toml"), &text, &|_| None);
    Sink::build(&loaded.unwrap().config.sinks[0]).unwrap()
}
