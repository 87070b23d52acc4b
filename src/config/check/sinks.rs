//! One sink: what every kind has, and what its own asks for.

mod access;
mod elastic;
mod http;
mod nats;
mod redis;
mod requests;
mod sign;
mod template;

use std::time::Duration;

use super::names;
use super::settings::{at_least, within};
use crate::config::raw::units::format_duration;
use crate::config::raw::{RawBreaker, RawRetry, RawSink, RawSinkKind, RawTerms};
use crate::config::{Breaker, Engine, Problem, Report, Retry, Sink, SinkKind, Terms};

const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const CONCURRENCY: usize = 16;
const CONCURRENCY_MAX: u64 = 10_000;
const RETRY_ATTEMPTS: usize = 10;
const RETRY_ATTEMPTS_MAX: u64 = 10_000;
const RETRY_BASE: Duration = Duration::from_secs(1);
const RETRY_BASE_MIN: Duration = Duration::from_millis(1);
const RETRY_MAX: Duration = Duration::from_mins(15);
const BREAKER_FAILURES: usize = 20;
const BREAKER_FAILURES_MAX: u64 = 1_000_000;
const BREAKER_COOLDOWN: Duration = Duration::from_secs(30);
const BREAKER_COOLDOWN_MIN: Duration = Duration::from_millis(100);

/// Lines go out one after the other.
const STDOUT_CONCURRENCY: usize = 1;

pub fn sink(raw: RawSink, engine: &Engine, report: &mut Report) -> Option<Sink> {
    names::check_label("a sink", &raw.name, report);
    let mut terms = terms(raw.terms, engine, report);
    let kind = match raw.kind? {
        RawSinkKind::Http(http) => SinkKind::Http(Box::new(http::sink(*http, &raw.name, report))),
        RawSinkKind::Elastic(elastic) => SinkKind::Elastic(Box::new(elastic::sink(*elastic, &raw.name, report))),
        RawSinkKind::Nats(nats) => SinkKind::Nats(Box::new(nats::sink(*nats, &raw.name, report))),
        RawSinkKind::Redis(redis) => SinkKind::Redis(Box::new(redis::sink(*redis, &raw.name, report))),
        RawSinkKind::Stdout => {
            terms.concurrency = STDOUT_CONCURRENCY;
            SinkKind::Stdout
        }
    };
    Some(Sink {
        name: raw.name.value,
        place: raw.name.place,
        terms,
        kind,
    })
}

fn terms(raw: RawTerms, engine: &Engine, report: &mut Report) -> Terms {
    if let Some(timeout) = raw.timeout.given()
        && timeout.value > engine.lease
    {
        let problem = Problem::at(&timeout.place, "the timeout is longer than the lease");
        let lease = format_duration(engine.lease);
        report.push(
            problem
                .label(format!("requests are given up after {lease}, when the lease runs out"))
                .help("shorten it, or lengthen `engine.lease`")
                .warning(),
        );
    }
    Terms {
        concurrency: within("concurrency", raw.concurrency, CONCURRENCY, 1..=CONCURRENCY_MAX, report),
        timeout: at_least("timeout", raw.timeout, TIMEOUT, TIMEOUT_MIN, report),
        rate_limit: raw.rate_limit.into_given().map(|at| at.value),
        retry: retry(raw.retry, report),
        breaker: breaker(raw.breaker, report),
    }
}

fn retry(raw: RawRetry, report: &mut Report) -> Retry {
    let max_place = raw.max.given().map(|max| max.place.clone());
    let base_place = raw.base.given().map(|base| base.place.clone());
    let attempts = within("attempts", raw.attempts, RETRY_ATTEMPTS, 1..=RETRY_ATTEMPTS_MAX, report);
    let retry = Retry {
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        base: at_least("base", raw.base, RETRY_BASE, RETRY_BASE_MIN, report),
        max: raw.max.or(RETRY_MAX),
    };
    // One of them is written, since the defaults agree.
    if let Some(place) = max_place.or(base_place).filter(|_| retry.base > retry.max) {
        let (base, max) = (format_duration(retry.base), format_duration(retry.max));
        let problem = Problem::at(&place, "`base` is longer than `max`");
        report.push(problem.help(format!("the first wait, {base}, can't exceed the longest, {max}")));
    }
    retry
}

fn breaker(raw: RawBreaker, report: &mut Report) -> Breaker {
    let failures = within(
        "failures",
        raw.failures,
        BREAKER_FAILURES,
        1..=BREAKER_FAILURES_MAX,
        report,
    );
    Breaker {
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
        cooldown: at_least("cooldown", raw.cooldown, BREAKER_COOLDOWN, BREAKER_COOLDOWN_MIN, report),
    }
}
