//! The sinks.

use toml::Table;

use super::{number, secret, table, text};
use crate::config::mask::Secrecy;
use crate::config::raw::units::{format_duration, format_rate};
use crate::config::{HttpSink, Sink, SinkKind, Terms};

pub fn sink(sink: &Sink) -> Table {
    let mut printed = match &sink.kind {
        SinkKind::Http(sink) => http(sink),
        SinkKind::Stdout => return table([("type", "stdout".into())]),
    };
    printed.extend(terms(&sink.terms));
    printed
}

fn terms(terms: &Terms) -> Table {
    let retry = table([
        ("attempts", i64::from(terms.retry.attempts).into()),
        ("base", format_duration(terms.retry.base).into()),
        ("max", format_duration(terms.retry.max).into()),
    ]);
    let breaker = table([
        ("failures", i64::from(terms.breaker.failures).into()),
        ("cooldown", format_duration(terms.breaker.cooldown).into()),
    ]);
    let mut printed = table([
        ("timeout", format_duration(terms.timeout).into()),
        ("concurrency", number(terms.concurrency)),
        ("retry", retry.into()),
        ("breaker", breaker.into()),
    ]);
    if let Some(rate) = terms.rate_limit {
        printed.insert("rate_limit".to_owned(), format_rate(rate).into());
    }
    printed
}

fn http(http: &HttpSink) -> Table {
    let mut printed = table([
        ("type", "http".into()),
        ("url", secret(&http.url, Secrecy::Url)),
        ("method", text(&http.method)),
    ]);
    if !http.headers.is_empty() {
        let headers = http
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), secret(value, Secrecy::Whole)));
        printed.insert("headers".to_owned(), headers.collect::<Table>().into());
    }
    printed
}
