//! The request for a delivery, apart from the sending of it: what is shown of a request is what would be sent.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use reqwest::{Method, Url};
use secrecy::ExposeSecret;

use super::address::{Address, Unfillable};
use super::headers;
use crate::config;
use crate::diff::Operation;
use crate::publish::Delivery;
pub(super) use crate::publish::web::Request;

/// How the requests of a sink are made.
pub(super) struct Requests {
    address: Address,
    method: Method,
    headers: HeaderMap,
}

impl Requests {
    /// Says why not, without secrets.
    pub fn new(config: &config::HttpSink) -> Result<Self, String> {
        Ok(Self {
            address: Address::parse(config.url.expose_secret()).map_err(|error| error.to_string())?,
            method: Method::from_bytes(config.method.as_bytes())
                .map_err(|_| format!("`{}` is not an http method", config.method))?,
            headers: configured_headers(config)?,
        })
    }

    /// The request for one delivery.
    pub fn single(&self, delivery: &Delivery) -> Result<Request, Unfillable> {
        let (method, body) = match delivery.operation {
            Operation::Upsert => {
                let document: Arc<[u8]> = Arc::clone(&delivery.document).into();
                (self.method.clone(), Bytes::from_owner(document))
            }
            Operation::Delete => (Method::DELETE, Bytes::new()),
        };
        Ok(Request {
            method,
            url: self.address.fill(delivery)?,
            headers: headers::of(delivery, &self.headers, fastrand::u64(..)),
            body,
        })
    }

    /// What a request begins with, for asking whether somebody is there: the url up to its first placeholder.
    pub fn beginning(&self) -> Result<Url, String> {
        let mut url = self.sample()?;
        if let (Some(path), Some(_)) = (self.address.literals().next(), self.address.placeholders().next()) {
            let path = path.split(['?', '#']).next().unwrap_or_default();
            url.set_path(path.rsplit_once('/').map_or("/", |(folder, _)| folder));
        }
        Ok(url)
    }

    /// What must be known of a subject: key columns or members of its document.
    pub fn placeholders(&self) -> Vec<&str> {
        self.address.placeholders().collect()
    }

    /// A url of the sink, for what is the same in all of them.
    pub fn sample(&self) -> Result<Url, String> {
        self.address.sample().map_err(|error| error.to_string())
    }

    /// What the urls say literally behind their host, which may be secret.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.address.literals()
    }

    /// Those of the configuration, which may be secret.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

fn configured_headers(config: &config::HttpSink) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let header: HeaderName = name
            .parse()
            .map_err(|_| format!("`{name}` is not the name of a header"))?;
        // A wrong length would let the end of a document pass for the next request.
        if [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION].contains(&header) {
            return Err(format!("the header `{name}` cannot be configured"));
        }
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| format!("the value of the header `{name}` has characters that a header cannot have"))?;
        value.set_sensitive(true);
        headers.append(header, value);
    }
    Ok(headers)
}
