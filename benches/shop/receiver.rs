//! The other side: takes every document, counts it, and forgets it. It reads of HTTP what a client of this benchmark sends, and costs
//! next to nothing, so that what is measured is the rest.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Result;
use crate::stage::PATIENCE;

/// What a status begins with by which a document is known again, in [`watched`](Receiver::watched).
pub const MARK: &str = "mark-";

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}";
const AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const ITEM: &str = r#"{"index":{"status":200}}"#;

#[derive(Debug)]
pub struct Receiver {
    pub port: u16,
    ledger: Arc<Ledger>,
}

#[derive(Debug)]
struct Ledger {
    begun: Instant,
    documents: watch::Sender<u64>,
    requests: AtomicU64,
    /// Microseconds since it began.
    last: AtomicU64,
    is_away: AtomicBool,
    is_watching: AtomicBool,
    watched: Mutex<Vec<(u64, Instant)>>,
}

impl Receiver {
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let ledger = Arc::new(Ledger {
            begun: Instant::now(),
            documents: watch::Sender::new(0),
            requests: AtomicU64::new(0),
            last: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            is_watching: AtomicBool::new(false),
            watched: Mutex::default(),
        });
        let shared = Arc::clone(&ledger);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&shared)));
            }
        });
        Ok(Self { port, ledger })
    }

    /// Accepted so far.
    pub fn documents(&self) -> u64 {
        *self.ledger.documents.borrow()
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.ledger.requests.load(Ordering::Relaxed)
    }

    /// When the last document came.
    pub fn last(&self) -> Instant {
        self.ledger.begun + Duration::from_micros(self.ledger.last.load(Ordering::Relaxed))
    }

    /// Waits until so many documents have come in all.
    pub async fn reaches(&self, documents: u64) -> Result<()> {
        let mut seen = self.ledger.documents.subscribe();
        tokio::time::timeout(PATIENCE, seen.wait_for(|count| *count >= documents)).await??;
        Ok(())
    }

    /// Whether every request is turned away.
    pub fn be_away(&self, is_away: bool) {
        self.ledger.is_away.store(is_away, Ordering::Relaxed);
    }

    /// From now on notes when documents come whose status is a mark.
    pub fn watch(&self) {
        self.ledger.is_watching.store(true, Ordering::Relaxed);
    }

    /// The numbers of the marks that have come, each with its time; and watches no more.
    pub fn watched(&self) -> Vec<(u64, Instant)> {
        self.ledger.is_watching.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.ledger.watched())
    }
}

impl Ledger {
    fn watched(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Instant)>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, body: &[u8], documents: u64) {
        let now = Instant::now();
        if self.is_watching.load(Ordering::Relaxed) {
            self.watched().extend(marks(body).into_iter().map(|mark| (mark, now)));
        }
        let last = now.duration_since(self.begun).as_micros();
        self.last
            .store(u64::try_from(last).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.documents.send_modify(|count| *count += documents);
    }
}

async fn serve(mut socket: TcpStream, ledger: Arc<Ledger>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut read = Vec::with_capacity(1 << 16);
    let mut used = 0;
    loop {
        let Some((head, length)) = head(&read[used..]) else {
            read.drain(..used);
            used = 0;
            if socket.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let start = used + head.len();
        let body = start..start + length;
        while read.len() < body.end {
            if socket.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        let head = &read[used..start];
        if ledger.is_away.load(Ordering::Relaxed) {
            socket.write_all(AWAY).await?;
        } else if head.starts_with(b"POST") && first_line(head).contains("_bulk") {
            let items = actions(&read[body.clone()]);
            socket.write_all(&outcome(items)).await?;
            ledger.note(&read[body.clone()], items as u64);
        } else if head.starts_with(b"PUT") || head.starts_with(b"DELETE") {
            socket.write_all(ACCEPTED).await?;
            ledger.note(&read[body.clone()], 1);
        } else {
            socket.write_all(ACCEPTED).await?;
        }
        used = body.end;
    }
}

/// The head of the next request, if it is whole, and how long its body is.
fn head(read: &[u8]) -> Option<(&[u8], usize)> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = &read[..end];
    let length = std::str::from_utf8(head).ok()?.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok()).flatten()
    });
    Some((head, length.unwrap_or(0)))
}

fn first_line(head: &[u8]) -> &str {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    std::str::from_utf8(line).unwrap_or_default()
}

/// How many actions are in the body of a bulk request.
fn actions(body: &[u8]) -> usize {
    let lines = body.split(|byte| *byte == b'\n');
    lines
        .filter(|line| line.starts_with(br#"{"index":"#) || line.starts_with(br#"{"delete":"#))
        .count()
}

fn outcome(items: usize) -> Vec<u8> {
    let items = vec![ITEM; items].join(",");
    let body = format!(r#"{{"took":1,"errors":false,"items":[{items}]}}"#);
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ncontent-type: application/json\r\n\r\n{body}").into_bytes()
}

/// The numbers behind the marks.
fn marks(body: &[u8]) -> Vec<u64> {
    let text = String::from_utf8_lossy(body);
    let digits = |text: &str| -> String { text.chars().take_while(char::is_ascii_digit).collect() };
    let parts = text.split(MARK).skip(1);
    parts.filter_map(|part| digits(part).parse().ok()).collect()
}
