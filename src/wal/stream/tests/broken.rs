//! A server, or a network, that does not behave. Every step ends.

use std::time::Duration;

use tokio::io::{AsyncWriteExt, duplex};
use tokio::time::{Instant, timeout};

use super::super::super::Lsn;
use super::super::settings::Rhythm;
use super::super::{Reading, Session, StreamError, WalSource};
use super::{CALM, HASTY, PATIENCE, PIPE_BYTES, Server, data, login, opened, reading, stream};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_silent_server_is_a_dead_one() {
    for half_a_message in [b"".as_slice(), b"d\0\0\x10\0w half a mess"] {
        let (mut stream, mut server) = stream(reading(), HASTY).await;
        server.keep_alive(Lsn(1)).await;
        server.0.write_all(half_a_message).await.unwrap();
        assert!(stream.next().await.is_ok());
        let heard_at = Instant::now();
        let error = timeout(PATIENCE, stream.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, StreamError::Silent(_)), "{error}");
        assert!(heard_at.elapsed() >= HASTY.silence_max / 2);
        assert!(matches!(stream.next().await, Err(StreamError::Ended)));
        // It was asked.
        while !server.status().await.1 {}
    }
}

#[tokio::test]
async fn a_server_that_was_silent_before_is_given_more_time() {
    let reading = Reading {
        patience: 3,
        ..reading()
    };
    let (mut stream, _server) = stream(reading, HASTY).await;
    let began = Instant::now();
    let error = timeout(PATIENCE, stream.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, StreamError::Silent(_)), "{error}");
    assert!(began.elapsed() >= HASTY.silence_max * 2);
}

#[tokio::test]
async fn a_server_that_answers_lives() {
    let (mut stream, mut server) = stream(reading(), HASTY).await;
    let began = Instant::now();
    let serve = async {
        while began.elapsed() < HASTY.silence_max * 3 {
            if server.status().await.1 {
                server.keep_alive(Lsn(1)).await;
            }
        }
    };
    tokio::select! {
        () = serve => {}
        error = async { loop { if let Err(error) = stream.next().await { break error } } } => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_is_noticed() {
    let (mut stream, server) = stream(reading(), CALM).await;
    drop(server);
    let error = timeout(PATIENCE, stream.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, StreamError::Connection(_)), "{error:?}");
}

#[tokio::test]
async fn lengths_and_types_that_cannot_be_end_the_stream() {
    for bytes in [
        b"d\xff\xff\xff\xff".as_slice(),
        b"d\0\0\0\x03",
        b"d\x40\0\0\0",
        b"?\0\0\0\x04",
        b"d\0\0\0\x05?",
        b"d\0\0\0\x06k?",
        b"d\0\0\0\x06w?",
    ] {
        let (mut stream, mut server) = stream(reading(), CALM).await;
        server.0.write_all(bytes).await.unwrap();
        let error = timeout(PATIENCE, stream.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, StreamError::Protocol(_)), "{error:?}");
        assert!(matches!(stream.next().await, Err(StreamError::Ended)));
    }
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_limit() {
    for step in ["greeting", "proof", "start"] {
        let (ours, theirs) = duplex(PIPE_BYTES);
        let mut server = Server(theirs);
        let login = login();
        let open = async {
            let session = Session::enter(ours, None, &login, SHORT, CALM).await?;
            session.start(&reading()).await
        };
        let stall = async {
            match step {
                "proof" => {
                    server.greeted().await;
                    server.0.write_all(b"R\0\0").await.unwrap();
                }
                "start" => {
                    server.admit().await;
                    server.asked().await;
                }
                _ => {}
            }
            std::future::pending::<()>().await;
        };
        let opened = async {
            tokio::select! { opened = open => opened, () = stall => unreachable!() }
        };
        let error = timeout(PATIENCE, opened).await.unwrap().unwrap_err();
        assert!(matches!(error, StreamError::ConnectTimeout { .. }), "{step}: {error:?}");
    }
}

#[tokio::test]
async fn what_the_server_refuses_has_a_name() {
    for (sqlstate, message) in [
        ("55006", "replication slot \"walsift\" is active for PID 1"),
        ("42704", "replication slot \"walsift\" does not exist"),
        ("55000", "can no longer access replication slot \"walsift\""),
        ("57P03", "the database system is starting up"),
    ] {
        let refused = opened(async |server: &mut Server| {
            server.admit().await;
            server.asked().await;
            server.refuse(sqlstate, message).await;
        });
        match (sqlstate, refused.await.unwrap_err()) {
            ("55006", StreamError::SlotInUse { .. })
            | ("42704", StreamError::SlotMissing { .. })
            | ("55000", StreamError::SlotUnusable { .. }) => {}
            ("57P03", StreamError::Server(said)) => {
                assert_eq!((said.sqlstate.as_str(), said.message.as_str()), (sqlstate, message));
            }
            (_, other) => panic!("{sqlstate}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_refused() {
    let error = opened(async |server: &mut Server| {
        server.greeted().await;
        server.0.write_all(b"E\x3f\0\0\0").await.unwrap();
    });
    assert!(matches!(error.await, Err(StreamError::Protocol(_))));
}

#[tokio::test]
async fn closing_ends_whatever_the_server_does() {
    let rhythm = Rhythm { leave: SHORT, ..CALM };
    // Idle, in the middle of a message, gone, and in the middle of more than anybody takes.
    for state in ["idle", "half", "gone", "flood"] {
        let tight = Reading {
            buffer_bytes: 1000,
            patience: 1,
            ..reading()
        };
        let (mut stream, mut server) = stream(tight, rhythm).await;
        let mut flood = None;
        match state {
            "half" => server.0.write_all(b"d\0\0\x10\0w half a mess").await.unwrap(),
            "gone" => drop(server),
            "flood" => {
                flood = Some(tokio::spawn(async move {
                    while server.0.write_all(&data(&[b'I'; 8000])).await.is_ok() {}
                }));
            }
            _ => {}
        }
        stream.confirm(Lsn(100));
        timeout(PATIENCE, stream.close())
            .await
            .unwrap_or_else(|_| panic!("{state}: still closing"));
        if let Some(flood) = flood {
            // The connection is gone, too.
            timeout(PATIENCE, flood).await.unwrap().unwrap();
        }
    }
}
