//! A TCP proxy that does to connections what networks do: cuts them, in the middle of a message too, stalls, delays.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Most bytes that are passed on at once.
const CHUNK_BYTES: usize = 16 << 10;

/// What happens to everything that comes through. What is stalled is not lost: it goes on when the weather changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weather {
    /// Nothing more is read from the clients.
    pub stalled_up: bool,
    /// Nothing more is read from the target.
    pub stalled_down: bool,
    /// Each chunk is passed on so much later.
    pub delay: Duration,
}

/// Listens on 127.0.0.1 until it is dropped, and then cuts what is left.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _end: DropGuard,
}

struct Shared {
    target: Mutex<SocketAddr>,
    weather: watch::Sender<Weather>,
    /// The next chunk that comes through is torn in two.
    tear: AtomicBool,
    connections: Mutex<BTreeMap<u64, CancellationToken>>,
}

impl Proxy {
    /// In front of the host and port of a `postgresql://user@host:port/database`.
    pub async fn before(url: &str) -> Proxy {
        Self::before_address(authority(url).parse().unwrap()).await
    }

    pub async fn before_address(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            weather: watch::Sender::default(),
            tear: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let end = CancellationToken::new();
        let address = listener.local_addr().unwrap();
        tokio::spawn(
            end.clone()
                .run_until_cancelled_owned(accept(listener, Arc::clone(&shared), end.clone())),
        );
        Proxy {
            address,
            shared,
            _end: end.drop_guard(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.shared.connections.lock().unwrap().len()
    }

    /// The same URL through this proxy.
    pub fn url(&self, url: &str) -> String {
        url.replacen(authority(url), &self.address.to_string(), 1)
    }

    /// From now on new connections go there.
    pub fn lead_to(&self, url: &str) {
        *self.shared.target.lock().unwrap() = authority(url).parse().unwrap();
    }

    pub fn set_weather(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Cuts every connection. How many there were.
    pub fn cut_all(&self) -> usize {
        let connections = std::mem::take(&mut *self.shared.connections.lock().unwrap());
        connections.values().for_each(CancellationToken::cancel);
        connections.len()
    }

    /// Cuts one of the connections. Whether there was any.
    pub fn cut_one(&self, rng: &mut fastrand::Rng) -> bool {
        let connections = self.shared.connections.lock().unwrap();
        let chosen = rng.choice(connections.values());
        chosen.map(CancellationToken::cancel).is_some()
    }

    /// Of the next chunk that comes through, only the first half does; then its connection is cut.
    pub fn tear_next(&self) {
        self.shared.tear.store(true, Ordering::Relaxed);
    }
}

/// The `host:port` of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once('@').expect("the URL names a user").1;
    rest.split_once('/').expect("the URL names a database").0
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, end: CancellationToken) {
    for number in 0.. {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let token = end.child_token();
        shared.connections.lock().unwrap().insert(number, token.clone());
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // However it ends, both sockets are closed.
            let _ = token.run_until_cancelled(shared.converse(client)).await;
            shared.connections.lock().unwrap().remove(&number);
        });
    }
}

impl Shared {
    async fn converse(&self, client: TcpStream) -> io::Result<()> {
        let target = *self.target.lock().unwrap();
        let server = TcpStream::connect(target).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        // Neither side has anything to say once the other has left.
        tokio::select! {
            ended = self.pump(from_client, to_server, |weather| weather.stalled_up) => ended,
            ended = self.pump(from_server, to_client, |weather| weather.stalled_down) => ended,
        }
    }

    async fn pump(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        stalled: impl Fn(&Weather) -> bool,
    ) -> io::Result<()> {
        let mut weather = self.weather.subscribe();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            // Looked at after the reading as well: a read that was under way when the stall began is stalled, too.
            let _ = weather.wait_for(|weather| !stalled(weather)).await;
            let length = from.read(&mut chunk).await?;
            let delay = weather
                .wait_for(|weather| !stalled(weather))
                .await
                .map_or(Duration::ZERO, |weather| weather.delay);
            if length == 0 {
                return Ok(());
            }
            if delay > Duration::ZERO {
                tokio::time::sleep(delay).await;
            }
            if length > 1 && self.tear.swap(false, Ordering::Relaxed) {
                return to.write_all(&chunk[..length / 2]).await;
            }
            to.write_all(&chunk[..length]).await?;
        }
    }
}
