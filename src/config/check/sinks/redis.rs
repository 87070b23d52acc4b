//! `type = "redis"`

use std::time::Duration;

use super::access;
use super::elastic::check_template;
use crate::config::check::settings::within;
use crate::config::raw::units::{format_duration, format_size};
use crate::config::raw::{At, Field, RawRedis, RawTls};
use crate::config::{Problem, RedisPlace, RedisServer, RedisSink, Report, Secret};

const BATCH_MAX: usize = 1_000;
const BATCH_MAX_MAX: u64 = 10_000;
const BATCH_BYTES: u64 = 8 << 20;
const BATCH_BYTES_MIN: u64 = 1 << 10;

const EXPIRE_MIN: Duration = Duration::from_secs(1);
const EXPIRE_MAX: Duration = Duration::from_hours(366 * 24);

pub fn sink(raw: RawRedis, name: &At<String>, report: &mut Report) -> RedisSink {
    check_url(&raw.url, name, report);
    if let Some(bytes) = raw.batch.bytes.given().filter(|bytes| bytes.value < BATCH_BYTES_MIN) {
        let problem = Problem::at(&bytes.place, "`bytes` is too small");
        report.push(problem.help(format!("wanted is at least \"{}\"", format_size(BATCH_BYTES_MIN))));
    }
    RedisSink {
        url: raw.url.or(Secret::from(secrecy::SecretString::default())),
        place: place(raw.key, raw.expire, raw.stream, raw.max_len, name, report),
        tls: access::tls(raw.tls.or(RawTls::default()), report),
        max: within("max", raw.batch.max, BATCH_MAX, 1..=BATCH_MAX_MAX, report),
        bytes: usize::try_from(raw.batch.bytes.or(BATCH_BYTES)).unwrap_or(usize::MAX),
    }
}

fn check_url(url: &Field<Secret>, name: &At<String>, report: &mut Report) {
    match url {
        Field::Given(url) => {
            if let Err(reason) = RedisServer::parse(&url.value.text) {
                report.push(Problem::at(&url.place, reason).help("it is like redis://user:password@host:6379/0"));
            }
        }
        Field::Absent => {
            let problem = Problem::at(&name.place, format!("the sink `{}` has no `url`", name.value));
            report.push(problem.help("add `url = \"redis://cache.example.com:6379/0\"`"));
        }
        Field::Unusable => {}
    }
}

fn place(
    key: Field<String>,
    expire: Field<Duration>,
    stream: Field<String>,
    max_len: Field<u64>,
    name: &At<String>,
    report: &mut Report,
) -> RedisPlace {
    for (what, field) in [("key", &key), ("stream", &stream)] {
        if let Some(template) = field.given() {
            check_template(what, template, report);
        }
    }
    if let Some(key) = key.given().filter(|key| key.value.starts_with(RedisPlace::VERSIONS)) {
        let problem = Problem::at(&key.place, "keys that begin with `walsift:` are those of versions");
        report.push(problem.help("begin `key` with something else"));
    }
    match (key.given(), stream.given()) {
        (Some(_), Some(stream)) => {
            let problem = Problem::at(&stream.place, "a sink can't have both `key` and `stream`");
            report.push(problem.help("for both there are two sinks, and a sync may have several"));
        }
        (None, None) if key.is_absent() && stream.is_absent() => {
            let summary = format!("the sink `{}` has neither `key` nor `stream`", name.value);
            let help =
                "add `key = \"order:{id}\"` to keep each document under a key, or `stream = \"orders\"` to append it";
            report.push(Problem::at(&name.place, summary).help(help));
        }
        (Some(_), None) => only_with("max_len", &max_len, "stream", report),
        (None, _) => only_with("expire", &expire, "key", report),
    }
    if let Some(expire) = expire
        .given()
        .filter(|expire| !(EXPIRE_MIN..=EXPIRE_MAX).contains(&expire.value))
    {
        let (least, most) = (format_duration(EXPIRE_MIN), format_duration(EXPIRE_MAX));
        let problem = Problem::at(&expire.place, "`expire` is out of range");
        report.push(problem.help(format!("wanted is from \"{least}\" to \"{most}\"")));
    }
    if let Some(max_len) = max_len.given().filter(|max_len| max_len.value == 0) {
        report.push(Problem::at(&max_len.place, "`max_len` is too small").help("wanted is at least 1"));
    }
    match stream {
        Field::Given(stream) if key.given().is_none() => RedisPlace::Stream {
            stream: stream.value,
            max_len: max_len.into_given().map(|at| at.value),
        },
        _ => RedisPlace::Key {
            key: key.or(String::new()),
            expire: expire.into_given().map(|at| at.value),
        },
    }
}

fn only_with<T>(key: &str, field: &Field<T>, other: &str, report: &mut Report) {
    if let Some(found) = field.given() {
        report.push(Problem::at(
            &found.place,
            format!("`{key}` means nothing without `{other}`"),
        ));
    }
}
