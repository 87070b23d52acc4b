//! A server that behaves.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Instant, timeout};

use super::super::super::encoder::{Sent, encode};
use super::super::super::{Fork, Identity, Lsn};
use super::super::settings::Rhythm;
use super::super::{Event, Reading, Session, StreamError, WalSource};
use super::{CALM, HASTY, PATIENCE, PIPE_BYTES, Server, data, keep_alive, login, reading, stream};

#[tokio::test]
async fn events_arrive_in_order_and_a_cancelled_wait_loses_none() {
    let (mut stream, mut server) = stream(reading(), CALM).await;
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
            let row = [b"I".as_slice(), &i.to_be_bytes()].concat();
            assert_eq!(event, Event::Data(Bytes::from(row)));
        }
        assert_eq!(stream.next().await.unwrap(), Event::KeepAlive { wal_end: Lsn(77) });
    };
    timeout(PATIENCE, async { tokio::join!(write, read) }).await.unwrap();
}

#[tokio::test]
async fn what_is_said_beside_the_matter_is_passed_over() {
    let (mut stream, mut server) = stream(reading(), CALM).await;
    server.write(b'N', b"SNOTICE\0C00000\0Mby the way\0\0").await;
    server.write(b'S', b"TimeZone\0UTC\0").await;
    server.send(b"I1").await;
    assert_eq!(stream.next().await.unwrap(), Event::Data(Bytes::from_static(b"I1")));
}

#[tokio::test]
async fn a_warning_that_changes_are_left_out_is_not_passed_over() {
    let (mut stream, mut server) = stream(reading(), CALM).await;
    let warning = b"SWARNUNG\0VWARNING\0C55000\0M\xc3\xbcbersprungen\0Fpgoutput.c\0RLoadPublications\0\0";
    server.write(b'N', warning).await;
    server.keep_alive(Lsn(77)).await;
    let error = stream.next().await.unwrap_err();
    assert!(matches!(error, StreamError::PublicationMissing { .. }), "{error:?}");
    assert!(matches!(stream.next().await, Err(StreamError::Ended)));
}

#[tokio::test]
async fn a_message_larger_than_every_buffer_passes() {
    let (mut stream, mut server) = stream(
        Reading {
            buffer_bytes: 1000,
            patience: 1,
            ..reading()
        },
        CALM,
    )
    .await;
    let row = [b"I".as_slice(), &vec![7; 3 << 20]].concat();
    let write = async {
        server.send(&row).await;
        server.send(b"I1").await;
    };
    let (event, ()) = tokio::join!(stream.next(), write);
    assert_eq!(event.unwrap(), Event::Data(Bytes::from(row)));
    assert_eq!(stream.next().await.unwrap(), Event::Data(Bytes::from_static(b"I1")));
}

#[tokio::test]
async fn a_confirmed_position_reaches_an_idle_server_and_no_further_word_does() {
    let (mut stream, mut server) = stream(reading(), CALM).await;
    for lsn in [Lsn(100), Lsn(200)] {
        stream.confirm(lsn);
        stream.confirm(Lsn(50));
        assert_eq!(server.confirmed(lsn).await, 1);
    }
    server.0.write_all(&keep_alive(Lsn(300), true)).await.unwrap();
    // The answer is the next that is said.
    assert_eq!(server.status().await, (Lsn(200), false));
}

#[tokio::test]
async fn positions_that_follow_fast_are_told_together() {
    let rhythm = Rhythm {
        confirm: Duration::from_millis(200),
        ..CALM
    };
    let (mut stream, mut server) = stream(reading(), rhythm).await;
    let began = Instant::now();
    for lsn in 1..=100 {
        stream.confirm(Lsn(lsn));
        tokio::task::yield_now().await;
    }
    let statuses = server.confirmed(Lsn(100)).await;
    let periods = began.elapsed().as_millis() / rhythm.confirm.as_millis();
    assert!(statuses as u128 <= periods + 2, "{statuses} in {periods} periods");
}

#[tokio::test]
async fn a_position_is_confirmed_and_the_server_asked_while_nobody_reads() {
    let reading = Reading {
        buffer_bytes: 1000,
        patience: 1,
        ..reading()
    };
    let (mut stream, server) = stream(reading, HASTY).await;
    let (mut from_us, mut to_us) = tokio::io::split(server.0);
    // More than all buffers on the way hold, so that the writer is stuck until the end.
    let writer = tokio::spawn(async move { while to_us.write_all(&data(&[b'I'; 8000])).await.is_ok() {} });
    stream.confirm(Lsn(300));
    // For longer than a silence may last.
    let mut asked = 0;
    timeout(PATIENCE, async {
        while asked < 8 {
            let mut status = [0; 39];
            from_us.read_exact(&mut status).await.unwrap();
            asked += usize::from(status[38]);
        }
    })
    .await
    .unwrap();
    assert!(stream.next().await.is_ok());
    writer.abort();
}

#[tokio::test]
async fn closing_tells_the_last_position_and_waits_until_the_slot_is_free() {
    let (mut stream, mut server) = stream(reading(), CALM).await;
    stream.confirm(Lsn(100));
    let closing = tokio::spawn(stream.close());
    server.confirmed(Lsn(100)).await;
    while let (b'd', _) = server.read().await {}
    assert!(!closing.is_finished());
    // What was under way, then the end.
    server.send(b"I1").await;
    server.write(b'c', b"").await;
    assert!(!closing.is_finished());
    server.write(b'C', b"COPY 0\0").await;
    server.write(b'Z', b"I").await;
    assert_eq!(server.read().await.0, b'X');
    assert!(server.try_read().await.is_none());
    closing.await.unwrap();
}

#[tokio::test]
async fn a_dropped_stream_leaves() {
    let (mut stream, mut server) = stream(reading(), CALM).await;
    stream.confirm(Lsn(100));
    drop(stream);
    server.confirmed(Lsn(100)).await;
    while let (b'd', _) = server.read().await {}
    server.write(b'C', b"COPY 0\0").await;
    assert_eq!(server.read().await.0, b'X');
}

#[tokio::test(start_paused = true)]
async fn only_a_reader_that_is_behind_waits_for_more() {
    let rhythm = Rhythm {
        gather: Duration::from_mins(1),
        ..CALM
    };
    let (mut stream, mut server) = stream(reading(), rhythm).await;
    let micros = 5_000_000;
    let begin = encode(&Sent::Begin {
        final_lsn: 10,
        micros,
        xid: 7,
    });
    // Sent a millisecond, and a second, after the commit.
    for (sent_at, waits) in [(micros + 1000, false), (micros + 1_000_000, true)] {
        let since = Instant::now();
        server.send_at(sent_at, &begin).await;
        stream.next().await.unwrap();
        assert_eq!(since.elapsed(), Duration::ZERO);
        server.send_at(sent_at, b"I1").await;
        stream.next().await.unwrap();
        assert_eq!(since.elapsed() >= rhythm.gather, waits);
    }
    // A read that has brought much is followed by the next at once, however late.
    let since = Instant::now();
    for _ in 0..2 {
        let row = vec![b'I'; 1 << 20];
        let sent = async { server.send_at(micros + 1_000_000, &row).await };
        let ((), event) = tokio::join!(sent, stream.next());
        event.unwrap();
    }
    assert!(since.elapsed() < rhythm.gather * 2);
}

#[tokio::test]
async fn an_error_in_mid_stream_follows_the_events_before_it() {
    let (mut stream, mut server) = stream(reading(), CALM).await;
    server.keep_alive(Lsn(1)).await;
    server
        .refuse("57P01", "terminating connection due to administrator command")
        .await;
    assert!(stream.next().await.is_ok());
    let error = timeout(PATIENCE, stream.next()).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, StreamError::Server(said) if said.sqlstate == "57P01"),
        "{error:?}"
    );
    assert!(matches!(stream.next().await, Err(StreamError::Ended)));
    assert!(matches!(stream.try_next(), Some(Err(StreamError::Ended))));
    stream.close().await;
}

#[tokio::test]
async fn a_server_that_shuts_down_says_so() {
    let (mut stream, mut server) = stream(reading(), CALM).await;
    server.send(b"I1").await;
    server.write(b'C', b"COPY 0\0").await;
    assert!(stream.next().await.is_ok());
    assert!(matches!(stream.next().await, Err(StreamError::Dismissed)));
    assert!(matches!(stream.next().await, Err(StreamError::Ended)));
}

#[tokio::test]
async fn a_session_tells_who_the_server_is_before_it_streams() {
    let (ours, theirs) = duplex(PIPE_BYTES);
    let mut server = Server(theirs);
    let serve = async {
        let greeting = server.greeted().await;
        assert!(greeting.contains("\0replication\0database\0"), "{greeting}");
        server.write(b'R', &[0; 4]).await;
        server.ready().await;
        assert_eq!(server.asked().await, "IDENTIFY_SYSTEM");
        server.write(b'T', b"\0\0").await;
        let row = b"\0\x04\0\0\0\x1418000000000000000001\0\0\0\x013\0\0\0\x0816/B374D\0\0\0\x04shop";
        server.write(b'D', row).await;
        server.write(b'C', b"IDENTIFY_SYSTEM\0").await;
        server.write(b'Z', b"I").await;
        assert_eq!(server.asked().await, "TIMELINE_HISTORY 3");
        server
            .write(b'D', b"\0\x02\0\0\0\x010\0\0\0\x161\t0/10\tx\n\n2\t0/20\tno\ty\n")
            .await;
        server.write(b'C', b"TIMELINE_HISTORY\0").await;
        server.write(b'Z', b"I").await;
    };
    let ask = async {
        let mut session = Session::enter(ours, None, &login(), PATIENCE, CALM).await.unwrap();
        assert_eq!(session.parameter("in_hot_standby"), Some("off"));
        let identity = session.identify().await.unwrap();
        let expected = Identity {
            system_identifier: 18_000_000_000_000_000_001_u64.cast_signed(),
            timeline: 3,
        };
        assert_eq!(identity, expected);
        assert_eq!(session.timeline_history(1).await.unwrap(), []);
        let history = session.timeline_history(identity.timeline).await.unwrap();
        let fork = |timeline, at| Fork { timeline, at: Lsn(at) };
        assert_eq!(history, [fork(1, 0x10), fork(2, 0x20)]);
    };
    timeout(PATIENCE, async { tokio::join!(serve, ask) }).await.unwrap();
}
