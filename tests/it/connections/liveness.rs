//! Peers that go silent.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use tokio_postgres::error::SqlState;
use walsift::pg::{self, Dsn, Pool, Session};

use super::server::session;
use crate::world::{DEADLINE, Proxy, Weather, World, eventually};

#[tokio::test]
async fn a_server_that_owes_an_answer_and_stays_silent_is_given_up() {
    let world = World::new().await;
    let proxy = Proxy::before(&world.url()).await;
    let quick = Session {
        statement_timeout: Duration::from_millis(100),
        ..session()
    };
    let through: Dsn = proxy.url(&world.url()).parse().unwrap();
    let client = pg::connect(&through, &quick).await.unwrap();
    client.query_one("select 1", &[]).await.unwrap();
    proxy.set_weather(Weather {
        stalled_down: true,
        ..Weather::default()
    });
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
