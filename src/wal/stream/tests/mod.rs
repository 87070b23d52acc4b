//! The session against a server that does just what each test says.

mod broken;
mod flow;
mod login;
mod pieces;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::super::Lsn;
use super::settings::Rhythm;
use super::{Reading, Session, StreamError, WalStream};
use crate::pg::{ChannelBinding, Login};

/// How long a test waits for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// What fits between the two ends.
const PIPE_BYTES: usize = 4096;

/// A rhythm in which nothing happens by the clock alone.
const CALM: Rhythm = Rhythm {
    confirm: Duration::from_millis(1),
    ask: Duration::from_hours(1),
    silence_max: Duration::from_hours(2),
    server_timeout: Duration::from_hours(1),
    gather: Duration::ZERO,
    leave: Duration::from_hours(1),
};

/// One in which a silent server is found out soon.
const HASTY: Rhythm = Rhythm {
    ask: Duration::from_millis(50),
    silence_max: Duration::from_millis(200),
    leave: Duration::from_millis(100),
    ..CALM
};

fn login() -> Login {
    Login {
        user: "reader".to_owned(),
        password: Some("secret".into()),
        database: "shop".to_owned(),
        application_name: "walsift".to_owned(),
        options: None,
        channel_binding: ChannelBinding::Prefer,
    }
}

fn reading() -> Reading {
    Reading {
        slot: "walsift".to_owned(),
        publication: "Walsift".to_owned(),
        start: Lsn::ZERO,
        buffer_bytes: 1 << 20,
        patience: 1,
    }
}

/// Both ends of a stream that has begun, the server past the first status.
async fn stream(reading: Reading, rhythm: Rhythm) -> (WalStream, Server) {
    let (ours, theirs) = duplex(PIPE_BYTES);
    let client = async {
        let session = Session::enter(ours, None, &login(), PATIENCE, rhythm).await?;
        session.start(&reading).await
    };
    let server = async {
        let mut server = Server(theirs);
        server.admit().await;
        server.agree().await;
        server.confirmed(reading.start).await;
        server
    };
    let (stream, server) = timeout(PATIENCE, async { tokio::join!(client, server) }).await.unwrap();
    (stream.unwrap(), server)
}

/// What becomes of a session whose server does as told.
async fn opened(serve: impl AsyncFnOnce(&mut Server)) -> Result<WalStream, StreamError> {
    let (ours, theirs) = duplex(PIPE_BYTES);
    let mut server = Server(theirs);
    let reading = reading();
    let client = async {
        let session = Session::enter(ours, None, &login(), PATIENCE, CALM).await?;
        session.start(&reading).await
    };
    let (opened, ()) = timeout(PATIENCE, async { tokio::join!(client, serve(&mut server)) })
        .await
        .unwrap();
    opened
}

/// The server's end.
struct Server(DuplexStream);

impl Server {
    /// Takes the first message; answers with its parameters.
    async fn greeted(&mut self) -> String {
        let len = self.0.read_u32().await.unwrap();
        let mut message = vec![0; len as usize - 4];
        self.0.read_exact(&mut message).await.unwrap();
        assert_eq!(message[..4], [0, 3, 0, 0]);
        String::from_utf8(message.split_off(4)).unwrap()
    }

    /// Lets in whoever comes.
    async fn admit(&mut self) {
        self.greeted().await;
        self.write(b'R', &[0; 4]).await;
        self.ready().await;
    }

    async fn ready(&mut self) {
        self.write(b'S', b"in_hot_standby\0off\0").await;
        self.write(b'K', &[0; 8]).await;
        self.write(b'Z', b"I").await;
    }

    async fn asked(&mut self) -> String {
        let (tag, query) = self.read().await;
        assert_eq!(tag, b'Q');
        String::from_utf8(query).unwrap().trim_end_matches('\0').to_owned()
    }

    async fn agree(&mut self) {
        let query = self.asked().await;
        assert!(
            query.starts_with("START_REPLICATION SLOT walsift LOGICAL 0/"),
            "{query}"
        );
        self.write(b'W', &[0; 3]).await;
    }

    async fn refuse(&mut self, sqlstate: &str, message: &str) {
        let fields = format!("SERROR\0C{sqlstate}\0M{message}\0\0");
        self.write(b'E', fields.as_bytes()).await;
    }

    async fn read(&mut self) -> (u8, Vec<u8>) {
        self.try_read().await.expect("a message")
    }

    /// `None` once the other side has hung up.
    async fn try_read(&mut self) -> Option<(u8, Vec<u8>)> {
        let tag = self.0.read_u8().await.ok()?;
        let len = self.0.read_u32().await.unwrap();
        let mut body = vec![0; len as usize - 4];
        self.0.read_exact(&mut body).await.unwrap();
        Some((tag, body))
    }

    /// The position in the next status, and whether an answer is wanted.
    async fn status(&mut self) -> (Lsn, bool) {
        let (tag, body) = timeout(PATIENCE, self.read()).await.unwrap();
        assert_eq!((tag, body[0], body.len()), (b'd', b'r', 34));
        let position = |at: usize| u64::from_be_bytes(*body[at..].first_chunk().unwrap());
        assert_eq!((position(1), position(1)), (position(9), position(17)));
        (Lsn(position(1)), body[33] == 1)
    }

    /// Reads until a status confirms `lsn`; answers with the number of them.
    async fn confirmed(&mut self, lsn: Lsn) -> usize {
        let mut statuses = 1;
        while self.status().await.0 != lsn {
            statuses += 1;
        }
        statuses
    }

    async fn write(&mut self, tag: u8, body: &[u8]) {
        self.0.write_all(&frame(tag, body)).await.unwrap();
    }

    async fn send(&mut self, message: &[u8]) {
        self.0.write_all(&data(message)).await.unwrap();
    }

    /// As [`Server::send`], at a time by the server's clock, in µs since 2000.
    async fn send_at(&mut self, micros: i64, message: &[u8]) {
        let header = [b"w".as_slice(), &[0; 16], &micros.to_be_bytes()].concat();
        self.write(b'd', &[&header, message].concat()).await;
    }

    async fn keep_alive(&mut self, wal_end: Lsn) {
        self.0.write_all(&keep_alive(wal_end, false)).await.unwrap();
    }
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap() + 4;
    [&[tag], len.to_be_bytes().as_slice(), body].concat()
}

fn data(message: &[u8]) -> Vec<u8> {
    frame(b'd', &[b"w".as_slice(), &[0; 24], message].concat())
}

fn keep_alive(wal_end: Lsn, ask: bool) -> Vec<u8> {
    frame(
        b'd',
        &[b"k".as_slice(), &wal_end.0.to_be_bytes(), &[0; 8], &[u8::from(ask)]].concat(),
    )
}
