//! `type = "redis"`

use toml::Table;

use super::{number, secret, table, text, tls};
use crate::config::mask::Secrecy;
use crate::config::raw::units::{format_duration, format_size};
use crate::config::{RedisPlace, RedisSink};

pub(super) fn redis(redis: &RedisSink) -> Table {
    let batch = table([
        ("max", number(redis.max)),
        ("bytes", format_size(redis.bytes as u64).into()),
    ]);
    let url = match redis.url.file() {
        Some(file) => text(&format!("file:{}", file.display())),
        None => secret(&redis.url.text, Secrecy::Url),
    };
    let mut printed = table([("type", "redis".into()), ("url", url), ("batch", batch.into())]);
    let place = match &redis.place {
        RedisPlace::Key { key, expire } => [
            ("key", Some(text(key))),
            ("expire", expire.map(|expire| format_duration(expire).into())),
        ],
        RedisPlace::Stream { stream, max_len } => [
            ("stream", Some(text(stream))),
            (
                "max_len",
                max_len.and_then(|most| i64::try_from(most).ok()).map(Into::into),
            ),
        ],
    };
    printed.extend(
        place
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?))),
    );
    printed.extend(tls(&redis.tls));
    printed
}
