//! What can be said of a Redis, and what can be wrong with it.

use std::time::Duration;

use super::*;
use crate::config::{RedisPlace, RedisServer, RedisSink, SinkKind};

fn file(keys: &str) -> String {
    format!(
        "[source]\nurl = 'postgres://db'\n[syncs.orders]\ntable = 'orders'\nsink = 'out'
         [sinks.out]\ntype = 'redis'\n{keys}"
    )
}

fn redis(keys: &str) -> RedisSink {
    match loaded(&file(keys)).config.sinks.remove(0).kind {
        SinkKind::Redis(redis) => *redis,
        other => panic!("{other:?}"),
    }
}

#[test]
fn little_has_to_be_said() {
    let redis = redis("url = 'redis://cache'\nkey = 'order:{id}'");
    assert_eq!(
        RedisServer::parse(&redis.url.text).unwrap().shown(),
        "redis://cache:6379/0"
    );
    assert!(matches!(redis.place, RedisPlace::Key { key, expire: None } if key == "order:{id}"));
    assert_eq!((redis.max, redis.bytes), (1_000, 8 << 20));
    assert!(redis.tls.roots.is_none());
}

#[test]
fn keys_may_expire_and_streams_be_trimmed() {
    let keys = "url = 'rediss://cache'\nkey = '{a}:{b}'\nexpire = '366d'\nbatch = { max = 5, bytes = '1KiB' }";
    let found = redis(keys);
    let year = Duration::from_hours(366 * 24);
    assert!(matches!(found.place, RedisPlace::Key { expire, .. } if expire == Some(year)));
    assert_eq!((found.max, found.bytes), (5, 1 << 10));
    let found = redis("url = 'redis://cache'\nstream = 'orders'\nmax_len = 1");
    assert!(matches!(found.place, RedisPlace::Stream { stream, max_len: Some(1) } if stream == "orders"));
}

#[test]
fn what_is_missing_is_asked_for() {
    insta::assert_snapshot!(refused_sink("\ntype = 'redis'"), @r#"
    error: the sink `out` has no `url`
     --> config.toml:6:1
      |
    6 | [sinks.out]
      | ^^^^^^^^^^^
      |
      = help: add `url = "redis://cache.example.com:6379/0"`

    error: the sink `out` has neither `key` nor `stream`
     --> config.toml:6:1
      |
    6 | [sinks.out]
      | ^^^^^^^^^^^
      |
      = help: add `key = "order:{id}"` to keep each document under a key, or `stream = "orders"` to append it

    2 errors
    "#);
}

#[test]
fn what_is_wrong_is_shown_at_its_place() {
    const URL: &str = "url = 'redis://cache'";
    const KEY: &str = "key = 'order:{id}'";
    const STREAM: &str = "stream = 'orders'";
    let begins = "the url of a Redis begins with redis:// or rediss://";
    let number = "after the host the url has the number of a database";
    let nothing = "there is nothing between two placeholders of `key`";
    let percent = "there is a `%` between two placeholders of `key`";
    let versions = "keys that begin with `walsift:` are those of versions";
    #[rustfmt::skip]
    let cases = [
        (["url = 'http://me:pssst@cache'", KEY, ""], "8:7", begins),
        (["url = 'redis://me:pssst@cache/first'", KEY, ""], "8:7", number),
        (["url = 'redis://me:pssst@cache/0?x=1'", KEY, ""], "8:7", "the url ends with the number of the database"),
        ([URL, "key = 'order:{id'", ""], "9:7", "the value of `key` is no template: \"order:{id\""),
        ([URL, "stream = ''", ""], "9:10", "the value of `stream` is no template: \"\""),
        ([URL, "key = '{shop}{id}'", ""], "9:7", nothing),
        ([URL, "key = '100%{shop}%{id}'", ""], "9:7", percent),
        ([URL, "key = 'walsift:{id}'", ""], "9:7", versions),
        ([URL, KEY, STREAM], "10:10", "a sink can't have both `key` and `stream`"),
        ([URL, KEY, "max_len = 10"], "10:11", "`max_len` means nothing without `stream`"),
        ([URL, STREAM, "expire = '1h'"], "10:10", "`expire` means nothing without `key`"),
        ([URL, STREAM, "max_len = 0"], "10:11", "`max_len` is too small"),
        ([URL, KEY, "expire = '999ms'"], "10:10", "`expire` is out of range"),
        ([URL, KEY, "expire = '367d'"], "10:10", "`expire` is out of range"),
        ([URL, KEY, "batch = { bytes = '1B' }"], "10:19", "`bytes` is too small"),
    ];
    for (keys, place, summary) in cases {
        let refused = refused_sink(&format!("\ntype = 'redis'\n{}", keys.join("\n")));
        for words in [
            &format!("error: {summary}\n"),
            &format!("--> config.toml:{place}\n"),
            "\n1 error",
        ] {
            assert!(refused.contains(words), "{words}: {refused}");
        }
        assert!(!refused.contains("pssst"), "{refused}");
    }
    for key in ["100%:{shop}:{id}%", "{id}%", "%"] {
        redis(&format!("{URL}\nkey = '{key}'"));
    }
}

#[test]
fn it_is_printed_without_its_password() {
    for keys in [
        "url = 'rediss://me:hunter2@cache:7/3'\nkey = 'order:{id}'\nexpire = '90s'",
        "url = 'redis://:hunter2@cache'\nstream = 'orders'\nmax_len = 7",
    ] {
        let printed = loaded(&file(keys)).config.print_masked();
        assert!(!printed.contains("hunter2"), "{printed}");
        for key in keys.lines().skip(1) {
            assert!(printed.replace('"', "'").contains(key), "{key}: {printed}");
        }
    }
}
