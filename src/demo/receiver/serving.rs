//! The HTTP side of the receiver.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::ledger::{Answer, Ledger};
use super::rules::{Behaviour, Rules};

/// What the handle and the server share. The locks are held for a few map operations, never across an await.
#[derive(Debug, Default)]
pub(super) struct Shared {
    ledger: Mutex<Ledger>,
    rules: Mutex<Rules>,
    /// Told whenever the ledger has changed.
    pub(super) changed: watch::Sender<()>,
    /// Told whenever held requests may go on.
    pub(super) released: watch::Sender<()>,
}

impl Shared {
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the handle asks of the server; the end of the channel ends the server.
#[derive(Debug)]
pub(super) enum Command {
    Start(TcpListener, oneshot::Sender<io::Result<()>>),
    /// Closes the listener and every connection.
    Stop(oneshot::Sender<()>),
}

/// Serves until the commands end.
pub(super) async fn serve(shared: Arc<Shared>, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut listener: Option<tokio::net::TcpListener> = None;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Orders first: a stop must not wait for a crowd at the door.
            biased;
            command = commands.recv() => match command {
                Some(Command::Start(socket, done)) => {
                    let opened = tokio::net::TcpListener::from_std(socket).map(|socket| listener = Some(socket));
                    let _ = done.send(opened);
                }
                Some(Command::Stop(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    let _ = done.send(());
                }
                None => return,
            },
            Some(_) = connections.join_next() => {}
            stream = accept(listener.as_ref()) => {
                connections.spawn(converse(Arc::clone(&shared), stream));
            }
        }
    }
}

async fn accept(listener: Option<&tokio::net::TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return pending().await;
    };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            return stream;
        }
        // Out of file descriptors, or the client left again at once.
        tokio::task::yield_now().await;
    }
}

async fn converse(shared: Arc<Shared>, stream: TcpStream) {
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

async fn answer(shared: Arc<Shared>, request: hyper::Request<Incoming>) -> Result<Response<Full<Bytes>>, Closed> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    match head.method {
        Method::GET => return Ok(show(&shared, &path)),
        Method::HEAD => {
            return Ok(status(match shared.rules().choose(&path, 0) {
                Behaviour::Answer { status, .. } => status,
                _ => 405,
            }));
        }
        Method::PUT | Method::POST | Method::DELETE => {}
        _ => return Ok(status(405)),
    }
    let body = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    let behaviour = shared.rules().choose(&path, body.len());
    // From before it can be seen in flight: whoever sees it may release it at once.
    let released = shared.released.subscribe();
    let number = shared.ledger().open(head.method, path, &head.headers, body);
    // From here on the request is in flight; however this ends, the ledger is told.
    let in_flight = InFlight {
        shared: &shared,
        number,
        released,
        answer: Answer::Nothing,
    };
    shared.changed.send_replace(());
    in_flight.behave(behaviour).await
}

fn show(shared: &Shared, path: &str) -> Response<Full<Bytes>> {
    match shared.ledger().body(path) {
        Some(body) => {
            let mut response = Response::new(Full::from(body.to_owned()));
            response.headers_mut().insert(
                CONTENT_TYPE,
                hyper::header::HeaderValue::from_static("application/json"),
            );
            response
        }
        None => status(404),
    }
}

fn status(status: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    // A number that is no status is a mistake of the one who made the rule; they will see it in the answer.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// A request that is neither answered nor cut off. Hyper drops it when the client leaves.
struct InFlight<'a> {
    shared: &'a Shared,
    number: usize,
    released: watch::Receiver<()>,
    answer: Answer,
}

impl InFlight<'_> {
    async fn behave(mut self, behaviour: Behaviour) -> Result<Response<Full<Bytes>>, Closed> {
        match behaviour {
            Behaviour::Accept => {}
            Behaviour::Slow(time) => tokio::time::sleep(time).await,
            Behaviour::Bears { requests, time } => {
                // This one is among them.
                if self.shared.ledger().in_flight() > requests {
                    return Ok(self.respond(429));
                }
                tokio::time::sleep(time).await;
            }
            Behaviour::Hold => {
                // The sender lives in `shared`: this ends with a release only.
                let _ = self.released.changed().await;
            }
            Behaviour::Hang => return Ok(never().await),
            Behaviour::Cut => return Err(Closed::Cut),
            Behaviour::ApplyThenHang => {
                self.apply();
                return Ok(never().await);
            }
            Behaviour::ApplyThenCut => {
                self.apply();
                return Err(Closed::Cut);
            }
            Behaviour::ApplyThenAnswer(status) => {
                self.apply();
                return Ok(self.respond(status));
            }
            Behaviour::Answer { status, headers, body } => {
                let mut response = self.respond(status);
                *response.body_mut() = Full::from(body);
                for (name, value) in headers {
                    if let (Ok(name), Ok(value)) = (hyper::header::HeaderName::try_from(name), value.try_into()) {
                        response.headers_mut().append(name, value);
                    }
                }
                return Ok(response);
            }
        }
        let (status, body) = self.apply();
        let mut response = self.respond(status);
        *response.body_mut() = Full::from(body);
        Ok(response)
    }

    fn apply(&self) -> (u16, String) {
        let answer = self
            .shared
            .ledger()
            .apply(self.number)
            .expect("a request in flight is in the journal");
        self.shared.changed.send_replace(());
        answer
    }

    fn respond(&mut self, code: u16) -> Response<Full<Bytes>> {
        self.answer = Answer::Status(code);
        status(code)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.shared.ledger().close(self.number, self.answer);
        self.shared.changed.send_replace(());
    }
}

async fn never() -> Response<Full<Bytes>> {
    match pending::<Infallible>().await {}
}
