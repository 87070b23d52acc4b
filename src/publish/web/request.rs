//! A request, apart from the sending of it.

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::body;

/// One request, complete but for what belongs to the connection, and for credentials.
#[derive(Clone)]
pub(in crate::publish) struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// Empty: none.
    pub body: Bytes,
}

impl Request {
    /// With its body compressed, if that is worth the while.
    pub(super) async fn compressed(mut self) -> Self {
        if body::is_worth_compressing(&self.body) {
            self.body = body::compressed(self.body).await;
            self.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        self
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}
