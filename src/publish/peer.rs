//! For tests: the other side, a small HTTP server that does as it is told, and deliveries to it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::config::{Breaker, Retry, Terms};
use crate::diff::Operation;
use crate::mapping::SubjectKey;
use crate::plan::{KeyColumn, KeyShape};
use crate::publish::Delivery;

/// As the configuration has them by default, with a few places.
pub(crate) const TERMS: Terms = Terms {
    concurrency: 4,
    timeout: Duration::from_secs(10),
    rate_limit: None,
    retry: Retry {
        attempts: 10,
        base: Duration::from_secs(1),
        max: Duration::from_mins(15),
    },
    breaker: Breaker {
        failures: 20,
        cooldown: Duration::from_secs(30),
    },
};

/// What the peer does with a request that it has read.
pub(crate) enum Answer {
    Says(String),
    /// Nothing, and keeps the connection.
    Hangs,
    /// Says this much and closes the connection.
    CutsAfter(&'static str),
}

impl Answer {
    /// `headers` end with a line break each.
    pub(crate) fn status(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Says(format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"
        ))
    }
}

pub(crate) struct Request {
    /// Counts the connections from 0.
    pub(crate) connection: usize,
    /// `PUT /orders/42 HTTP/1.1`
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl Peer {
    /// Gives each request the next of the answers.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
        Self::by(move |_| answers.lock().unwrap().pop_front().expect("an answer for each request")).await
    }

    /// Answers as the body of a request has it.
    pub(crate) async fn by(judge: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let judge: Judge = Arc::new(judge);
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    break;
                };
                tokio::spawn(serve(connection, stream, Arc::clone(&judge), sender.clone()));
            }
        });
        Self { address, requests }
    }

    /// The next request, which has been sent already.
    pub(crate) fn received(&mut self) -> Request {
        self.requests.try_recv().expect("a request was sent")
    }

    /// The next request, if there was another.
    pub(crate) fn next(&mut self) -> Option<Request> {
        self.requests.try_recv().ok()
    }

    pub(crate) fn received_nothing_more(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

type Judge = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

async fn serve(connection: usize, stream: TcpStream, judge: Judge, sender: mpsc::UnboundedSender<Request>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(connection, &mut stream).await {
        let answer = judge(&request.body);
        let _ = sender.send(request);
        match answer {
            Answer::Says(text) if stream.write_all(text.as_bytes()).await.is_ok() => {}
            Answer::Hangs => std::future::pending().await,
            Answer::CutsAfter(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                return;
            }
            Answer::Says(_) => return,
        }
    }
}

async fn read(connection: usize, stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, n)| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        connection,
        line: lines.swap_remove(0),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    })
}

/// A delivery of `orders` with text columns for a key; of a delete if the document is empty.
pub(crate) fn delivery(key: &[(&str, &str)], document: &str) -> Delivery {
    let column = |name: &str| KeyColumn {
        name: name.to_owned(),
        sql_type: "text".to_owned(),
        bare_in_json: false,
    };
    Delivery {
        sync: "orders".into(),
        shape: Arc::new(KeyShape {
            columns: key.iter().map(|(name, _)| column(name)).collect(),
        }),
        key: SubjectKey::new(key.iter().map(|(_, value)| *value)),
        operation: if document.is_empty() {
            Operation::Delete
        } else {
            Operation::Upsert
        },
        version: 7,
        correlation: "0123456789abcdef0123456789abcdef".to_owned(),
        document: document.into(),
        remote_id: None,
        deadline: Instant::now() + Duration::from_mins(1),
    }
}
