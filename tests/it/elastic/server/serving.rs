//! Connections: bodies and their limits, credentials, and misbehaviour.
//!
//! `org.elasticsearch.http.netty4.Netty4HttpContentSizeHandler`: a body that is too large is not read, its request is answered with a
//! bare 413, and the connection closed. Versions before 8.16 read it to its end and keep the connection (Netty's
//! `HttpObjectAggregator`). The limit is that of the body as it is unpacked.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::future::pending;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::cluster::{Cluster, Product};
use super::journal::{Journal, Request};
use super::reading::Scrolls;
use super::routes::{self, Answer, CONTENT_BYTES_MAX};
use super::rules::{Behaviour, ItemRules, On, Rules};

/// All that there is, under one lock that is held for the time of one request's work.
#[derive(Debug)]
pub struct State {
    pub cluster: Cluster,
    pub journal: Journal,
    pub scrolls: Scrolls,
    pub rules: Rules,
    pub item_rules: ItemRules,
    /// What is still to be done of requests that nobody waits for.
    pub late: Vec<(Method, Request)>,
    /// Values of `Authorization` that are let in; `None` lets in everybody.
    pub credentials: Option<BTreeSet<String>>,
    pub content_bytes_max: usize,
    /// Whether the connection is closed on a body that is too large without reading it.
    pub hangs_up_on_large: bool,
}

#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    /// Told whenever it has changed.
    pub changed: watch::Sender<()>,
}

impl Shared {
    pub fn new(product: Product) -> Self {
        let state = State {
            cluster: Cluster::new(product),
            journal: Journal::default(),
            scrolls: Scrolls::default(),
            rules: Rules::default(),
            item_rules: ItemRules::default(),
            late: Vec::new(),
            credentials: None,
            content_bytes_max: CONTENT_BYTES_MAX,
            hangs_up_on_large: false,
        };
        Self {
            state: Mutex::new(state),
            changed: watch::Sender::default(),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub async fn converse(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(Arc::clone(&shared), request));
    // An error here is a connection that was closed, by them or, on purpose, by us.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("the connection is cut on purpose")]
    Cut,
    #[error("the request did not arrive whole")]
    Broken(#[from] hyper::Error),
}

type Reply = Response<Full<Bytes>>;

async fn answer(shared: Arc<Shared>, request: hyper::Request<Incoming>) -> Result<Reply, Closed> {
    let (head, body) = request.into_parts();
    let headers: BTreeMap<String, String> = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let limit = shared.state().content_bytes_max;
    let announced = headers
        .get(CONTENT_LENGTH.as_str())
        .and_then(|length| length.parse::<usize>().ok());
    let mut request = Request {
        line: format!("{} {}", head.method, head.uri.path()),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: String::new(),
        status: None,
    };
    if announced.is_some_and(|announced| announced > limit) {
        return too_large(&shared, request, Some(body)).await;
    }
    let body = body.collect().await?.to_bytes();
    let body = unpacked(&request, &body);
    if body.len() > limit {
        return too_large(&shared, request, None).await;
    }
    request.body = String::from_utf8(body).expect("bodies are UTF-8");
    let on = on(&head.method, &request);
    let (number, behaviour) = {
        let mut state = shared.state();
        (
            state.journal.open(request.clone()),
            on.and_then(|on| state.rules.choose(on)),
        )
    };
    shared.changed.send_replace(());
    behave(&shared, &head.method, &request, number, behaviour).await
}

async fn behave(
    shared: &Shared,
    method: &Method,
    request: &Request,
    number: usize,
    behaviour: Option<Behaviour>,
) -> Result<Reply, Closed> {
    let apply = || apply(shared, method, request);
    let answer = match behaviour {
        None => apply(),
        Some(Behaviour::Slow(time)) => {
            tokio::time::sleep(time).await;
            apply()
        }
        Some(Behaviour::Cut) => return Err(Closed::Cut),
        Some(Behaviour::Hang) => never().await,
        Some(Behaviour::ApplyThenCut) => {
            apply();
            return Err(Closed::Cut);
        }
        Some(Behaviour::ApplyLate) => {
            shared.state().late.push((method.clone(), request.clone()));
            never().await
        }
        Some(Behaviour::ApplyThenHang) => {
            apply();
            never().await
        }
        Some(Behaviour::ApplyThenAnswer { status, body }) => {
            apply();
            Answer { status, body }
        }
        Some(Behaviour::Answer { status, headers, body }) => {
            let mut reply = reply(shared, number, Answer { status, body });
            for (name, value) in headers {
                reply
                    .headers_mut()
                    .insert(name, value.parse().expect("fit for a header"));
            }
            return Ok(reply);
        }
    };
    Ok(reply(shared, number, answer))
}

/// Does what is asked for, if those who ask may.
pub fn apply(shared: &Shared, method: &Method, request: &Request) -> Answer {
    let mut state = shared.state();
    if let Err(fault) = routes::admitted(&state, request) {
        return Answer::fault(&fault);
    }
    let (answer, items) = routes::answer(&mut state, method, request);
    state.journal.note(items);
    drop(state);
    shared.changed.send_replace(());
    answer
}

fn reply(shared: &Shared, number: usize, answer: Answer) -> Reply {
    let mut state = shared.state();
    state.journal.close(number, answer.status);
    let product = state.cluster.product;
    drop(state);
    shared.changed.send_replace(());
    let mut reply = Response::new(Full::from(answer.body));
    *reply.status_mut() = StatusCode::from_u16(answer.status).expect("a status");
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if product == Product::Elasticsearch {
        headers.insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
    }
    reply
}

async fn too_large(shared: &Shared, mut request: Request, body: Option<Incoming>) -> Result<Reply, Closed> {
    let hangs_up = {
        let mut state = shared.state();
        request.status = Some(413);
        state.journal.open(request);
        state.hangs_up_on_large
    };
    shared.changed.send_replace(());
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    if hangs_up {
        reply
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    } else if let Some(body) = body {
        body.collect().await?;
    }
    Ok(reply)
}

fn unpacked(request: &Request, body: &Bytes) -> Vec<u8> {
    match request.headers.get("content-encoding").map(String::as_str) {
        None => body.to_vec(),
        Some("gzip") => {
            let mut unpacked = Vec::new();
            GzDecoder::new(body.as_ref())
                .read_to_end(&mut unpacked)
                .expect("it is gzip");
            unpacked
        }
        Some(other) => panic!("bodies are not sent as {other}"),
    }
}

fn on(method: &Method, request: &Request) -> Option<On> {
    match *method {
        _ if request.line.ends_with("/_bulk") => Some(On::Bulk),
        _ if request.line.ends_with("/_mget") || request.line.contains("/_search") => Some(On::Read),
        Method::POST if request.line.ends_with("/_aliases") => Some(On::Move),
        Method::GET if request.line.matches('/').count() == 1 => Some(On::Find),
        Method::HEAD => Some(On::Look),
        Method::PUT => Some(On::Make),
        _ => None,
    }
}

async fn never() -> Answer {
    match pending::<Infallible>().await {}
}
