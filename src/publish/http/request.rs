//! The requests for deliveries, apart from the sending of them: what is shown of a request is what would be sent.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};

use super::address::{Address, REMOTE_ID, Unfillable};
use super::envelope::{self, Item};
use super::headers;
use super::template::{Escape, Template, Unrenderable};
use crate::config::{self, BatchFormat};
use crate::diff::Operation;
pub(super) use crate::publish::web::Request;
use crate::publish::{Delivery, Failure, FailureClass};

/// What a request for a single delivery is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Update,
    /// The first of a subject that the other side gives an id.
    Create,
    Delete,
}

/// Why there is no request for a delivery.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unmakable {
    #[error(transparent)]
    Address(#[from] Unfillable),
    #[error(transparent)]
    Body(#[from] Unrenderable),
    #[error("nothing says how it is read")]
    NoReading,
    /// It may have been created by a request whose answer never came.
    #[error(
        "the subject is gone, and nobody knows by which id the other side knows it, or whether it does: look for it there, \
         and remove it"
    )]
    UnknownId,
}

impl Unmakable {
    pub fn failure(&self) -> Failure {
        let message = self.to_string();
        match self {
            Self::Address(_) | Self::Body(_) | Self::NoReading => {
                Failure::certain(FailureClass::Configuration, message)
            }
            Self::UnknownId => Failure::uncertain(FailureClass::NotFound, message),
        }
    }
}

/// How the requests of a sink are made.
pub(super) struct Requests {
    update: Form,
    create: Option<Form>,
    delete: Form,
    batch: Option<BatchFormat>,
    read: Option<Reading>,
    headers: HeaderMap,
}

/// How a document is asked for.
struct Reading {
    address: Arc<Address>,
    headers: HeaderMap,
}

/// One kind of request.
struct Form {
    method: Method,
    address: Arc<Address>,
    body: Arc<Body>,
}

enum Body {
    None,
    Document,
    Template(Box<Template>),
}

impl Requests {
    /// Says why not, without secrets.
    pub fn new(config: &config::HttpSink) -> Result<Self, String> {
        let headers = configured_headers(&config.headers)?;
        let requests = &config.requests;
        let address = address(&config.url)?;
        let written = |template: &config::Template| -> Result<Arc<Body>, String> {
            let type_of_content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let escape = Escape::of(type_of_content.unwrap_or(headers::JSON));
            let template = Template::new(template, escape)?;
            Ok(Arc::new(Body::Template(Box::new(template))))
        };
        let body = requests.body.as_ref().map_or(Ok(Arc::new(Body::Document)), written)?;
        let form = |method: &str, address: &Arc<Address>, body: &Arc<Body>| {
            let method =
                Method::from_bytes(method.as_bytes()).map_err(|_| format!("`{method}` is not an http method"))?;
            let (address, body) = (Arc::clone(address), Arc::clone(body));
            Ok::<_, String>(Form { method, address, body })
        };
        let create = match &requests.create {
            None => None,
            Some(create) => Some(form(&create.method, &self::address(&create.url)?, &body)?),
        };
        let read = match &requests.read {
            None => None,
            Some(read) => Some(Reading {
                address: self::address(&read.url)?,
                headers: configured_headers(&read.headers)?,
            }),
        };
        let delete = &requests.delete;
        let delete_address = delete.url.as_ref().map_or(Ok(Arc::clone(&address)), self::address)?;
        let delete_body = delete.body.as_ref().map_or(Ok(Arc::new(Body::None)), written)?;
        Ok(Self {
            update: form(&config.method, &address, &body)?,
            create,
            delete: form(&delete.method, &delete_address, &delete_body)?,
            batch: requests.batch.as_ref().map(|batch| batch.format),
            read,
            headers,
        })
    }

    /// The request for one delivery by itself.
    pub fn single(&self, delivery: &Delivery) -> Result<Request, Unmakable> {
        let form = match self.purpose(delivery) {
            Purpose::Update => &self.update,
            Purpose::Create => self.create.as_ref().unwrap_or(&self.update),
            Purpose::Delete => &self.delete,
        };
        if self.create.is_some() && delivery.remote_id.is_none() && form.needs_id() {
            return Err(Unmakable::UnknownId);
        }
        let body = form.body.of(delivery)?;
        Ok(Request {
            method: form.method.clone(),
            url: form.address.fill(delivery)?,
            headers: headers::of(delivery, &self.headers, !body.is_empty(), fastrand::u64(..)),
            body,
        })
    }

    /// The request that reads back what is held of a subject; only where [one can](Requests::reads).
    pub fn reading(&self, delivery: &Delivery) -> Result<Request, Unmakable> {
        let Some(read) = &self.read else {
            return Err(Unmakable::NoReading);
        };
        let mut headers = self.headers.clone();
        headers.remove(CONTENT_TYPE);
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static(headers::JSON));
        for (name, value) in &read.headers {
            headers.insert(name, value.clone());
        }
        Ok(Request {
            method: Method::GET,
            url: read.address.fill(delivery)?,
            headers,
            body: Bytes::new(),
        })
    }

    pub fn reads(&self) -> bool {
        self.read.is_some()
    }

    pub fn purpose(&self, delivery: &Delivery) -> Purpose {
        match delivery.operation {
            Operation::Delete => Purpose::Delete,
            Operation::Upsert if self.create.is_some() && delivery.remote_id.is_none() => Purpose::Create,
            Operation::Upsert => Purpose::Update,
        }
    }

    /// What stands for a delivery in a request for many.
    pub fn item(&self, delivery: &Delivery) -> Result<Item, Unmakable> {
        let template = match (delivery.operation, &*self.update.body, &*self.delete.body) {
            (Operation::Upsert, Body::Template(template), _) | (Operation::Delete, _, Body::Template(template)) => {
                Some(template.render(delivery)?)
            }
            _ => None,
        };
        Ok(Item::new(delivery, template))
    }

    /// One request for all of them; there is at least one.
    pub fn together(&self, items: &[&Item]) -> Result<Request, Unmakable> {
        let format = self.batch.unwrap_or(BatchFormat::Json);
        Ok(Request {
            method: self.update.method.clone(),
            url: self.update.address.fixed()?,
            headers: headers::of_batch(items, &self.headers, format, fastrand::u64(..)),
            body: envelope::body(items, format),
        })
    }

    /// What must be known of a subject for this: key columns or members of its document.
    pub fn placeholders(&self, operation: Operation) -> Vec<&str> {
        let addresses = match operation {
            Operation::Upsert => [
                Some(&self.update.address),
                self.create.as_ref().map(|create| &create.address),
                self.read.as_ref().map(|read| &read.address),
            ],
            Operation::Delete => [Some(&self.delete.address), None, None],
        };
        let mut names: Vec<&str> = addresses
            .into_iter()
            .flatten()
            .flat_map(|address| address.placeholders())
            .collect();
        names.retain(|name| self.create.is_none() || *name != REMOTE_ID);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// A url of each kind of request, for what is the same in all of that kind.
    pub fn samples(&self) -> Result<Vec<Url>, String> {
        let samples = self
            .addresses()
            .into_iter()
            .map(Address::sample)
            .collect::<Result<_, _>>();
        samples.map_err(|error| error.to_string())
    }

    /// Where to ask whether somebody is there: the url of updates, and that for reading, up to its first placeholder.
    pub fn beginnings(&self) -> Vec<Url> {
        let read = self.read.as_ref().map(|read| &read.address);
        let addresses = [Some(&self.update.address), read].into_iter().flatten();
        let mut urls: Vec<Url> = addresses.filter_map(|address| beginning(address).ok()).collect();
        urls.dedup();
        urls
    }

    /// What the urls say literally behind their host, which may be secret; url by url, as in [`Requests::samples`].
    pub fn literals(&self) -> Vec<Vec<&str>> {
        self.addresses()
            .into_iter()
            .map(|address| address.literals().collect())
            .collect()
    }

    fn addresses(&self) -> Vec<&Address> {
        let forms = [Some(&self.update), self.create.as_ref(), Some(&self.delete)];
        let written = forms.into_iter().flatten().map(|form| &*form.address);
        written.chain(self.read.as_ref().map(|read| &*read.address)).collect()
    }

    /// Those of the configuration, which may be secret.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderMap> {
        std::iter::once(&self.headers).chain(self.read.as_ref().map(|read| &read.headers))
    }
}

impl Form {
    fn needs_id(&self) -> bool {
        self.address.placeholders().any(|name| name == REMOTE_ID)
    }
}

impl Body {
    fn of(&self, delivery: &Delivery) -> Result<Bytes, Unrenderable> {
        Ok(match self {
            Self::None => Bytes::new(),
            Self::Document => {
                let document: Arc<[u8]> = Arc::clone(&delivery.document).into();
                Bytes::from_owner(document)
            }
            Self::Template(template) => template.render(delivery)?.into(),
        })
    }
}

/// The url up to its first placeholder.
fn beginning(address: &Address) -> Result<Url, String> {
    let mut url = address.sample().map_err(|error| error.to_string())?;
    if let (Some(path), Some(_)) = (address.literals().next(), address.placeholders().next()) {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        url.set_path(path.rsplit_once('/').map_or("/", |(folder, _)| folder));
    }
    Ok(url)
}

fn address(url: &SecretString) -> Result<Arc<Address>, String> {
    let address = Address::parse(url.expose_secret()).map_err(|error| error.to_string())?;
    Ok(Arc::new(address))
}

fn configured_headers(configured: &[(String, SecretString)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in configured {
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
