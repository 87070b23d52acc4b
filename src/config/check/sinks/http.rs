//! `type = "http"`

use std::collections::HashMap;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{access, requests, sign};
use crate::config::raw::{At, Field, RawHttp};
use crate::config::{HttpSink, Place, Problem, Report};

const METHOD: &str = "PUT";

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

const SIGN_HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

pub fn sink(raw: RawHttp, name: &At<String>, report: &mut Report) -> HttpSink {
    match &raw.url {
        Field::Given(url) => check_url(url, report),
        Field::Absent => {
            let problem = Problem::at(&name.place, format!("the sink `{}` has no `url`", name.value));
            report.push(problem.help("add `url = \"https://…/{id}\"`; `{id}` stands for a member of the document"));
        }
        Field::Unusable => {}
    }
    check_conflicts(&raw, report);
    let requests = requests::requests(raw.requests, &raw.url, report);
    let headers = raw.headers.or(Vec::new());
    check_headers(&headers, report);
    HttpSink {
        url: raw.url.or(SecretString::default()),
        method: raw.method.or(METHOD).to_owned(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.value, value.value))
            .collect(),
        access: access::access(raw.access, report),
        sign: sign::sign(raw.sign, report),
        gzip: raw.gzip.or(false),
        requests,
    }
}

/// Keys that say the same thing twice, or that nobody could agree on.
fn check_conflicts(raw: &RawHttp, report: &mut Report) {
    let auth = raw.access.auth.given().map(|auth| &auth.place);
    let read = raw.requests.read.given().and_then(|read| read.value.headers.given());
    if let (Some(place), Some(given)) = (auth, read) {
        check_rivals(&given.value, "auth", place, &["authorization"], report);
    }
    let sign = raw.sign.given().map(|sign| &sign.place);
    let gzip = raw.gzip.given().filter(|gzip| gzip.value).map(|gzip| &gzip.place);
    for (key, place, headers) in [
        ("auth", auth, &["authorization"][..]),
        ("sign", sign, &SIGN_HEADERS),
        ("gzip", gzip, &["content-encoding"]),
    ] {
        if let (Some(place), Some(given)) = (place, raw.headers.given()) {
            check_rivals(&given.value, key, place, headers, report);
        }
    }
    if let (Some(auth), Some(url)) = (auth, raw.url.given().filter(|url| names_a_user(url))) {
        let problem = Problem::at(&url.place, "the url has a user, and there is `auth`");
        report.push(problem.also(auth, "this says who we are, too").help("keep one of them"));
    }
    if let (Some(sign), Some(gzip)) = (sign, gzip) {
        let problem = Problem::at(gzip, "`gzip` and `sign` can't go together").also(sign, "signed here");
        report.push(problem.help("receivers don't agree whether it is the compressed body that was signed"));
    }
}

/// Headers that another key of the sink sets.
fn check_rivals(
    headers: &[(At<String>, At<SecretString>)],
    key: &str,
    place: &Place,
    names: &[&str],
    report: &mut Report,
) {
    let is_rival = |name: &str| names.iter().any(|rival| name.eq_ignore_ascii_case(rival));
    for (name, _) in headers.iter().filter(|(name, _)| is_rival(&name.value)) {
        let summary = format!("the header `{}` and `{key}` can't both be given", name.value);
        report.push(Problem::at(&name.place, summary).also(place, "this sets it"));
    }
}

fn names_a_user(url: &At<SecretString>) -> bool {
    let text = url.value.expose_secret();
    let authority = text
        .split_once("://")
        .map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    authority.contains('@')
}

/// Headers that a person gives to requests.
pub fn check_headers(headers: &[(At<String>, At<SecretString>)], report: &mut Report) {
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
pub fn check_url(url: &At<SecretString>, report: &mut Report) {
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
