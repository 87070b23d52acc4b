//! The session against a server that does just what each test says, over a Unix socket.

use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, timeout};

use super::super::Lsn;
use super::settings::Rhythm;
use super::{Event, PgWireStream, StreamError, StreamSettings, WalSource};

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    listener: UnixListener,
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).unwrap();
        Self { listener, directory }
    }

    fn settings(&self) -> StreamSettings {
        let host = self.directory.path().to_str().unwrap();
        StreamSettings::new(host, "reader", "shop", "walsift", "Walsift")
    }

    /// Both ends of a session that has begun.
    async fn session(&self, settings: StreamSettings, rhythm: Rhythm) -> (PgWireStream, Server) {
        let server = async {
            let mut server = self.accept().await;
            server.agree().await;
            server
        };
        let (stream, server) = tokio::join!(PgWireStream::open_with(settings, rhythm), server);
        (stream.unwrap(), server)
    }

    async fn accept(&self) -> Server {
        let (socket, _) = self.listener.accept().await.unwrap();
        let mut server = Server(socket);
        server.startup().await;
        server
    }
}

/// The server's end, past `START_REPLICATION`.
struct Server(UnixStream);

impl Server {
    async fn startup(&mut self) {
        let len = self.0.read_u32().await.unwrap();
        self.0.read_exact(&mut vec![0; len as usize - 4]).await.unwrap();
        self.0.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.unwrap();
        let (tag, query) = self.read().await;
        assert_eq!(tag, b'Q');
        let query = String::from_utf8(query).unwrap();
        assert!(
            query.starts_with("START_REPLICATION SLOT walsift LOGICAL 0/"),
            "{query}"
        );
        assert!(query.contains("publication_names '\"Walsift\"'"), "{query}");
    }

    async fn agree(&mut self) {
        self.0.write_all(b"W\0\0\0\x07\0\0\0").await.unwrap();
    }

    async fn refuse(&mut self, sqlstate: &str, message: &str) {
        let fields = format!("SERROR\0C{sqlstate}\0M{message}\0\0");
        self.write(b'E', fields.as_bytes()).await;
    }

    async fn read(&mut self) -> (u8, Vec<u8>) {
        let tag = self.0.read_u8().await.unwrap();
        let len = self.0.read_u32().await.unwrap();
        let mut body = vec![0; len as usize - 4];
        self.0.read_exact(&mut body).await.unwrap();
        (tag, body)
    }

    /// Reads until a status confirms `lsn`.
    async fn confirmed(&mut self, lsn: Lsn) {
        timeout(PATIENCE, async {
            loop {
                let (tag, body) = self.read().await;
                assert_eq!(tag, b'd', "the session ended before it confirmed {lsn}");
                let (kind, rest) = body.split_first().unwrap();
                assert_eq!(*kind, b'r');
                if u64::from_be_bytes(*rest.first_chunk().unwrap()) == lsn.0 {
                    break;
                }
            }
        })
        .await
        .unwrap();
    }

    async fn write(&mut self, tag: u8, body: &[u8]) {
        self.0.write_u8(tag).await.unwrap();
        self.0.write_u32(u32::try_from(body.len()).unwrap() + 4).await.unwrap();
        self.0.write_all(body).await.unwrap();
    }

    async fn send(&mut self, message: &[u8]) {
        self.write(b'd', &[b"w".as_slice(), &[0; 24], message].concat()).await;
    }

    async fn keep_alive(&mut self, wal_end: Lsn) {
        self.write(
            b'd',
            &[b"k".as_slice(), &wal_end.0.to_be_bytes(), &[0; 8], &[0]].concat(),
        )
        .await;
    }
}

#[tokio::test]
async fn events_arrive_in_order_and_a_cancelled_wait_loses_none() {
    let world = World::new();
    let (mut stream, mut server) = world.session(world.settings(), Rhythm::default()).await;
    assert!(stream.try_next().is_none());
    let write = async {
        for i in 0..1000_u32 {
            server.send(&[b"I".as_slice(), &i.to_be_bytes()].concat()).await;
        }
        server.keep_alive(Lsn(77)).await;
    };
    let read = async {
        for i in 0..1000_u32 {
            let event = loop {
                // As short as can be: most of these waits are given up.
                if let Ok(event) = timeout(Duration::ZERO, stream.next()).await {
                    break event.unwrap();
                }
            };
            assert_eq!(
                event,
                Event::Data(Bytes::from([b"I".as_slice(), &i.to_be_bytes()].concat()))
            );
        }
        assert_eq!(stream.next().await.unwrap(), Event::KeepAlive { wal_end: Lsn(77) });
    };
    timeout(PATIENCE, async { tokio::join!(write, read) }).await.unwrap();
}

#[tokio::test]
async fn a_confirmed_position_reaches_an_idle_server_within_a_second() {
    let world = World::new();
    let (mut stream, mut server) = world.session(world.settings(), Rhythm::default()).await;
    server.confirmed(Lsn::ZERO).await;
    for lsn in [Lsn(100), Lsn(200)] {
        stream.confirm(lsn);
        let confirmed_at = Instant::now();
        server.confirmed(lsn).await;
        assert!(
            confirmed_at.elapsed() < Duration::from_secs(1),
            "{:?}",
            confirmed_at.elapsed()
        );
    }
}

#[tokio::test]
async fn a_position_is_confirmed_while_nobody_reads() {
    let world = World::new();
    let settings = StreamSettings {
        buffer_bytes: 1000,
        ..world.settings()
    };
    let (mut stream, server) = world.session(settings, Rhythm::default()).await;
    let (mut from_us, mut to_us) = server.0.into_split();
    // More than all buffers on the way hold, so that the writer is stuck until the end.
    let writer = tokio::spawn(async move {
        let message = [b"d".as_slice(), &8029_u32.to_be_bytes(), b"w", &[0; 24], &[b'I'; 8000]].concat();
        while to_us.write_all(&message).await.is_ok() {}
    });
    stream.confirm(Lsn(300));
    timeout(PATIENCE, async {
        let mut seen = Vec::new();
        while !seen.windows(8).any(|bytes| bytes == 300_u64.to_be_bytes()) {
            assert_ne!(from_us.read_buf(&mut seen).await.unwrap(), 0);
        }
    })
    .await
    .unwrap();
    writer.abort();
}

#[tokio::test]
async fn closing_brings_the_last_confirmed_position_to_the_server() {
    let world = World::new();
    let (mut stream, mut server) = world.session(world.settings(), Rhythm::default()).await;
    server.confirmed(Lsn::ZERO).await;
    stream.confirm(Lsn(100));
    let ((), ()) = tokio::join!(stream.close(), async {
        server.confirmed(Lsn(100)).await;
        assert_eq!(server.read().await.0, b'c');
    });
}

#[tokio::test]
async fn closing_ends_even_in_the_middle_of_a_message() {
    let world = World::new();
    let (mut stream, mut server) = world.session(world.settings(), Rhythm::default()).await;
    // Behind a whole message in the same read, which is where the client waits for the rest and for nothing else.
    let keep_alive = [b"d\0\0\0\x16k".as_slice(), &[0; 17]].concat();
    server
        .0
        .write_all(&[&keep_alive, b"d\0\0\x10\0w half a mess".as_slice()].concat())
        .await
        .unwrap();
    assert!(stream.next().await.is_ok());
    stream.confirm(Lsn(100));
    let asked_at = Instant::now();
    stream.close().await;
    assert!(asked_at.elapsed() < Duration::from_secs(4), "{:?}", asked_at.elapsed());
}

#[tokio::test]
async fn a_dropped_stream_leaves() {
    let world = World::new();
    let (stream, mut server) = world.session(world.settings(), Rhythm::default()).await;
    drop(stream);
    timeout(PATIENCE, async { while server.read().await.0 != b'c' {} })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_silent_server_is_a_dead_one() {
    let world = World::new();
    let rhythm = Rhythm {
        server_timeout: Duration::from_millis(200),
        ..Rhythm::default()
    };
    let (mut stream, mut server) = world.session(world.settings(), rhythm).await;
    server.keep_alive(Lsn(1)).await;
    assert!(stream.next().await.is_ok());
    let heard_at = Instant::now();
    let error = timeout(PATIENCE, stream.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, StreamError::Silent(_)), "{error}");
    assert!(heard_at.elapsed() >= Duration::from_millis(400));
    assert!(matches!(stream.next().await, Err(StreamError::Ended)));
}

#[tokio::test]
async fn what_the_server_refuses_has_a_name() {
    let world = World::new();
    for (sqlstate, message) in [
        ("55006", "replication slot \"walsift\" is active for PID 1"),
        ("42704", "replication slot \"walsift\" does not exist"),
        ("57P03", "the database system is starting up"),
    ] {
        let server = async { world.accept().await.refuse(sqlstate, message).await };
        let (opened, ()) = tokio::join!(PgWireStream::open(world.settings()), server);
        match (sqlstate, opened.unwrap_err()) {
            ("55006", StreamError::SlotInUse { .. }) | ("42704", StreamError::SlotMissing { .. }) => {}
            ("57P03", StreamError::Server { sqlstate, .. }) => assert_eq!(sqlstate.as_deref(), Some("57P03")),
            (_, other) => panic!("{sqlstate}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_error_in_mid_stream_follows_the_events_before_it() {
    let world = World::new();
    let (mut stream, mut server) = world.session(world.settings(), Rhythm::default()).await;
    server.keep_alive(Lsn(1)).await;
    server
        .refuse("57P01", "terminating connection due to administrator command")
        .await;
    assert!(stream.next().await.is_ok());
    let error = timeout(PATIENCE, stream.next()).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, StreamError::Server { sqlstate: Some(code), .. } if code == "57P01"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_is_noticed() {
    let world = World::new();
    let (mut stream, server) = world.session(world.settings(), Rhythm::default()).await;
    drop(server);
    let error = timeout(PATIENCE, stream.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, StreamError::Connection(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_connect_timeout() {
    let world = World::new();
    let settings = StreamSettings {
        connect_timeout: Duration::from_millis(100),
        ..world.settings()
    };
    let error = timeout(PATIENCE, PgWireStream::open(settings))
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, StreamError::ConnectTimeout { .. }), "{error:?}");
}

#[tokio::test]
async fn no_server_is_an_error_of_the_connection() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StreamSettings::new(
        directory.path().to_str().unwrap(),
        "reader",
        "shop",
        "walsift",
        "Walsift",
    );
    let error = PgWireStream::open(settings).await.unwrap_err();
    assert!(matches!(error, StreamError::Connection(_)), "{error:?}");
}
