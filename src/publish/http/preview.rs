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
pub(in crate::publish) fn text(request: &Request, further: &[(HeaderName, &str)], secrets: &Secrets) -> String {
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

#[cfg(test)]
mod tests {
    use super::super::HttpSink;
    use crate::config::{self, Auth};
    use crate::publish::FailureClass;
    use crate::publish::peer::{TERMS, delivery};

    fn sink(config: &config::HttpSink) -> HttpSink {
        let _ = rustls::crypto::ring::default_provider().install_default();
        HttpSink::new("shop", config, &TERMS).unwrap()
    }

    fn config(url: &str) -> config::HttpSink {
        config::HttpSink {
            url: url.to_owned().into(),
            method: "PUT".to_owned(),
            headers: vec![("X-Key".to_owned(), "hunter2".into())],
            access: config::Access::default(),
            sign: vec![],
            gzip: false,
            requests: config::Requests::default(),
        }
    }

    /// Without what differs from request to request, or has a hash in it.
    fn steady(text: &str) -> String {
        let differs = |line: &&str| {
            ![
                "idempotency-key: ",
                "webhook-id: ",
                "traceparent: ",
                "webhook-timestamp: ",
            ]
            .iter()
            .any(|name| line.starts_with(name))
        };
        text.split('\n').filter(differs).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_request_is_shown_as_it_would_be_sent_but_for_its_secrets() {
        let mut config = config("https://api.example.com:8443/orders/{id}?key=s3cr3t-key");
        config.access.auth = Some(Auth::Bearer(secrecy::SecretString::from("hunter2").into()));
        config.sign = vec![secrecy::SecretString::from("whsec_aHVudGVyMg==").into(); 2];
        let text = sink(&config)
            .preview(&delivery(&[("id", "4 2")], r#"{"id":  42}"#))
            .unwrap();
        insta::assert_snapshot!(steady(&text), @r#"
        PUT /orders/4%202?key=*** HTTP/1.1
        host: api.example.com:8443
        authorization: ***
        x-key: ***
        content-type: application/json
        x-correlation-id: 0123456789abcdef0123456789abcdef
        walsift-sync: orders
        walsift-key: 4%202
        walsift-version: 7
        walsift-operation: upsert
        webhook-signature: v1,*** v1,***

        {"id":  42}
        "#);
    }

    #[test]
    fn a_body_that_goes_compressed_is_shown_as_it_is() {
        let mut config = config("https://me:hunter2@api.example.com/{id}");
        config.gzip = true;
        let document = format!(r#"{{"name": "{}"}}"#, "tea".repeat(1000));
        let text = sink(&config).preview(&delivery(&[("id", "1")], &document)).unwrap();
        assert!(
            text.contains("\ncontent-encoding: gzip\n") && text.ends_with(&document),
            "{text}"
        );
        assert!(
            text.contains("\nauthorization: ***\n") && !text.contains("hunter2"),
            "{text}"
        );
        let text = sink(&config).preview(&delivery(&[("id", "1")], "")).unwrap();
        assert!(
            text.starts_with("DELETE /1 HTTP/1.1\n") && !text.contains("gzip"),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_be_sent_cannot_be_shown() {
        let failure = sink(&config("https://h/{slug}"))
            .preview(&delivery(&[("id", "1")], "{}"))
            .unwrap_err();
        assert_eq!(failure.class, FailureClass::Configuration);
    }
}
