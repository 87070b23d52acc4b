//! Peers that go silent.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_postgres::error::SqlState;
use walsift::pg::{self, Dsn, Pool, Session};

use super::server::{port, session};
use crate::world::{DEADLINE, World, eventually};

/// Passes on what is said, until it is stalled: then it still takes what it is given, and that is all.
struct Proxy {
    port: u16,
    stalled: Arc<watch::Sender<bool>>,
}

impl Proxy {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stalled = Arc::new(watch::Sender::new(false));
        let sender = Arc::clone(&stalled);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, to_client) = client.into_split();
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(relay(from_client, to_server, sender.subscribe()));
                tokio::spawn(relay(from_server, to_client, sender.subscribe()));
            }
        });
        Self { port, stalled }
    }

    fn stall(&self) {
        self.stalled.send_replace(true);
    }
}

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, stalled: watch::Receiver<bool>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !*stalled.borrow() && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

fn through(proxy: &Proxy, world: &World) -> Dsn {
    let url = world.url();
    let url = url.replacen(&format!(":{}/", port(world.cluster())), &format!(":{}/", proxy.port), 1);
    url.parse().unwrap()
}

#[tokio::test]
async fn a_server_that_owes_an_answer_and_stays_silent_is_given_up() {
    let world = World::new().await;
    let proxy = Proxy::to(port(world.cluster())).await;
    let quick = Session {
        statement_timeout: Duration::from_millis(100),
        ..session()
    };
    let client = pg::connect(&through(&proxy, &world), &quick).await.unwrap();
    client.query_one("select 1", &[]).await.unwrap();
    proxy.stall();
    let error = client.query_one("select 1", &[]).await.unwrap_err();
    assert!(client.is_closed(), "{error:?}");
    if let Some(cause) = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
        assert_eq!(cause.kind(), io::ErrorKind::TimedOut);
    }
    assert_eq!(pg::disposition(&error), pg::Disposition::Connection);
}

#[tokio::test]
async fn a_statement_may_take_the_time_that_it_is_given() {
    let world = World::new().await;
    let quick = Session {
        statement_timeout: Duration::from_secs(1),
        ..session()
    };
    let client = pg::connect(&world.url().parse().unwrap(), &quick).await.unwrap();
    let error = client.query_one("select pg_sleep(60)", &[]).await.unwrap_err();
    assert_eq!(error.code().map(SqlState::code), Some("57014"), "{error:?}");
    client.query_one("select 1", &[]).await.unwrap();
}

#[tokio::test]
async fn a_pool_hands_out_none_of_the_connections_that_the_server_has_ended() {
    let world = World::new().await;
    let pool = Pool::new(&world.url().parse().unwrap(), &session(), 3).unwrap();
    let (a, b, c) = tokio::join!(pool.get(), pool.get(), pool.get());
    let clients = [a.unwrap(), b.unwrap(), c.unwrap()];
    world
        .sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        .await;
    for client in &clients {
        let closed = async || client.is_closed().then_some(());
        eventually(DEADLINE, "the connection is found closed", closed).await;
    }
    drop(clients);
    for _ in 0..3 {
        pool.get().await.unwrap().query_one("select 1", &[]).await.unwrap();
    }
}
