//! One sink, with what its type asks for.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::names;
use super::settings::{at_least, within};
use crate::config::raw::units::format_duration;
use crate::config::raw::{At, Field, RawHttp, RawRetry, RawSink, RawSinkKind};
use crate::config::{Engine, HttpSink, Problem, Report, Retry, Sink, SinkKind};

const METHOD: &str = "PUT";
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const CONCURRENCY: usize = 16;
const CONCURRENCY_MAX: u64 = 10_000;
const RETRY_ATTEMPTS: usize = 10;
const RETRY_ATTEMPTS_MAX: u64 = 10_000;
const RETRY_BASE: Duration = Duration::from_secs(1);
const RETRY_BASE_MIN: Duration = Duration::from_millis(1);
const RETRY_MAX: Duration = Duration::from_mins(15);

/// Headers that every request has anyway, or that belong to the transport.
const OWN_HEADERS: [&str; 7] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "idempotency-key",
    "x-correlation-id",
    "traceparent",
];
const OWN_HEADER_PREFIX: &str = "walsift-";

pub fn sink(raw: RawSink, engine: &Engine, report: &mut Report) -> Option<Sink> {
    names::check_label("a sink", &raw.name, report);
    let kind = match raw.kind? {
        RawSinkKind::Http(http) => SinkKind::Http(Box::new(http_sink(*http, &raw.name, engine, report))),
        RawSinkKind::Stdout => SinkKind::Stdout,
    };
    Some(Sink {
        name: raw.name.value,
        place: raw.name.place,
        kind,
    })
}

fn http_sink(raw: RawHttp, name: &At<String>, engine: &Engine, report: &mut Report) -> HttpSink {
    match &raw.url {
        Field::Given(url) => check_url(url, report),
        Field::Absent => {
            let problem = Problem::at(&name.place, format!("the sink `{}` has no `url`", name.value));
            report.push(problem.help("add `url = \"https://…/{id}\"`; `{id}` stands for a member of the document"));
        }
        Field::Unusable => {}
    }
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
    let headers = raw.headers.or(Vec::new());
    check_headers(&headers, report);
    HttpSink {
        url: raw.url.or(SecretString::default()),
        method: raw.method.or(METHOD).to_owned(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.value, value.value))
            .collect(),
        timeout: at_least("timeout", raw.timeout, TIMEOUT, TIMEOUT_MIN, report),
        concurrency: within("concurrency", raw.concurrency, CONCURRENCY, 1..=CONCURRENCY_MAX, report),
        retry: retry(raw.retry, report),
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

fn check_headers(headers: &[(At<String>, At<SecretString>)], report: &mut Report) {
    let mut seen: HashMap<String, &At<String>> = HashMap::new();
    for (name, value) in headers {
        let text = name.value.to_ascii_lowercase();
        if HeaderName::from_bytes(text.as_bytes()).is_err() {
            report.push(Problem::at(
                &name.place,
                format!("`{}` is not the name of a header", name.value),
            ));
        } else if OWN_HEADERS.contains(&text.as_str()) || text.starts_with(OWN_HEADER_PREFIX) {
            let problem = Problem::at(&name.place, format!("the header `{}` can't be set", name.value));
            report.push(problem.label("each request has its own"));
        }
        if HeaderValue::from_str(value.value.expose_secret()).is_err() {
            let problem = Problem::at(
                &value.place,
                format!("the value of `{}` can't be sent in a header", name.value),
            );
            report.push(problem.help("allowed is printable ASCII on one line"));
        }
        if let Some(first) = seen.insert(text, name) {
            let problem = Problem::at(&name.place, format!("the header `{}` is given twice", name.value));
            let problem = problem
                .label("capitals make no difference")
                .also(&first.place, "first given here");
            report.push(problem);
        }
    }
}

/// Says nothing of what the URL holds, for that may be secret.
fn check_url(url: &At<SecretString>, report: &mut Report) {
    let text = url.value.expose_secret();
    let problem = |summary: &str| Problem::at(&url.place, summary);
    let placeholder_help = "a placeholder is written `{name}`, a literal brace `%7B` or `%7D`";
    match url_fault(text) {
        None => {}
        Some(UrlFault::Scheme) => {
            report.push(problem("the url must begin with http:// or https://"));
        }
        Some(UrlFault::Brace) => {
            report.push(problem("the url has a brace without its partner").help(placeholder_help));
        }
        Some(UrlFault::Name) => {
            report.push(problem("the url has a placeholder without a proper name").help(placeholder_help));
        }
        Some(UrlFault::Host) => {
            let problem = problem("a placeholder can't decide where requests go");
            report.push(problem.help("placeholders may stand in the path and in the query"));
        }
        Some(UrlFault::Form(reason)) => report.push(problem(&format!("the url is malformed: {reason}"))),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum UrlFault {
    Scheme,
    Brace,
    Name,
    Host,
    Form(String),
}

fn url_fault(text: &str) -> Option<UrlFault> {
    let lower = text.to_ascii_lowercase();
    let Some(scheme) = ["http://", "https://"]
        .into_iter()
        .find(|scheme| lower.starts_with(scheme))
    else {
        return Some(UrlFault::Scheme);
    };
    let path = text[scheme.len()..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |at| scheme.len() + at);
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        filled.push_str(before);
        let Some((name, after)) = brace.strip_prefix('{').and_then(|inside| inside.split_once('}')) else {
            return Some(UrlFault::Brace);
        };
        if name.contains('{') {
            return Some(UrlFault::Brace);
        }
        if name.is_empty() || name.trim() != name {
            return Some(UrlFault::Name);
        }
        if text.len() - brace.len() < path {
            return Some(UrlFault::Host);
        }
        filled.push('x');
        rest = after;
    }
    filled.push_str(rest);
    Url::parse(&filled).err().map(|error| UrlFault::Form(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_scheme_a_host_and_whole_placeholders() {
        let cases = [
            ("https://api.example.com/orders/{id}?v={order_status}", None),
            ("HTTP://localhost:8081/{customer id}", None),
            ("ftp://x/{id}", Some(UrlFault::Scheme)),
            ("api.example.com/{id}", Some(UrlFault::Scheme)),
            ("https://x/{id", Some(UrlFault::Brace)),
            ("https://x/id}", Some(UrlFault::Brace)),
            ("https://x/{a{b}}", Some(UrlFault::Brace)),
            ("https://x/{}", Some(UrlFault::Name)),
            ("https://x/{ id }", Some(UrlFault::Name)),
            ("https://{tenant}.example.com/x", Some(UrlFault::Host)),
            (
                "https://x:port/",
                Some(UrlFault::Form("invalid port number".to_owned())),
            ),
        ];
        for (text, fault) in cases {
            assert_eq!(url_fault(text), fault, "{text}");
        }
    }
}
