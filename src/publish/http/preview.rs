//! A request as people may read it.
//!
//! ```text
//! PUT /orders/42 HTTP/1.1
//! host: api.example.com
//! authorization: ***
//! content-type: application/json
//!
//! {"id": 42}
//! ```
//!
//! Whatever may be a secret is `***`. The body is as it would be sent, but for its compression.

use std::fmt::Write;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::request::Request;
use super::sign;
use crate::publish::web::{REDACTED, Secrets};

/// `further` are headers that are added when it is sent.
pub(super) fn text(request: &Request, further: &[(HeaderName, &str)], secrets: &Secrets) -> String {
    let url = &request.url;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = secrets.redacted(&format!("{}{query}", url.path()));
    let mut text = format!("{} {target} HTTP/1.1\nhost: {}\n", request.method, authority(url));
    if !url.username().is_empty() || url.password().is_some() {
        header(&mut text, &AUTHORIZATION, REDACTED);
    }
    for (name, value) in further {
        header(&mut text, name, value);
    }
    for (name, value) in &request.headers {
        header(&mut text, name, &shown(name, value));
    }
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&request.body));
    text
}

fn header(text: &mut String, name: &HeaderName, value: &str) {
    writeln!(text, "{name}: {value}").expect("a string takes all that is written to it");
}

fn shown(name: &HeaderName, value: &HeaderValue) -> String {
    if *name == sign::SIGNATURE {
        return sign::masked(&String::from_utf8_lossy(value.as_bytes()));
    }
    if value.is_sensitive() && !super::sink::is_harmless(name) {
        return REDACTED.to_owned();
    }
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn authority(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}
